//! One commit: which of the waiting events are new, what they cost each organization, and the
//! rows that say so.
//!
//! Owns the rule of replays (the same source and id with the same content counts once, with other
//! content is refused) and the remainder that is carried from batch to batch. Does not own what a
//! batch pays with: that is `posting_rules::usage`.

use std::collections::{BTreeMap, HashMap, HashSet};

use ledger::bulk::Head;
use ledger::{Batch, Source};
use types::ids::{BatchId, OrganizationId};
use types::money::Cost;
use types::time::Timestamp;

use super::bulk::{
    Bulk, BulkTx, Carry, EventRow, Known, UniqueKey, UsageBatch, WriteError, Writes,
};
use super::hold_jobs;
use super::priced::{Priced, SeriesKey, SourceKey};
use super::queue::{Job, Outcome, Task};
use super::rollup::counted::sum_up;
use super::rollup::sums::BatchSums;
use super::{FirstUse, IngestError, Ingested};
use crate::StoreError::GaveWay;
use crate::holds::desk::{Desk, get_head};
use crate::holds::gate::{Gate, Sight, Turn};
use crate::{StoreError, posting_rules};

/// How often a commit is tried while others count the same events at the same time.
const MOST_ATTEMPTS: usize = 8;
/// The most numbers that are remembered; beyond it they are looked up again.
const MOST_NUMBERS: usize = 100_000;

/// The locked books of a commit.
type Heads = BTreeMap<OrganizationId, Head>;

/// The numbers of sources and series, as committed.
#[derive(Default)]
pub(super) struct Numbers {
    sources: HashMap<SourceKey, i64>,
    series: HashMap<SeriesKey, i64>,
}

impl Numbers {
    fn learn(&mut self, found: Self) {
        if self.sources.len() + self.series.len() > MOST_NUMBERS {
            *self = Self::default();
        }
        self.sources.extend(found.sources);
        self.series.extend(found.series);
    }
}

/// Why nothing of a commit is known to be kept.
#[derive(Debug)]
pub(super) enum CommitError {
    /// There are rates that the events were priced without.
    NewRates,
    Store(StoreError),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What became of each job, in their order.
pub(super) struct Committed {
    pub(super) outcomes: Vec<Outcome>,
    /// What organizations have available after it; `None`: nothing was looked at.
    pub(super) sight: Option<Sight>,
    /// Whether an event had been counted before: then others of its sender are likely to be.
    pub(super) had_replays: bool,
    /// What the new events add up to, batch by batch.
    pub(super) sums: Vec<BatchSums>,
}

/// Commits what is new of `jobs`, which were priced when there were `rate_count` versions of
/// rates.
pub(super) async fn commit(
    (bulk, gate): (&impl Bulk, &Gate),
    numbers: &mut Numbers,
    jobs: &[Job],
    rate_count: i64,
    now: Timestamp,
    expects_replays: bool,
) -> Result<Committed, CommitError> {
    let mut looks_first = expects_replays;
    for _ in 0..MOST_ATTEMPTS {
        match attempt(bulk, gate, numbers, jobs, rate_count, now, looks_first).await {
            Ok(committed) => return Ok(committed),
            // Somebody has counted it, just now or long ago: the next look finds it.
            Err(AttemptError::KnownKey | AttemptError::Commit(CommitError::Store(GaveWay))) => {
                looks_first = true;
            }
            Err(AttemptError::Commit(error)) => return Err(error),
        }
    }
    Err(CommitError::Store(StoreError::Busy))
}

enum AttemptError {
    KnownKey,
    Commit(CommitError),
}

impl From<StoreError> for AttemptError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

impl From<WriteError> for AttemptError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::KnownKey => Self::KnownKey,
            WriteError::Store(error) => error.into(),
        }
    }
}

async fn attempt(
    bulk: &impl Bulk,
    gate: &Gate,
    numbers: &mut Numbers,
    jobs: &[Job],
    rate_count: i64,
    now: Timestamp,
    looks_first: bool,
) -> Result<Committed, AttemptError> {
    let mut tx = bulk.begin().await?;
    if tx.rate_count().await? != rate_count {
        return Err(AttemptError::Commit(CommitError::NewRates));
    }
    let found = find_numbers(&mut tx, numbers, jobs).await?;
    let asked = hold_jobs::asked(jobs);
    // What becomes of a hold depends on what it is under the lock.
    let mut locked = match &asked {
        Some(_) => Some(Locked::take(&mut tx, gate, organizations(jobs)).await?),
        None => None,
    };
    let source_no = |priced: &Priced| {
        let known = numbers.sources.get(&priced.source);
        known.or_else(|| found.sources.get(&priced.source)).copied()
    };
    let series_no = |priced: &Priced| {
        let known = numbers.series.get(&priced.series);
        known.or_else(|| found.series.get(&priced.series)).copied()
    };
    let known = if looks_first {
        let keys: Vec<UniqueKey> = reported_events(jobs)
            .filter_map(|priced| Some((priced.key, source_no(priced)?)))
            .collect();
        tx.known(&keys).await?
    } else {
        HashMap::new()
    };
    let mut desk = match &asked {
        Some(asked) => Some(Desk::new(tx.holds(asked, now).await?, now)),
        None => None,
    };
    let mut chosen = choose(jobs, &known, &mut desk, now, source_no)?;
    let nos = match chosen.new.len() {
        0 => Vec::new(),
        count => tx.batch_nos(count).await?,
    };
    let events = rows(&chosen.new, &nos, series_no)?;
    // To write them is most of the work: where it can be, it is done before the books are locked,
    // and several writers do it at the same time.
    if !events.is_empty() {
        tx.write_events(&events).await?;
        if locked.is_none() {
            let organizations = chosen.new.keys().copied().collect();
            locked = Some(Locked::take(&mut tx, gate, organizations).await?);
        }
    }
    let Some(Locked { mut heads, turn }) = locked else {
        return Ok(Committed {
            outcomes: all_of(chosen.outcomes)?,
            sight: None,
            had_replays: chosen.had_replays,
            sums: Vec::new(),
        });
    };
    let mut writes = Writes::default();
    if !chosen.new.is_empty() {
        let organizations: Vec<_> = chosen.new.keys().copied().collect();
        let carries = tx.carries(&organizations).await?;
        plan(&mut writes, &mut heads, &chosen.new, &carries, nos, now)?;
    }
    if let Some(desk) = desk {
        let outcomes = &mut chosen.outcomes;
        writes.holds = hold_jobs::settle(desk, jobs, outcomes, &mut heads, &events, now)?;
    }
    let available = hold_jobs::known_available(&heads, asked.as_ref(), now)?;
    let sums = sum_up(&writes.batches, &events)?;
    let outcomes = all_of(chosen.outcomes)?;
    if !writes.batches.is_empty() || !writes.holds.is_empty() {
        writes.heads = heads.into_values().filter(Head::is_changed).collect();
        tx.write_books(&writes).await?;
        tx.commit().await?;
        numbers.learn(found);
    }
    Ok(Committed {
        outcomes,
        sight: Some(Sight { turn, available }),
        had_replays: chosen.had_replays,
        sums,
    })
}

/// The locked books of a commit, and the gate's turn that was taken under their locks.
struct Locked {
    heads: Heads,
    turn: Turn,
}

impl Locked {
    /// Locks the books of `organizations`, which are in the order of their ids.
    async fn take(
        tx: &mut impl BulkTx,
        gate: &Gate,
        organizations: Vec<OrganizationId>,
    ) -> Result<Self, StoreError> {
        let heads = tx.lock_heads(&organizations).await?;
        Ok(Self {
            heads: heads
                .into_iter()
                .map(|head| (head.organization(), head))
                .collect(),
            turn: gate.take_turn(),
        })
    }
}

/// Whose the jobs are, in the order in which their books are locked.
fn organizations(jobs: &[Job]) -> Vec<OrganizationId> {
    let mut all: Vec<_> = jobs.iter().map(|job| job.organization).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn all_events(jobs: &[Job]) -> impl Iterator<Item = &Priced> {
    jobs.iter().flat_map(Job::events)
}

/// Those that may have been counted before: whether a capture was is known by its hold.
fn reported_events(jobs: &[Job]) -> impl Iterator<Item = &Priced> {
    let reports = jobs
        .iter()
        .filter(|job| matches!(job.task, Task::Usage { .. }));
    reports.flat_map(Job::events)
}

fn all_of(outcomes: Vec<Option<Outcome>>) -> Result<Vec<Outcome>, StoreError> {
    let outcomes: Option<Vec<Outcome>> = outcomes.into_iter().collect();
    outcomes.ok_or_else(|| StoreError::Inconsistent("a job without an outcome".to_owned()))
}

/// The numbers that are not remembered yet.
async fn find_numbers(
    tx: &mut impl BulkTx,
    numbers: &Numbers,
    jobs: &[Job],
) -> Result<Numbers, StoreError> {
    let mut found = Numbers::default();
    let sources: HashSet<&SourceKey> = all_events(jobs)
        .map(|priced| &priced.source)
        .filter(|key| !numbers.sources.contains_key(key))
        .collect();
    if !sources.is_empty() {
        let sources: Vec<&SourceKey> = sources.into_iter().collect();
        let nos = tx.source_nos(&sources).await?;
        found.sources = sources.into_iter().cloned().zip(nos).collect();
    }
    let series: HashSet<&SeriesKey> = all_events(jobs)
        .map(|priced| &priced.series)
        .filter(|key| !numbers.series.contains_key(key))
        .collect();
    if !series.is_empty() {
        let series: Vec<&SeriesKey> = series.into_iter().collect();
        let nos = tx.series_nos(&series).await?;
        found.series = series.into_iter().cloned().zip(nos).collect();
    }
    Ok(found)
}

/// Which events are new, by organization, and what each job is answered.
struct Chosen<'e> {
    new: BTreeMap<OrganizationId, Vec<(&'e Priced, i64)>>,
    /// Nothing yet for holds that are to be opened.
    outcomes: Vec<Option<Outcome>>,
    had_replays: bool,
}

/// Job by job, in the order in which they came: all of a job's new events are counted, or none.
fn choose<'e>(
    jobs: &'e [Job],
    known: &HashMap<UniqueKey, Known>,
    desk: &mut Option<Desk>,
    now: Timestamp,
    source_no: impl Fn(&Priced) -> Option<i64>,
) -> Result<Chosen<'e>, StoreError> {
    let mut chosen = Chosen {
        new: BTreeMap::new(),
        outcomes: Vec::with_capacity(jobs.len()),
        had_replays: !known.is_empty(),
    };
    let numbered = |priced: &'e Priced| {
        let no = source_no(priced);
        no.map(|no| (priced, no))
            .ok_or_else(|| StoreError::Inconsistent("a source without number".to_owned()))
    };
    let mut taken: HashMap<UniqueKey, [u8; 16]> = HashMap::new();
    for job in jobs {
        let (outcome, new) = match &job.task {
            Task::Usage { events, sent, .. } => {
                let events = events
                    .iter()
                    .map(|(index, priced)| Ok((*index, numbered(priced)?)))
                    .collect::<Result<Vec<_>, StoreError>>()?;
                match new_of(&events, known, &mut taken, now) {
                    Ok(new) => {
                        let ingested = Ingested {
                            counted: new.len(),
                            already_counted: sent - new.len(),
                        };
                        (Some(Outcome::Usage(Ok(ingested))), new)
                    }
                    Err(conflict) => (Some(Outcome::Usage(Err(conflict))), Vec::new()),
                }
            }
            Task::Hold { act, .. } => {
                let done = desk
                    .as_mut()
                    .and_then(|desk| hold_jobs::act(desk, job.organization, act, now));
                let (outcome, event) = done.unzip();
                let event = event.flatten().map(numbered).transpose()?;
                (outcome.map(Outcome::Hold), Vec::from_iter(event))
            }
        };
        chosen.outcomes.push(outcome);
        if !new.is_empty() {
            chosen.new.entry(job.organization).or_default().extend(new);
        }
    }
    Ok(chosen)
}

/// Those of a call's events that were not counted before.
fn new_of<'e>(
    events: &[(usize, (&'e Priced, i64))],
    known: &HashMap<UniqueKey, Known>,
    taken: &mut HashMap<UniqueKey, [u8; 16]>,
    now: Timestamp,
) -> Result<Vec<(&'e Priced, i64)>, IngestError> {
    let mut new = Vec::with_capacity(events.len());
    for (index, (priced, source_no)) in events {
        let unique = (priced.key, *source_no);
        let earlier = known
            .get(&unique)
            .map(|known| (known.content_hash, known.received_at))
            .or_else(|| taken.get(&unique).map(|hash| (*hash, now)));
        match earlier {
            None => new.push((*priced, *source_no)),
            Some((content_hash, _)) if content_hash == priced.content_hash => {}
            Some((_, received_at)) => {
                let (index, first) = (*index, FirstUse::Received(received_at));
                return Err(IngestError::Conflict { index, first });
            }
        }
    }
    taken.extend(
        new.iter()
            .map(|(priced, no)| ((priced.key, *no), priced.content_hash)),
    );
    Ok(new)
}

/// The rows of the new events: batch by batch, each in the order in which its events came.
fn rows<'e>(
    new: &BTreeMap<OrganizationId, Vec<(&'e Priced, i64)>>,
    nos: &[i64],
    series_no: impl Fn(&Priced) -> Option<i64>,
) -> Result<Vec<EventRow<'e>>, StoreError> {
    let mut rows = Vec::with_capacity(new.values().map(Vec::len).sum());
    for (events, no) in new.values().zip(nos) {
        for (position, (priced, source_no)) in (0_i64..).zip(events.iter()) {
            rows.push(EventRow {
                batch_no: *no,
                position,
                source_no: *source_no,
                series_no: series_no(priced).ok_or_else(|| {
                    StoreError::Inconsistent("a series without number".to_owned())
                })?,
                priced,
            });
        }
    }
    Ok(rows)
}

/// One batch for each organization, and what it moves.
fn plan(
    writes: &mut Writes,
    heads: &mut Heads,
    new: &BTreeMap<OrganizationId, Vec<(&Priced, i64)>>,
    carries: &HashMap<OrganizationId, Carry>,
    nos: Vec<i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for ((organization, events), no) in new.iter().zip(nos) {
        let organization = *organization;
        let head = get_head(heads, organization)?;
        let carry = carries.get(&organization).copied().unwrap_or_default();
        let batch = pay(head, no, events, carry, now)?;
        if batch.posted.is_positive() {
            let transfers = posting_rules::usage::transfers(
                organization,
                head.open_lots(),
                batch.booked_at,
                batch.posted,
            )?;
            let posted = Batch {
                id: batch.id,
                source: Source::new("usage", batch.id),
                code: "usage",
                transfers,
                opens: Vec::new(),
                booked_at: batch.booked_at,
            };
            writes.posted.push(head.post(posted, now)?);
        }
        writes.batches.push(batch);
    }
    Ok(())
}

/// What an organization's new events cost together, and what of it can be posted.
fn pay(
    head: &Head,
    no: i64,
    events: &[(&Priced, i64)],
    last: Carry,
    now: Timestamp,
) -> Result<UsageBatch, StoreError> {
    let cost = events
        .iter()
        .try_fold(Cost::ZERO, |sum, (priced, _)| sum.plus(priced.cost))?;
    let (posted, carry_after) = last.cost.plus(cost)?.into_money_and_carry()?;
    Ok(UsageBatch {
        no,
        id: BatchId::generate(),
        organization: head.organization(),
        sequence: last.sequence + 1,
        event_count: i64::try_from(events.len())
            .map_err(|_| StoreError::Inconsistent("a batch of too many events".to_owned()))?,
        cost,
        posted,
        carry_before: last.cost,
        carry_after,
        // Not `now` alone: a batch that posts nothing must not stand before those that did.
        booked_at: now.max(head.booked_at()),
        created_at: now,
    })
}

//! One commit: which of the waiting events are new, what they cost each organization, and the
//! rows that say so.
//!
//! Owns the rule of replays (the same source and id with the same content counts once, with other
//! content is refused) and the remainder that is carried from batch to batch. Does not own what a
//! batch pays with: that is `posting_rules::usage`.

use std::collections::{BTreeMap, HashMap, HashSet};

use ledger::bulk::Head;
use ledger::{Batch, Source};
use types::balance::Balance;
use types::ids::{BatchId, OrganizationId};
use types::money::{Cost, Money};
use types::time::Timestamp;

use super::bulk::{
    Bulk, BulkTx, DayKey, EventRow, Known, UniqueKey, UsageBatch, WriteError, Writes,
};
use super::priced::{Priced, SeriesKey, SourceKey};
use super::queue::Job;
use super::{FirstUse, IngestError, Ingested};
use crate::{StoreError, chart, posting_rules};

/// The most numbers that are remembered; beyond it they are looked up again.
const MOST_NUMBERS: usize = 100_000;

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
    pub(super) results: Vec<Result<Ingested, IngestError>>,
    /// Whether an event had been counted before: then others of its sender are likely to be.
    pub(super) had_replays: bool,
}

/// Commits what is new of `jobs`, which were priced when there were `rate_count` versions of
/// rates.
pub(super) async fn commit(
    bulk: &impl Bulk,
    numbers: &mut Numbers,
    jobs: &[Job],
    rate_count: i64,
    now: Timestamp,
    expects_replays: bool,
) -> Result<Committed, CommitError> {
    if !expects_replays {
        match attempt(bulk, numbers, jobs, rate_count, now, false).await {
            Err(AttemptError::KnownKey) => {}
            Err(AttemptError::Commit(error)) => return Err(error),
            Ok(committed) => return Ok(committed),
        }
    }
    match attempt(bulk, numbers, jobs, rate_count, now, true).await {
        Ok(committed) => Ok(committed),
        Err(AttemptError::Commit(error)) => Err(error),
        // Under the locks of all books nobody else could have counted it after the look-up.
        Err(AttemptError::KnownKey) => Err(CommitError::Store(StoreError::Inconsistent(
            "an event is there that was not found".to_owned(),
        ))),
    }
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

async fn attempt(
    bulk: &impl Bulk,
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
    let organizations: Vec<OrganizationId> = {
        let mut all: Vec<_> = jobs.iter().map(|job| job.organization).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let heads = tx.lock_heads(&organizations).await?;
    let source_no = |priced: &Priced| {
        let known = numbers.sources.get(&priced.source);
        known.or_else(|| found.sources.get(&priced.source)).copied()
    };
    let series_no = |priced: &Priced| {
        let known = numbers.series.get(&priced.series);
        known.or_else(|| found.series.get(&priced.series)).copied()
    };
    let known = if looks_first {
        let keys: Vec<UniqueKey> = all_events(jobs)
            .filter_map(|priced| Some((priced.key, source_no(priced)?)))
            .collect();
        tx.known(&keys).await?
    } else {
        HashMap::new()
    };
    let chosen = choose(jobs, &known, now, source_no)?;
    if !chosen.new.is_empty() {
        let carries = tx.carries(&organizations).await?;
        let nos = tx.batch_nos(chosen.new.len()).await?;
        let writes = plan(heads, chosen.new, &carries, nos, now, series_no)?;
        tx.write(&writes).await.map_err(|error| match error {
            WriteError::KnownKey => AttemptError::KnownKey,
            WriteError::Store(error) => error.into(),
        })?;
        tx.commit().await?;
        numbers.learn(found);
    }
    Ok(Committed {
        results: chosen.results,
        had_replays: chosen.had_replays,
    })
}

fn all_events(jobs: &[Job]) -> impl Iterator<Item = &Priced> {
    jobs.iter()
        .flat_map(|job| job.events.iter().map(|(_, priced)| priced))
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
    results: Vec<Result<Ingested, IngestError>>,
    had_replays: bool,
}

/// Job by job, in the order in which they came: all of a job's new events are counted, or none.
fn choose<'e>(
    jobs: &'e [Job],
    known: &HashMap<UniqueKey, Known>,
    now: Timestamp,
    source_no: impl Fn(&Priced) -> Option<i64>,
) -> Result<Chosen<'e>, StoreError> {
    let mut chosen = Chosen {
        new: BTreeMap::new(),
        results: Vec::with_capacity(jobs.len()),
        had_replays: !known.is_empty(),
    };
    let mut taken: HashMap<UniqueKey, [u8; 16]> = HashMap::new();
    for job in jobs {
        let mut new = Vec::with_capacity(job.events.len());
        let mut conflict = None;
        for (index, priced) in &job.events {
            let source_no = source_no(priced)
                .ok_or_else(|| StoreError::Inconsistent("a source without number".to_owned()))?;
            let unique = (priced.key, source_no);
            let earlier = known
                .get(&unique)
                .map(|known| (known.content_hash, known.received_at))
                .or_else(|| taken.get(&unique).map(|hash| (*hash, now)));
            match earlier {
                None => new.push((priced, source_no)),
                Some((content_hash, _)) if content_hash == priced.content_hash => {}
                Some((_, received_at)) => {
                    conflict = Some((*index, FirstUse::Received(received_at)));
                    break;
                }
            }
        }
        if let Some((index, first)) = conflict {
            chosen
                .results
                .push(Err(IngestError::Conflict { index, first }));
            continue;
        }
        for (priced, source_no) in &new {
            taken.insert((priced.key, *source_no), priced.content_hash);
        }
        chosen.results.push(Ok(Ingested {
            counted: new.len(),
            already_counted: job.sent - new.len(),
        }));
        if !new.is_empty() {
            chosen.new.entry(job.organization).or_default().extend(new);
        }
    }
    Ok(chosen)
}

/// The rows of one batch for each organization.
fn plan<'e>(
    heads: Vec<Head>,
    new: BTreeMap<OrganizationId, Vec<(&'e Priced, i64)>>,
    carries: &HashMap<OrganizationId, Cost>,
    nos: Vec<i64>,
    now: Timestamp,
    series_no: impl Fn(&Priced) -> Option<i64>,
) -> Result<Writes<'e>, StoreError> {
    let mut writes = Writes::default();
    let mut heads: HashMap<OrganizationId, Head> = heads
        .into_iter()
        .map(|head| (head.organization(), head))
        .collect();
    for ((organization, events), no) in new.into_iter().zip(nos) {
        let mut head = heads.remove(&organization).ok_or_else(|| {
            StoreError::Inconsistent(format!("the books of {organization} are not locked"))
        })?;
        let carry = carries.get(&organization).copied().unwrap_or(Cost::ZERO);
        let batch = pay(&head, no, &events, carry, now)?;
        add_to_days(&mut writes, &batch, &events)?;
        for (position, (priced, source_no)) in (0_i64..).zip(events) {
            writes.events.push(EventRow {
                batch_no: no,
                position,
                source_no,
                series_no: series_no(priced).ok_or_else(|| {
                    StoreError::Inconsistent("a series without number".to_owned())
                })?,
                priced,
            });
        }
        if batch.posted.is_positive() {
            let transfers =
                posting_rules::usage::transfers(organization, &balance(&head), batch.posted)?;
            let posted = Batch {
                id: batch.id,
                source: Source::new("usage", batch.id),
                code: "usage",
                transfers,
                booked_at: batch.booked_at,
            };
            writes.posted.push(head.post(posted, now)?);
            writes.heads.push(head);
        }
        writes.batches.push(batch);
    }
    Ok(writes)
}

/// What an organization's new events cost together, and what of it can be posted.
fn pay(
    head: &Head,
    no: i64,
    events: &[(&Priced, i64)],
    carry_before: Cost,
    now: Timestamp,
) -> Result<UsageBatch, StoreError> {
    let cost = events
        .iter()
        .try_fold(Cost::ZERO, |sum, (priced, _)| sum.plus(priced.cost))?;
    let (posted, carry_after) = carry_before.plus(cost)?.into_money_and_carry()?;
    Ok(UsageBatch {
        no,
        id: BatchId::generate(),
        organization: head.organization(),
        event_count: i64::try_from(events.len())
            .map_err(|_| StoreError::Inconsistent("a batch of too many events".to_owned()))?,
        cost,
        posted,
        carry_before,
        carry_after,
        // Not `now` alone: a batch that posts nothing must not stand before those that did.
        booked_at: now.max(head.booked_at()),
        created_at: now,
    })
}

fn balance(head: &Head) -> Balance {
    let organization = head.organization();
    let of = |account| head.balance_of(&account).unwrap_or(Money::ZERO);
    Balance {
        prepaid: of(chart::prepaid(organization)),
        promotional: of(chart::promotional(organization)),
        owed: of(chart::owed(organization)),
        held: Money::ZERO,
    }
}

fn add_to_days(
    writes: &mut Writes<'_>,
    batch: &UsageBatch,
    events: &[(&Priced, i64)],
) -> Result<(), StoreError> {
    let day = batch.booked_at.date_naive().to_string();
    for (priced, _) in events {
        let key = DayKey {
            organization: batch.organization,
            day: day.clone(),
            project: priced.series.project,
            model: priced.series.model.clone(),
        };
        let sums = writes.days.entry(key).or_default();
        let tokens = priced.event.tokens;
        sums.first_booked_at = batch.booked_at;
        sums.requests += 1;
        sums.tokens = sums
            .tokens
            .saturating_add(tokens.input.saturating_add(tokens.output));
        sums.cost = sums.cost.plus(priced.cost)?;
    }
    Ok(())
}

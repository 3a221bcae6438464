//! One commit: what the waiting jobs come to, in one transaction.
//!
//! Everybody takes the same things in the same order, so that nobody waits in a circle: the numbers
//! of sources and series, the reported events, the organizations' books, and under their lock the
//! captures of holds, whose keys are nobody else's. To write the events is most of the work and
//! needs no lock, so several writers do it at the same time. What the time is, is asked once the
//! books are locked: however long that took, no lot pays past its end and nothing is booked into a
//! past that was told already.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::SubsecRound;
use ledger::bulk::Head;
use types::ids::OrganizationId;
use types::time::Timestamp;

use super::batches::Batches;
use super::bulk::{Bulk, BulkTx, UniqueKey, WriteError, Writes};
use super::choose::{Chosen, choose};
use super::hold_jobs;
use super::priced::{Priced, SeriesKey, SourceKey};
use super::queue::{Job, Outcome, Task};
use super::rollup::counted::sum_up;
use super::rollup::sums::BatchSums;
use crate::StoreError;
use crate::clock::Clock;
use crate::holds::desk::Desk;
use crate::holds::gate::{Gate, Sight, Turn};

/// How often a commit is tried while others count the same events at the same time.
const MOST_ATTEMPTS: usize = 8;
/// The most numbers that are remembered; beyond it they are looked up again.
const MOST_NUMBERS: usize = 100_000;

/// The locked books of a commit.
pub(super) type Heads = BTreeMap<OrganizationId, Head>;

/// Where commits are made.
pub(super) struct Place<'p, B> {
    pub(super) bulk: &'p B,
    pub(super) gate: &'p Gate,
    pub(super) clock: &'p dyn Clock,
}

/// When it is looked up which events were counted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Once a key turns out to be taken: most events are new.
    IfTaken,
    /// Before they are written: replays are likely.
    First,
}

/// The numbers of sources and series, as committed.
#[derive(Default)]
pub(super) struct Numbers {
    sources: HashMap<SourceKey, i64>,
    series: HashMap<SeriesKey, i64>,
}

/// Sources that get no number: their organizations have too many.
type RefusedSources = HashSet<SourceKey>;

impl Numbers {
    fn learn(&mut self, found: Self) {
        if self.sources.len() + self.series.len() > MOST_NUMBERS {
            *self = Self::default();
        }
        self.sources.extend(found.sources);
        self.series.extend(found.series);
    }

    fn source_no(&self, found: &Self, priced: &Priced) -> Result<i64, StoreError> {
        let known = self.sources.get(&priced.source);
        known
            .or_else(|| found.sources.get(&priced.source))
            .copied()
            .ok_or_else(|| StoreError::Inconsistent("a source without number".to_owned()))
    }

    fn series_no(&self, found: &Self, priced: &Priced) -> Result<i64, StoreError> {
        let known = self.series.get(&priced.series);
        known
            .or_else(|| found.series.get(&priced.series))
            .copied()
            .ok_or_else(|| StoreError::Inconsistent("a series without number".to_owned()))
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
    /// Where an event had been counted before, others of its sender are likely to be.
    pub(super) next_look: Look,
    /// What the new events add up to, batch by batch.
    pub(super) sums: Vec<BatchSums>,
}

/// Commits what is new of `jobs`, which were priced when there were `rate_count` versions of
/// rates.
pub(super) async fn commit<B: Bulk>(
    place: &Place<'_, B>,
    numbers: &mut Numbers,
    jobs: &[Job],
    rate_count: i64,
    mut look: Look,
) -> Result<Committed, CommitError> {
    for _ in 0..MOST_ATTEMPTS {
        match attempt(place, numbers, jobs, rate_count, look).await {
            Ok(committed) => return Ok(committed),
            // Somebody has counted it, just now or long ago: the next look finds it.
            Err(
                AttemptError::KnownKey
                | AttemptError::Commit(CommitError::Store(StoreError::GaveWay)),
            ) => look = Look::First,
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

async fn attempt<B: Bulk>(
    place: &Place<'_, B>,
    numbers: &mut Numbers,
    jobs: &[Job],
    rate_count: i64,
    look: Look,
) -> Result<Committed, AttemptError> {
    let mut tx = place.bulk.begin().await?;
    if tx.rate_count().await? != rate_count {
        return Err(AttemptError::Commit(CommitError::NewRates));
    }
    let (found, refused) = find_numbers(&mut tx, numbers, jobs).await?;
    let source_no = |priced: &Priced| numbers.source_no(&found, priced);
    let series_no = |priced: &Priced| numbers.series_no(&found, priced);
    let known = match look {
        Look::IfTaken => HashMap::new(),
        Look::First => tx.known(&reported_keys(jobs, &refused, source_no)?).await?,
    };
    let next_look = if known.is_empty() {
        Look::IfTaken
    } else {
        Look::First
    };
    let Chosen { new, mut outcomes } =
        choose(jobs, &known, &refused, place.clock.now(), source_no)?;
    let mut counting: BTreeSet<OrganizationId> = hold_jobs::capturing(jobs).collect();
    counting.extend(new.keys());
    let mut concerned: BTreeSet<OrganizationId> = new.keys().copied().collect();
    let nos = match counting.len() {
        0 => Vec::new(),
        count => tx.batch_nos(count).await?,
    };
    let mut batches = Batches::number(counting, nos)?;
    let mut events = batches.add(new, series_no)?;
    if !events.is_empty() {
        tx.write_events(&events).await?;
    }
    let asked = hold_jobs::asked(jobs);
    concerned.extend(asked.iter().flat_map(|asked| &asked.organizations));
    if concerned.is_empty() {
        return Ok(Committed {
            outcomes: all_of(outcomes)?,
            sight: None,
            next_look,
            sums: Vec::new(),
        });
    }
    let mut locked = Locked::take(&mut tx, place, concerned).await?;
    let now = locked.now;
    let mut desk = match &asked {
        Some(asked) => Some(Desk::new(tx.holds(asked, now).await?, now)),
        None => None,
    };
    if let Some(desk) = &mut desk {
        let captured = hold_jobs::act(desk, jobs, &mut outcomes, now, source_no)?;
        let captures = batches.add(captured, series_no)?;
        if !captures.is_empty() {
            tx.write_events(&captures).await?;
            events.extend(captures);
            events.sort_unstable_by_key(|row| (row.batch_no, row.position));
        }
    }
    let mut writes = Writes::default();
    if !events.is_empty() {
        let carries = tx.carries(&batches.organizations()).await?;
        batches.plan(&mut writes, &mut locked.heads, &carries, rate_count, now)?;
    }
    if let Some(desk) = desk {
        let heads = &mut locked.heads;
        writes.holds = hold_jobs::settle(desk, jobs, &mut outcomes, heads, &events, now)?;
    }
    let available = hold_jobs::known_available(&locked.heads, asked.as_ref(), now)?;
    let sums = sum_up(&writes.batches, &events)?;
    let outcomes = all_of(outcomes)?;
    if !writes.batches.is_empty() || !writes.holds.is_empty() {
        let heads = locked.heads.into_values();
        writes.heads = heads.filter(Head::is_changed).collect();
        tx.write_books(&writes).await?;
        tx.commit().await?;
        numbers.learn(found);
    }
    let turn = locked.turn;
    Ok(Committed {
        outcomes,
        sight: Some(Sight { turn, available }),
        next_look,
        sums,
    })
}

/// The locked books of a commit, with the gate's turn and the time that were taken under the locks.
struct Locked {
    heads: Heads,
    turn: Turn,
    now: Timestamp,
}

impl Locked {
    async fn take<B: Bulk>(
        tx: &mut B::Tx,
        place: &Place<'_, B>,
        organizations: BTreeSet<OrganizationId>,
    ) -> Result<Self, StoreError> {
        let organizations: Vec<OrganizationId> = organizations.into_iter().collect();
        let heads = tx.lock_heads(&organizations).await?;
        Ok(Self {
            heads: heads
                .into_iter()
                .map(|head| (head.organization(), head))
                .collect(),
            turn: place.gate.take_turn(),
            // As exact as it is stored.
            now: place.clock.now().trunc_subsecs(6),
        })
    }
}

fn all_events(jobs: &[Job]) -> impl Iterator<Item = &Priced> {
    jobs.iter().flat_map(Job::events)
}

/// The keys of those that may have been counted before: whether a capture was is known by its hold.
fn reported_keys(
    jobs: &[Job],
    refused: &RefusedSources,
    source_no: impl Fn(&Priced) -> Result<i64, StoreError>,
) -> Result<Vec<UniqueKey>, StoreError> {
    let reports = jobs
        .iter()
        .filter(|job| matches!(job.task, Task::Usage { .. }));
    reports
        .flat_map(Job::events)
        .filter(|priced| !refused.contains(&priced.source))
        .map(|priced| Ok((priced.key, source_no(priced)?)))
        .collect()
}

fn all_of(outcomes: Vec<Option<Outcome>>) -> Result<Vec<Outcome>, StoreError> {
    let outcomes: Option<Vec<Outcome>> = outcomes.into_iter().collect();
    outcomes.ok_or_else(|| StoreError::Inconsistent("a job without an outcome".to_owned()))
}

/// The numbers that are not remembered yet, and the sources that get none.
async fn find_numbers(
    tx: &mut impl BulkTx,
    numbers: &Numbers,
    jobs: &[Job],
) -> Result<(Numbers, RefusedSources), StoreError> {
    let mut found = Numbers::default();
    let mut refused = RefusedSources::new();
    let sources: BTreeSet<&SourceKey> = all_events(jobs)
        .map(|priced| &priced.source)
        .filter(|key| !numbers.sources.contains_key(key))
        .collect();
    if !sources.is_empty() {
        let sources: Vec<&SourceKey> = sources.into_iter().collect();
        found.sources = tx.source_nos(&sources).await?;
        let left_out = sources.into_iter();
        let left_out = left_out.filter(|key| !found.sources.contains_key(key));
        refused.extend(left_out.cloned());
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
    Ok((found, refused))
}

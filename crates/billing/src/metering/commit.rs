//! One commit: what the waiting jobs come to, in one transaction.
//!
//! Everybody takes the same things in the same order, so that nobody waits in a circle: the numbers
//! of sources and series, the reported events, the organizations' books, and under their lock the
//! captures of holds, whose keys are nobody else's. To write the events is most of the work and
//! needs no lock, so several writers do it at the same time. What the time is, is asked once the
//! books are locked: however long that took, no lot pays past its end and nothing is booked into a
//! past that was told already.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::SubsecRound;
use ledger::bulk::Head;
use types::ids::OrganizationId;
use types::time::Timestamp;

use super::batches::Batches;
use super::bulk::{Bulk, BulkTx, EventRow, UniqueKey, WriteError, Writes};
use super::choose::{Chosen, choose};
use super::hold_jobs;
use super::numbers::{Given, Numbers};
use super::priced::Priced;
use super::queue::{Job, Outcome, Task};
use super::rollup::counted::sum_up;
use super::rollup::sums::BatchSums;
use crate::StoreError;
use crate::clock::Clock;
use crate::holds::desk::Desk;
use crate::holds::gate::{Gate, Sight, Turn};

/// How often a commit is tried while others count the same events at the same time.
const MOST_ATTEMPTS: usize = 8;

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
    let found = numbers.find_in(&mut tx, jobs).await?;
    let numbered = Given {
        known: numbers,
        found: &found,
    };
    let known = match look {
        Look::IfTaken => HashMap::new(),
        Look::First => tx.known(&reported_keys(jobs, numbered)?).await?,
    };
    let next_look = if known.is_empty() {
        Look::IfTaken
    } else {
        Look::First
    };
    let source_no = |priced: &Priced| numbered.source_no(priced);
    let chosen = choose(jobs, &known, &found, place.clock.now(), source_no)?;
    let mut counting = Counting::write(&mut tx, jobs, chosen, numbered).await?;
    let asked = hold_jobs::asked(jobs);
    let mut concerned: BTreeSet<OrganizationId> =
        counting.batches.organizations().into_iter().collect();
    concerned.extend(asked.iter().flat_map(|asked| &asked.organizations));
    if concerned.is_empty() {
        return Ok(Committed {
            outcomes: all_of(counting.outcomes)?,
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
        counting.capture(&mut tx, jobs, desk, numbered, now).await?;
    }
    let mut writes = counting.plan(&mut tx, &mut locked, rate_count).await?;
    if let Some(desk) = &mut desk {
        let (heads, outcomes) = (&mut locked.heads, &mut counting.outcomes);
        writes.holds = hold_jobs::settle(desk, jobs, outcomes, heads, &counting.events, now)?;
    }
    let looked = asked.as_ref().zip(desk.as_ref());
    let available = hold_jobs::known_available(&locked.heads, looked, now)?;
    let sums = sum_up(&writes.batches, &counting.events)?;
    let outcomes = all_of(counting.outcomes)?;
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

/// The new events of a commit, batch by batch, and what each job is answered.
struct Counting<'j> {
    batches: Batches<'j>,
    events: Vec<EventRow<'j>>,
    /// Nothing yet for what is asked about holds.
    outcomes: Vec<Option<Outcome>>,
}

impl<'j> Counting<'j> {
    /// Writes those that are reported.
    async fn write(
        tx: &mut impl BulkTx,
        jobs: &'j [Job],
        chosen: Chosen<'j>,
        numbered: Given<'_>,
    ) -> Result<Self, AttemptError> {
        let mut counting: BTreeSet<OrganizationId> = hold_jobs::capturing(jobs).collect();
        counting.extend(chosen.new.keys());
        let nos = match counting.len() {
            0 => Vec::new(),
            count => tx.batch_nos(count).await?,
        };
        let mut batches = Batches::number(counting, nos)?;
        let events = batches.add(chosen.new, |priced| numbered.series_no(priced))?;
        if !events.is_empty() {
            tx.write_events(&events).await?;
        }
        Ok(Self {
            batches,
            events,
            outcomes: chosen.outcomes,
        })
    }

    /// Writes those that captures of holds are, and does what else is asked before holds are opened.
    async fn capture(
        &mut self,
        tx: &mut impl BulkTx,
        jobs: &'j [Job],
        desk: &mut Desk,
        numbered: Given<'_>,
        now: Timestamp,
    ) -> Result<(), AttemptError> {
        let source_no = |priced: &Priced| numbered.source_no(priced);
        let captured = hold_jobs::act(desk, jobs, &mut self.outcomes, now, source_no)?;
        let captures = self
            .batches
            .add(captured, |priced| numbered.series_no(priced))?;
        if !captures.is_empty() {
            // It is written together with the end of its hold, which is open.
            let written = tx.write_events(&captures).await;
            written.map_err(|error| match error {
                WriteError::KnownKey => {
                    StoreError::Inconsistent("an open hold was captured before".to_owned())
                }
                WriteError::Store(error) => error,
            })?;
            self.events.extend(captures);
            self.events
                .sort_unstable_by_key(|row| (row.batch_no, row.position));
        }
        Ok(())
    }

    /// What they move.
    async fn plan(
        &self,
        tx: &mut impl BulkTx,
        locked: &mut Locked,
        rate_count: i64,
    ) -> Result<Writes, StoreError> {
        let mut writes = Writes::default();
        if !self.events.is_empty() {
            let carries = tx.carries(&self.batches.organizations()).await?;
            let (heads, now) = (&mut locked.heads, locked.now);
            self.batches
                .plan(&mut writes, heads, &carries, rate_count, now)?;
        }
        Ok(writes)
    }
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

/// The keys of those that may have been counted before: whether a capture was is known by its hold.
fn reported_keys(jobs: &[Job], numbered: Given<'_>) -> Result<Vec<UniqueKey>, StoreError> {
    let reports = jobs
        .iter()
        .filter(|job| matches!(job.task, Task::Usage { .. }));
    reports
        .flat_map(Job::events)
        .filter(|priced| numbered.found.fault(priced).is_none())
        .map(|priced| Ok((priced.key, numbered.source_no(priced)?)))
        .collect()
}

fn all_of(outcomes: Vec<Option<Outcome>>) -> Result<Vec<Outcome>, StoreError> {
    let outcomes: Option<Vec<Outcome>> = outcomes.into_iter().collect();
    outcomes.ok_or_else(|| StoreError::Inconsistent("a job without an outcome".to_owned()))
}

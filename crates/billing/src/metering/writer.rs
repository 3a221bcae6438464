//! The writer: takes all that waits, commits it, answers, and begins again. The time that a commit
//! takes is the time in which the next one fills; there is no timer.
//!
//! What goes wrong with one organization stays with it. A commit that cannot be made is made again
//! in halves, organization by organization in the end, which comes to the work of about three
//! commits; one that waited for somebody's lock in vain is made again without the books that are
//! locked. Who that was is remembered in `aside`.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::IngestError;
use super::aside::{Aside, LOOK, Turn};
use super::bulk::Bulk;
use super::commit::{CommitError, Committed, Look, Place, commit};
use super::numbers::Numbers;
use super::queue::{Job, MOST_EVENTS, Outcome, Task, Waiting};
use super::rollup::Tail;
use crate::StoreError;
use crate::clock::Clock;
use crate::db::Db;
use crate::holds::gate::Gate;
use crate::pricing::book::{RateBook, RateBooks};
use types::ids::OrganizationId;

/// For how long it is asked who holds books locked: whoever waits has waited for seconds already.
const LOCK_LOOK: Duration = Duration::from_secs(1);
/// How often a job's commit may wait for a lock in vain: as many writers as two servers have may
/// hold one organization's books in turn while each finds out whom they all wait for.
const MOST_WAITS: u32 = 4;
/// How often a commit is begun again because there are newer rates.
const MOST_REPRICINGS: usize = 16;

/// What a writer keeps from commit to commit.
struct Memory {
    numbers: Numbers,
    /// How the next commit had better look for replays.
    look: Look,
    /// Jobs that wait for somebody to let go of their organization's books.
    kept: Vec<Job>,
}

/// What a writer works with.
pub(super) struct Writer<B> {
    pub(super) bulk: Arc<B>,
    pub(super) jobs: Arc<Mutex<Waiting>>,
    pub(super) aside: Arc<std::sync::Mutex<Aside>>,
    pub(super) db: Db,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rates: Arc<RateBooks>,
    pub(super) tail: Arc<Tail>,
    pub(super) gate: Arc<Gate>,
}

impl<B: Bulk> Writer<B> {
    /// Runs until the queue is closed and empty.
    pub(super) async fn run(self) {
        let mut memory = Memory {
            numbers: Numbers::default(),
            look: Look::IfTaken,
            kept: Vec::new(),
        };
        while let Some(jobs) = self.take(&mut memory).await {
            self.look_again().await;
            let jobs = self.admit(&mut memory, jobs);
            self.settle(&mut memory, jobs).await;
        }
    }

    /// What one commit holds; the next writer waits for the next.
    async fn take(&self, memory: &mut Memory) -> Option<Vec<Job>> {
        let more = async { self.jobs.lock().await.take().await };
        if memory.kept.is_empty() {
            return more.await;
        }
        let more = match timeout(LOOK, more).await {
            Ok(Some(more)) => more,
            Ok(None) => {
                // Nothing more will come, and what waits has its time all the same.
                sleep(LOOK).await;
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        Some(memory.kept.drain(..).chain(more).collect())
    }

    /// Commits and answers.
    async fn settle(&self, memory: &mut Memory, jobs: Vec<Job>) {
        let mut parts = in_parts(jobs);
        while let Some(jobs) = parts.pop() {
            let (jobs, committed) = self.commit_priced(memory, jobs).await;
            match committed {
                Ok(committed) => {
                    memory.look = committed.next_look;
                    self.tail.add(committed.sums, self.clock.now());
                    for (job, outcome) in jobs.into_iter().zip(committed.outcomes) {
                        job.finish(outcome);
                    }
                }
                Err(error) if concerns_rows(&error) => {
                    memory.look = Look::First;
                    parts.extend(self.halves(jobs, &error));
                }
                Err(StoreError::Busy) => parts.push(self.without_locked(memory, jobs).await),
                Err(error) => refuse(jobs, &error),
            }
        }
    }

    /// One that cannot be counted must not take the others with it: who that is, is found by
    /// trying again in halves. An organization that is alone is answered, all of its jobs at once:
    /// what is wrong with its books is wrong for each of them.
    fn halves(&self, jobs: Vec<Job>, error: &StoreError) -> Vec<Vec<Job>> {
        let organizations = organizations(&jobs);
        let mut upper_half = organizations.iter().skip(organizations.len() / 2);
        let Some(middle) = upper_half.next() else {
            return Vec::new();
        };
        if organizations.len() == 1 {
            tracing::error!(organization = %middle, "its usage is refused for moments");
            self.aside().has_failed(*middle, Instant::now());
            refuse(jobs, error);
            return Vec::new();
        }
        tracing::warn!(%error, jobs = jobs.len(), "a commit is tried again in halves");
        let (lower, upper) = jobs.into_iter().partition(|job| job.organization < *middle);
        vec![lower, upper]
    }

    /// Those jobs of a commit that waited for a lock in vain with which it is worth another try.
    async fn without_locked(&self, memory: &mut Memory, jobs: Vec<Job>) -> Vec<Job> {
        match timeout(LOCK_LOOK, self.bulk.locked(&organizations(&jobs))).await {
            Ok(Ok(locked)) => self.aside().are_locked(locked, Instant::now()),
            Ok(Err(error)) => {
                refuse(jobs, &error);
                return Vec::new();
            }
            // It was the database that was waited for.
            Err(_) => {
                refuse(jobs, &StoreError::Busy);
                return Vec::new();
            }
        }
        let mut again = Vec::with_capacity(jobs.len());
        for mut job in jobs {
            job.waits += 1;
            if job.waits > MOST_WAITS {
                job.fail();
            } else {
                again.push(job);
            }
        }
        self.admit(memory, again)
    }

    /// Finds out which books that were locked still are, by the same holder.
    async fn look_again(&self) {
        let due = self.aside().take_due(Instant::now());
        let Some(due) = due else { return };
        match self.bulk.locked(&due).await {
            Ok(locked) => self.aside().are_still_locked(&due, &locked),
            Err(error) => tracing::warn!(%error, "it was not found out whose books are locked"),
        }
    }

    /// The jobs whose turn it is. The others wait or are refused.
    fn admit(&self, memory: &mut Memory, jobs: Vec<Job>) -> Vec<Job> {
        let (mut aside, now) = (self.aside(), Instant::now());
        let mut kept: usize = memory.kept.iter().map(|job| job.task.weight()).sum();
        let mut admitted = Vec::with_capacity(jobs.len());
        for job in jobs {
            match aside.turn(job.organization, now) {
                Turn::Now => admitted.push(job),
                // Those of about one commit wait.
                Turn::Later if kept < MOST_EVENTS => {
                    kept += job.task.weight();
                    memory.kept.push(job);
                }
                Turn::Later | Turn::Never => job.fail(),
            }
        }
        admitted
    }

    fn aside(&self) -> MutexGuard<'_, Aside> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits, with the newest rates. Jobs that newer rates cannot price are answered already.
    async fn commit_priced(
        &self,
        memory: &mut Memory,
        mut jobs: Vec<Job>,
    ) -> (Vec<Job>, Result<Committed, StoreError>) {
        let mut book = self.rates.current();
        for _ in 0..MOST_REPRICINGS {
            jobs = reprice(jobs, &book);
            if jobs.is_empty() {
                let nothing = Committed {
                    outcomes: Vec::new(),
                    sight: None,
                    next_look: memory.look,
                    sums: Vec::new(),
                };
                return (jobs, Ok(nothing));
            }
            let began = self.clock.now();
            let place = Place {
                bulk: &*self.bulk,
                gate: &self.gate,
                clock: &*self.clock,
            };
            let numbers = &mut memory.numbers;
            let done = commit(&place, numbers, &jobs, book.version_count(), memory.look).await;
            match done {
                Ok(mut committed) => {
                    if let Some(sight) = committed.sight.take() {
                        self.gate.remember(sight, began);
                    }
                    return (jobs, Ok(committed));
                }
                Err(CommitError::Store(error)) => return (jobs, Err(error)),
                Err(CommitError::NewRates) => match self.rates.refresh(self.db.readers()).await {
                    Ok(newer) => book = newer,
                    Err(error) => return (jobs, Err(error)),
                },
            }
        }
        (jobs, Err(StoreError::Busy))
    }
}

/// One part, or more where jobs that waited come on top of new ones: no commit is longer than what is
/// taken at a time. What is first comes last.
fn in_parts(jobs: Vec<Job>) -> Vec<Vec<Job>> {
    let mut parts: Vec<Vec<Job>> = vec![Vec::new()];
    let mut events = 0;
    for job in jobs {
        if events >= MOST_EVENTS {
            parts.push(Vec::new());
            events = 0;
        }
        events += job.task.weight();
        if let Some(part) = parts.last_mut() {
            part.push(job);
        }
    }
    parts.reverse();
    parts
}

fn organizations(jobs: &[Job]) -> BTreeSet<OrganizationId> {
    jobs.iter().map(|job| job.organization).collect()
}

fn refuse(jobs: Vec<Job>, error: &StoreError) {
    tracing::error!(%error, "usage was not committed");
    for job in jobs {
        job.fail();
    }
}

/// Gives every job the prices of `book`, and answers those that it cannot price.
fn reprice(jobs: Vec<Job>, book: &RateBook) -> Vec<Job> {
    let mut priced = Vec::with_capacity(jobs.len());
    for mut job in jobs {
        if job.rate_count == book.version_count() {
            priced.push(job);
            continue;
        }
        job.rate_count = book.version_count();
        let refused = match &mut job.task {
            Task::Usage { events, .. } => events.iter_mut().find_map(|(index, event)| {
                let (index, fault) = (*index, event.reprice(book).err()?);
                Some(Outcome::Usage(Err(IngestError::Event { index, fault })))
            }),
            Task::Hold { act, .. } => {
                let fault = act.reprice(book).err();
                fault.map(|fault| Outcome::Hold(Err(fault.into())))
            }
        };
        match refused {
            Some(outcome) => job.finish(outcome),
            None => priced.push(job),
        }
    }
    priced
}

/// Whether the rows themselves were the trouble, and not the database as a whole.
fn concerns_rows(error: &StoreError) -> bool {
    use sqlx::error::ErrorKind;
    match error {
        StoreError::Database(error) => error.as_database_error().is_some_and(|error| {
            matches!(
                error.kind(),
                ErrorKind::UniqueViolation
                    | ErrorKind::ForeignKeyViolation
                    | ErrorKind::NotNullViolation
                    | ErrorKind::CheckViolation
            )
        }),
        StoreError::Busy | StoreError::GaveWay | StoreError::Unavailable(_) => false,
        StoreError::NotOpen { .. }
        | StoreError::Post(_)
        | StoreError::Inconsistent(_)
        | StoreError::Money(_) => true,
    }
}

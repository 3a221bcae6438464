//! The writer: takes all that waits, commits it, answers, and begins again. The time that a commit
//! takes is the time in which the next one fills; there is no timer.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::IngestError;
use super::bulk::Bulk;
use super::commit::{CommitError, Committed, Look, Numbers, Place, commit};
use super::queue::{Job, Outcome, Task, Waiting};
use super::rollup::Tail;
use crate::StoreError;
use crate::clock::Clock;
use crate::db::Db;
use crate::holds::gate::Gate;
use crate::pricing::book::{RateBook, RateBooks};
use types::ids::OrganizationId;
use types::time::Timestamp;

/// How long an organization is refused at once whose books somebody locks and does not let go of:
/// to wait for them in each commit would let all the others wait.
const LOCKED_OUT: Duration = Duration::from_secs(3);

/// What a writer keeps from commit to commit.
struct Memory {
    numbers: Numbers,
    /// How the next commit had better look for replays.
    look: Look,
    /// Who is refused, until when.
    locked_out: HashMap<OrganizationId, Instant>,
}

/// What a writer works with.
pub(super) struct Writer<B> {
    pub(super) bulk: Arc<B>,
    pub(super) jobs: Arc<Mutex<Waiting>>,
    pub(super) db: Db,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rates: Arc<RateBooks>,
    pub(super) tail: Arc<Tail>,
    pub(super) gate: Arc<Gate>,
    /// Commits so far, by all writers of the process.
    pub(super) commits: Arc<AtomicUsize>,
}

impl<B: Bulk> Writer<B> {
    /// Runs until the queue is closed and empty.
    pub(super) async fn run(self) {
        let mut memory = Memory {
            numbers: Numbers::default(),
            look: Look::IfTaken,
            locked_out: HashMap::new(),
        };
        while let Some(jobs) = self.take().await {
            let jobs = memory.admit(jobs);
            self.settle(&mut memory, jobs).await;
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What one commit holds; the next writer waits for the next.
    async fn take(&self) -> Option<Vec<Job>> {
        self.jobs.lock().await.take().await
    }

    /// Commits and answers.
    async fn settle(&self, memory: &mut Memory, jobs: Vec<Job>) {
        let (jobs, committed) = self.commit_priced(memory, jobs).await;
        match committed {
            Ok(committed) => {
                memory.look = committed.next_look;
                self.tail.add(committed.sums, self.clock.now());
                for (job, outcome) in jobs.into_iter().zip(committed.outcomes) {
                    job.finish(outcome);
                }
            }
            // Of several, one that cannot be counted must not take the others with it.
            Err(error) if jobs.len() > 1 && concerns_rows(&error) => {
                tracing::warn!(%error, jobs = jobs.len(), "a commit is tried again job by job");
                for job in jobs {
                    memory.look = Look::First;
                    Box::pin(self.settle(memory, vec![job])).await;
                }
                memory.look = Look::First;
            }
            Err(StoreError::Busy) => match self.locked_among(&jobs).await {
                locked if locked.is_empty() => refuse(jobs, &StoreError::Busy),
                locked => {
                    memory.lock_out(locked);
                    let jobs = memory.admit(jobs);
                    Box::pin(self.settle(memory, jobs)).await;
                }
            },
            Err(error) => refuse(jobs, &error),
        }
    }

    /// Whose books among the jobs' somebody holds locked, as far as that can be told.
    async fn locked_among(&self, jobs: &[Job]) -> BTreeSet<OrganizationId> {
        let organizations = jobs.iter().map(|job| job.organization).collect();
        match self.bulk.locked(&organizations).await {
            Ok(locked) => locked,
            Err(error) => {
                tracing::warn!(%error, "it was not found out whose books are locked");
                BTreeSet::new()
            }
        }
    }

    /// Commits, with the newest rates. Jobs that newer rates cannot price are answered already.
    async fn commit_priced(
        &self,
        memory: &mut Memory,
        mut jobs: Vec<Job>,
    ) -> (Vec<Job>, Result<Committed, StoreError>) {
        let mut book = self.rates.current();
        loop {
            jobs = reprice(jobs, &book, self.clock.now());
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
    }
}

impl Memory {
    /// Refuses the jobs of those that are locked out, and returns the others.
    fn admit(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        let now = Instant::now();
        self.locked_out.retain(|_, until| *until > now);
        if self.locked_out.is_empty() {
            return jobs;
        }
        let (refused, admitted): (Vec<Job>, Vec<Job>) = jobs
            .into_iter()
            .partition(|job| self.locked_out.contains_key(&job.organization));
        for job in refused {
            job.fail();
        }
        admitted
    }

    fn lock_out(&mut self, organizations: BTreeSet<OrganizationId>) {
        let until = Instant::now() + LOCKED_OUT;
        for organization in organizations {
            tracing::warn!(%organization, "its books are locked; its usage is refused for moments");
            self.locked_out.insert(organization, until);
        }
    }
}

fn refuse(jobs: Vec<Job>, error: &StoreError) {
    tracing::error!(%error, "usage was not committed");
    for job in jobs {
        job.fail();
    }
}

/// Gives every job the prices of `book`, and answers those that it cannot price.
fn reprice(jobs: Vec<Job>, book: &RateBook, now: Timestamp) -> Vec<Job> {
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
                let fault = act.reprice(book, now).err();
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

//! The writer: takes all that waits, commits it, answers, and begins again. The time that a commit
//! takes is the time in which the next one fills; there is no timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::IngestError;
use super::bulk::Bulk;
use super::commit::{CommitError, Committed, Look, Numbers, Place, commit};
use super::queue::{Job, Outcome, Task};
use super::rollup::Tail;
use crate::StoreError;
use crate::clock::Clock;
use crate::db::Db;
use crate::holds::gate::Gate;
use crate::pricing::book::{RateBook, RateBooks};
use types::time::Timestamp;

/// The most events in one commit.
const MOST_EVENTS: usize = 8_192;

/// What a writer works with.
pub(super) struct Writer<B> {
    pub(super) bulk: Arc<B>,
    pub(super) jobs: Arc<Mutex<UnboundedReceiver<Job>>>,
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
    pub(super) fn spawn(self) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut numbers = Numbers::default();
            let mut look = Look::IfTaken;
            while let Some(jobs) = self.gather().await {
                look = self.settle(&mut numbers, jobs, look).await;
                self.commits.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    /// Waits for a job and takes what else is there, up to what one commit holds.
    async fn gather(&self) -> Option<Vec<Job>> {
        let mut queue = self.jobs.lock().await;
        let first = queue.recv().await?;
        let mut events = first.task.weight();
        let mut jobs = vec![first];
        while events < MOST_EVENTS {
            let Ok(job) = queue.try_recv() else { break };
            events += job.task.weight();
            jobs.push(job);
        }
        Some(jobs)
    }

    /// Commits and answers. Returns how the next commit had better look for replays.
    async fn settle(&self, numbers: &mut Numbers, jobs: Vec<Job>, look: Look) -> Look {
        let (jobs, committed) = self.commit_priced(numbers, jobs, look).await;
        match committed {
            Ok(committed) => {
                self.tail.add(committed.sums, self.clock.now());
                for (job, outcome) in jobs.into_iter().zip(committed.outcomes) {
                    job.finish(outcome);
                }
                committed.next_look
            }
            // Of several, one that cannot be counted must not take the others with it.
            Err(error) if jobs.len() > 1 && concerns_rows(&error) => {
                tracing::warn!(%error, jobs = jobs.len(), "a commit is tried again job by job");
                for job in jobs {
                    Box::pin(self.settle(numbers, vec![job], Look::First)).await;
                }
                Look::First
            }
            Err(error) => {
                tracing::error!(%error, "usage was not committed");
                for job in jobs {
                    job.fail();
                }
                look
            }
        }
    }

    /// Commits, with the newest rates. Jobs that newer rates cannot price are answered already.
    async fn commit_priced(
        &self,
        numbers: &mut Numbers,
        mut jobs: Vec<Job>,
        look: Look,
    ) -> (Vec<Job>, Result<Committed, StoreError>) {
        let mut book = self.rates.current();
        loop {
            jobs = reprice(jobs, &book, self.clock.now());
            if jobs.is_empty() {
                let nothing = Committed {
                    outcomes: Vec::new(),
                    sight: None,
                    next_look: look,
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
            let done = commit(&place, numbers, &jobs, book.version_count(), look).await;
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
        StoreError::Busy | StoreError::GaveWay => false,
        StoreError::NotOpen { .. }
        | StoreError::Post(_)
        | StoreError::Inconsistent(_)
        | StoreError::Money(_) => true,
    }
}

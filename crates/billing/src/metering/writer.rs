//! The writer: takes all that waits, commits it, answers, and begins again. The time that a commit
//! takes is the time in which the next one fills; there is no timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::IngestError;
use super::bulk::Bulk;
use super::commit::{CommitError, Committed, Numbers, commit};
use super::queue::Job;
use crate::StoreError;
use crate::clock::Clock;
use crate::db::Db;
use crate::pricing::book::{RateBook, RateBooks};

/// The most events in one commit.
const MOST_EVENTS: usize = 8_192;

/// What a writer works with.
pub(super) struct Writer<B> {
    pub(super) bulk: Arc<B>,
    pub(super) jobs: Arc<Mutex<UnboundedReceiver<Job>>>,
    pub(super) db: Db,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rates: Arc<RateBooks>,
    /// Commits so far, by all writers of the process.
    pub(super) commits: Arc<AtomicUsize>,
}

impl<B: Bulk> Writer<B> {
    /// Runs until the queue is closed and empty.
    pub(super) fn spawn(self) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut numbers = Numbers::default();
            let mut expects_replays = false;
            while let Some(jobs) = self.gather().await {
                expects_replays = self.settle(&mut numbers, jobs, expects_replays).await;
                self.commits.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    /// Waits for a job and takes what else is there, up to what one commit holds.
    async fn gather(&self) -> Option<Vec<Job>> {
        let mut queue = self.jobs.lock().await;
        let first = queue.recv().await?;
        let mut events = first.events.len();
        let mut jobs = vec![first];
        while events < MOST_EVENTS {
            let Ok(job) = queue.try_recv() else { break };
            events += job.events.len();
            jobs.push(job);
        }
        Some(jobs)
    }

    /// Commits and answers. Returns whether replays were among the events.
    async fn settle(&self, numbers: &mut Numbers, jobs: Vec<Job>, expects_replays: bool) -> bool {
        let (jobs, committed) = self.commit_priced(numbers, jobs, expects_replays).await;
        match committed {
            Ok(committed) => {
                for (job, result) in jobs.into_iter().zip(committed.results) {
                    job.finish(result);
                }
                committed.had_replays
            }
            // Of several, one that cannot be counted must not take the others with it.
            Err(error) if jobs.len() > 1 && concerns_rows(&error) => {
                tracing::warn!(%error, jobs = jobs.len(), "a commit is tried again job by job");
                for job in jobs {
                    Box::pin(self.settle(numbers, vec![job], true)).await;
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "usage was not committed");
                for job in jobs {
                    job.finish(Err(IngestError::NotCommitted));
                }
                expects_replays
            }
        }
    }

    /// Commits, with the newest rates. Jobs that newer rates cannot price are answered already.
    async fn commit_priced(
        &self,
        numbers: &mut Numbers,
        mut jobs: Vec<Job>,
        expects_replays: bool,
    ) -> (Vec<Job>, Result<Committed, StoreError>) {
        let mut book = self.rates.current();
        loop {
            jobs = reprice(jobs, &book);
            if jobs.is_empty() {
                let nothing = Committed {
                    results: Vec::new(),
                    had_replays: expects_replays,
                };
                return (jobs, Ok(nothing));
            }
            let now = self.clock.now();
            let count = book.version_count();
            let done = commit(&*self.bulk, numbers, &jobs, count, now, expects_replays).await;
            match done {
                Ok(committed) => return (jobs, Ok(committed)),
                Err(CommitError::Store(error)) => return (jobs, Err(error)),
                Err(CommitError::NewRates) => match self.rates.refresh(self.db.readers()).await {
                    Ok(newer) => book = newer,
                    Err(error) => return (jobs, Err(error)),
                },
            }
        }
    }
}

/// Gives every event the prices of `book`, and answers the jobs that it cannot price.
fn reprice(jobs: Vec<Job>, book: &RateBook) -> Vec<Job> {
    let mut priced = Vec::with_capacity(jobs.len());
    for mut job in jobs {
        if job.rate_count == book.version_count() {
            priced.push(job);
            continue;
        }
        job.rate_count = book.version_count();
        let refused = job.events.iter_mut().find_map(|(index, event)| {
            let fault = event.reprice(book).err()?;
            Some(IngestError::Event {
                index: *index,
                fault,
            })
        });
        match refused {
            Some(error) => job.finish(Err(error)),
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
        StoreError::Busy => false,
        StoreError::NotOpen { .. }
        | StoreError::Post(_)
        | StoreError::Inconsistent(_)
        | StoreError::Money(_) => true,
    }
}

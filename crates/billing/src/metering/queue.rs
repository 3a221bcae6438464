//! What waits to be committed: bounded by count and by bytes. A full queue refuses at once, so
//! that a gateway hears within moments that it must slow down.

use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use types::ids::OrganizationId;

use super::hold_jobs::HoldAct;
use super::priced::Priced;
use super::{IngestError, Ingested};
use crate::holds::{Hold, HoldError};

/// The most events that wait.
pub(super) const MOST_WAITING: usize = 65_536;
/// The most kibibytes that wait.
const MOST_KIBIBYTES: usize = 32 * 1024;

pub(super) type UsageResult = Result<Ingested, IngestError>;
/// The hold as it is afterwards; nothing where none was named.
pub(super) type HoldResult = Result<Option<Hold>, HoldError>;

/// What one call asks for, all of one organization, and who waits for it.
pub(super) struct Job {
    pub(super) organization: OrganizationId,
    /// How many versions of rates there were when it was priced.
    pub(super) rate_count: i64,
    pub(super) task: Task,
    /// Given back when the job is done.
    room: [OwnedSemaphorePermit; 2],
}

pub(super) enum Task {
    Usage {
        /// Each with its place in the call. Without repeats.
        events: Vec<(usize, Priced)>,
        /// How many events the call had, repeats included.
        sent: usize,
        answer: oneshot::Sender<UsageResult>,
    },
    Hold {
        act: HoldAct,
        answer: oneshot::Sender<HoldResult>,
    },
}

/// What became of a job.
pub(super) enum Outcome {
    Usage(UsageResult),
    Hold(HoldResult),
}

impl Task {
    /// How much of a commit it fills, in events.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Usage { events, .. } => events.len(),
            Self::Hold { .. } => 1,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Usage { events, .. } => events.iter().map(|(_, event)| event.size()).sum(),
            Self::Hold { act, .. } => act.size(),
        }
    }
}

impl Job {
    /// Its priced events: those of a call, or the one that a capture is.
    pub(super) fn events(&self) -> impl Iterator<Item = &Priced> {
        let (events, capture) = match &self.task {
            Task::Usage { events, .. } => (events.as_slice(), None),
            Task::Hold { act, .. } => (&[][..], act.event()),
        };
        events.iter().map(|(_, priced)| priced).chain(capture)
    }

    /// Answers, and makes room in the queue.
    pub(super) fn finish(self, outcome: Outcome) {
        drop(self.room);
        // Whoever went away meanwhile will ask again with the same ids.
        match (self.task, outcome) {
            (Task::Usage { answer, .. }, Outcome::Usage(result)) => {
                let _ = answer.send(result);
            }
            (Task::Hold { answer, .. }, Outcome::Hold(result)) => {
                let _ = answer.send(result);
            }
            // Unanswered, the caller is told that nobody knows.
            (Task::Usage { .. }, Outcome::Hold(_)) | (Task::Hold { .. }, Outcome::Usage(_)) => {
                tracing::error!("a job has another job's outcome");
            }
        }
    }

    /// Answers that nobody knows what became of it.
    pub(super) fn fail(self) {
        let outcome = match &self.task {
            Task::Usage { .. } => Outcome::Usage(Err(IngestError::NotCommitted)),
            Task::Hold { .. } => Outcome::Hold(Err(HoldError::NotCommitted)),
        };
        self.finish(outcome);
    }
}

/// Nothing more can wait.
pub(super) struct Full;

pub(super) struct Queue {
    jobs: UnboundedSender<Job>,
    events: Arc<Semaphore>,
    kibibytes: Arc<Semaphore>,
}

impl Queue {
    pub(super) fn new() -> (Self, UnboundedReceiver<Job>) {
        let (jobs, receiver) = mpsc::unbounded_channel();
        let queue = Self {
            jobs,
            events: Arc::new(Semaphore::new(MOST_WAITING)),
            kibibytes: Arc::new(Semaphore::new(MOST_KIBIBYTES)),
        };
        (queue, receiver)
    }

    /// Puts a task at the end; what becomes of it is told through its `answer`.
    pub(super) fn push(
        &self,
        organization: OrganizationId,
        rate_count: i64,
        task: Task,
    ) -> Result<(), Full> {
        let room = [
            take(&self.events, task.weight())?,
            take(&self.kibibytes, task.bytes().div_ceil(1024))?,
        ];
        let job = Job {
            organization,
            rate_count,
            task,
            room,
        };
        self.jobs.send(job).map_err(|_| Full)
    }
}

fn take(room: &Arc<Semaphore>, amount: usize) -> Result<OwnedSemaphorePermit, Full> {
    let amount = u32::try_from(amount).map_err(|_| Full)?;
    Arc::clone(room)
        .try_acquire_many_owned(amount)
        .map_err(|_| Full)
}

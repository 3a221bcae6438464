//! What waits to be committed: bounded by count and by bytes. A full queue refuses at once, so
//! that a gateway hears within moments that it must slow down.
//!
//! Holds wait in a row of their own and go first and alone, and while there are any, commits of
//! reports are short: a request that waits to run must not wait for the reports of those that have
//! run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use types::ids::OrganizationId;

use super::hold_jobs::HoldAct;
use super::priced::Priced;
use super::{IngestError, Ingested};
use crate::holds::{Hold, HoldError};

/// The most events that wait.
pub(super) const MOST_WAITING: usize = 65_536;
/// The most holds that wait.
const MOST_HOLDS_WAITING: usize = 8_192;
/// The most kibibytes that wait in each row.
const MOST_KIBIBYTES: usize = 32 * 1024;

/// At how many events no further call's are taken into a commit.
pub(super) const MOST_EVENTS: usize = 8_192;
/// At how many no further call's are taken while there are holds: a few milliseconds.
const ENOUGH_EVENTS_BESIDE_HOLDS: usize = 256;
/// The most holds in one commit.
const MOST_HOLDS: usize = 1_024;
/// How long after the last hold another is expected.
const HOLDS_EXPECTED: Duration = Duration::from_secs(1);

pub(super) type UsageResult = Result<Ingested, IngestError>;
/// The hold as it is afterwards; nothing where none was named.
pub(super) type HoldResult = Result<Option<Hold>, HoldError>;

/// What one call asks for, all of one organization, and who waits for it.
pub(super) struct Job {
    pub(super) organization: OrganizationId,
    /// How many versions of rates there were when it was priced.
    pub(super) rate_count: i64,
    pub(super) task: Task,
    /// How often its commit has waited for a lock in vain.
    pub(super) waits: u32,
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
    usage: Row,
    holds: Row,
}

/// Where jobs of a kind wait.
struct Row {
    jobs: UnboundedSender<Job>,
    weight: Arc<Semaphore>,
    kibibytes: Arc<Semaphore>,
}

impl Row {
    fn new(most_waiting: usize) -> (Self, UnboundedReceiver<Job>) {
        let (jobs, receiver) = mpsc::unbounded_channel();
        let row = Self {
            jobs,
            weight: Arc::new(Semaphore::new(most_waiting)),
            kibibytes: Arc::new(Semaphore::new(MOST_KIBIBYTES)),
        };
        (row, receiver)
    }
}

impl Queue {
    pub(super) fn new() -> (Self, Waiting) {
        let (usage, waiting_usage) = Row::new(MOST_WAITING);
        let (holds, waiting_holds) = Row::new(MOST_HOLDS_WAITING);
        let waiting = Waiting {
            usage: waiting_usage,
            holds: waiting_holds,
            hold_seen: None,
            were_alone: false,
        };
        (Self { usage, holds }, waiting)
    }

    /// Puts a task at the end of its row; what becomes of it is told through its `answer`.
    pub(super) fn push(
        &self,
        organization: OrganizationId,
        rate_count: i64,
        task: Task,
    ) -> Result<(), Full> {
        let row = match &task {
            Task::Usage { .. } => &self.usage,
            Task::Hold { .. } => &self.holds,
        };
        let room = [
            take(&row.weight, task.weight())?,
            take(&row.kibibytes, task.bytes().div_ceil(1024))?,
        ];
        let job = Job {
            organization,
            rate_count,
            task,
            waits: 0,
            room,
        };
        row.jobs.send(job).map_err(|_| Full)
    }
}

/// The other end of the queue.
pub(super) struct Waiting {
    usage: UnboundedReceiver<Job>,
    holds: UnboundedReceiver<Job>,
    /// When there was a hold last.
    hold_seen: Option<Instant>,
    /// Whether the holds before were committed alone: reports go with the next ones, so that
    /// neither kind keeps the other waiting for ever.
    were_alone: bool,
}

impl Waiting {
    /// Waits for a job and takes what else is there, up to what one commit holds. `None`: closed
    /// and empty.
    pub(super) async fn take(&mut self) -> Option<Vec<Job>> {
        let first = tokio::select! {
            biased;
            Some(job) = self.holds.recv() => job,
            Some(job) = self.usage.recv() => job,
            else => return None,
        };
        let (mut holds, mut events) = match &first.task {
            Task::Hold { .. } => (1, 0),
            Task::Usage { events, .. } => (0, events.len()),
        };
        let mut jobs = vec![first];
        while holds < MOST_HOLDS
            && let Ok(job) = self.holds.try_recv()
        {
            holds += 1;
            jobs.push(job);
        }
        if holds > 0 {
            self.hold_seen = Some(Instant::now());
            if events == 0 && !self.were_alone {
                self.were_alone = true;
                return Some(jobs);
            }
        }
        self.were_alone = false;
        let expects_holds = self
            .hold_seen
            .is_some_and(|seen| seen.elapsed() < HOLDS_EXPECTED);
        let most_events = if expects_holds {
            ENOUGH_EVENTS_BESIDE_HOLDS
        } else {
            MOST_EVENTS
        };
        while events < most_events
            && let Ok(job) = self.usage.try_recv()
        {
            events += job.task.weight();
            jobs.push(job);
        }
        Some(jobs)
    }
}

fn take(room: &Arc<Semaphore>, amount: usize) -> Result<OwnedSemaphorePermit, Full> {
    let amount = u32::try_from(amount).map_err(|_| Full)?;
    Arc::clone(room)
        .try_acquire_many_owned(amount)
        .map_err(|_| Full)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold() -> Task {
        Task::Hold {
            act: HoldAct::Expire,
            answer: oneshot::channel().0,
        }
    }

    fn usage() -> Task {
        Task::Usage {
            events: Vec::new(),
            sent: 0,
            answer: oneshot::channel().0,
        }
    }

    fn are_holds(jobs: &[Job]) -> Vec<bool> {
        jobs.iter()
            .map(|job| matches!(job.task, Task::Hold { .. }))
            .collect()
    }

    #[tokio::test]
    async fn holds_overtake_reports_and_what_waits_when_it_is_closed_is_still_taken() {
        let (queue, mut waiting) = Queue::new();
        let organization = OrganizationId::generate();
        for task in [usage(), usage(), hold()] {
            assert!(queue.push(organization, 0, task).is_ok());
        }
        drop(queue);
        let first = waiting.take().await.unwrap();
        assert_eq!(are_holds(&first), [true], "alone");
        let second = waiting.take().await.unwrap();
        assert_eq!(are_holds(&second), [false, false]);
        assert!(waiting.take().await.is_none());
    }

    #[tokio::test]
    async fn however_many_holds_wait_they_leave_room_for_reports() {
        let (queue, mut waiting) = Queue::new();
        let organization = OrganizationId::generate();
        for _ in 0..MOST_HOLDS_WAITING {
            assert!(queue.push(organization, 0, hold()).is_ok());
        }
        assert!(queue.push(organization, 0, hold()).is_err());
        assert!(queue.push(organization, 0, usage()).is_ok());
        let first = are_holds(&waiting.take().await.unwrap());
        assert_eq!(first, [true; MOST_HOLDS]);
        let second = are_holds(&waiting.take().await.unwrap());
        assert_eq!(second[..MOST_HOLDS], [true; MOST_HOLDS]);
        assert_eq!(second[MOST_HOLDS..], [false], "a report goes with them");
    }
}

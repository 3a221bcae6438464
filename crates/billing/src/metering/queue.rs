//! What waits to be committed: bounded by count and by bytes. A full queue refuses at once, so
//! that a gateway hears within moments that it must slow down.

use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use types::ids::OrganizationId;

use super::priced::Priced;
use super::{IngestError, Ingested};

/// The most events that wait.
pub(super) const MOST_WAITING: usize = 65_536;
/// The most kibibytes that wait.
const MOST_KIBIBYTES: usize = 32 * 1024;

/// One call's events, all of one organization, and who waits for them.
pub(super) struct Job {
    pub(super) organization: OrganizationId,
    /// Each with its place in the call. Without repeats.
    pub(super) events: Vec<(usize, Priced)>,
    /// How many events the call had, repeats included.
    pub(super) sent: usize,
    /// How many versions of rates there were when it was priced.
    pub(super) rate_count: i64,
    pub(super) answer: oneshot::Sender<Result<Ingested, IngestError>>,
    /// Given back when the job is done.
    room: [OwnedSemaphorePermit; 2],
}

impl Job {
    /// Answers, and makes room in the queue.
    pub(super) fn finish(self, result: Result<Ingested, IngestError>) {
        drop(self.room);
        // Whoever went away meanwhile will ask again with the same ids.
        let _ = self.answer.send(result);
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

    /// Puts a call's events at the end; what becomes of them is told through the receiver.
    pub(super) fn push(
        &self,
        organization: OrganizationId,
        events: Vec<(usize, Priced)>,
        sent: usize,
        rate_count: i64,
    ) -> Result<oneshot::Receiver<Result<Ingested, IngestError>>, Full> {
        let bytes: usize = events.iter().map(|(_, event)| event.size()).sum();
        let room = [
            take(&self.events, events.len())?,
            take(&self.kibibytes, bytes.div_ceil(1024))?,
        ];
        let (answer, answered) = oneshot::channel();
        let job = Job {
            organization,
            events,
            sent,
            rate_count,
            answer,
            room,
        };
        self.jobs.send(job).map_err(|_| Full)?;
        Ok(answered)
    }
}

fn take(room: &Arc<Semaphore>, amount: usize) -> Result<OwnedSemaphorePermit, Full> {
    let amount = u32::try_from(amount).map_err(|_| Full)?;
    Arc::clone(room)
        .try_acquire_many_owned(amount)
        .map_err(|_| Full)
}

//! Usage: what gateways report, priced exactly and debited exactly once.
//!
//! A call's events are checked, owned and priced in memory, then wait in a bounded queue for the
//! writer, which commits all that waits in one transaction. When a call returns, its events are
//! durable: all of them are counted, or none is.

mod aside;
mod batches;
mod bulk;
mod check;
mod choose;
mod commit;
mod content;
mod event_key;
pub(crate) mod hold_jobs;
mod numbers;
mod owners;
mod priced;
mod queue;
pub(crate) mod rollup;
mod runtime;
pub(crate) mod sources;
mod writer;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use chrono::SecondsFormat;
use sqlx::Row;
use sqlx::any::AnyRow;
use tokio::sync::oneshot;
use types::ids::{ApiKeyId, ProjectId};
use types::time::Timestamp;
use types::usage::UsageEvent;

use crate::pricing::book::RateBook;
use crate::tenancy::api_keys::ApiKeyCaller;
use crate::{Core, Problem, ProblemKind, StoreError};
pub use check::{EventFault, MOST_COST, MOST_SERIES, MOST_SOURCES, MOST_TEXT_BYTES, MOST_TOKENS};
use content::ContentHash;
use event_key::EventKey;
pub(crate) use priced::{Owner, Priced};
use queue::Task;
pub(crate) use runtime::Metering;

/// The most events that one call takes.
pub const MOST_EVENTS: usize = 1_000;

/// Why none of a call's events were counted.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("a request has 1 to {MOST_EVENTS} events")]
    Count,
    #[error("{fault}")]
    Event { index: usize, fault: EventFault },
    #[error("the id was used before, {first}, for an event with other content")]
    Conflict { index: usize, first: FirstUse },
    /// Nothing was taken.
    #[error("more usage is waiting to be written than we can hold; try again in a second")]
    Overloaded,
    /// It may or may not be there.
    #[error("we cannot say whether the events were taken; send them again with the same ids")]
    NotCommitted,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IngestError {
    /// Which of the call's events it is about.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::Event { index, .. } | Self::Conflict { index, .. } => Some(*index),
            Self::Count | Self::Overloaded | Self::NotCommitted | Self::Store(_) => None,
        }
    }
}

/// The event that an id was used for first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstUse {
    InThisCall { index: usize },
    Received(Timestamp),
}

impl fmt::Display for FirstUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InThisCall { index } => write!(f, "by event {index} of this request"),
            Self::Received(at) => {
                write!(
                    f,
                    "by one received at {}",
                    at.to_rfc3339_opts(SecondsFormat::Micros, true)
                )
            }
        }
    }
}

impl From<sqlx::Error> for IngestError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for IngestError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::Count | Self::Event { .. } => ProblemKind::Invalid,
            Self::Conflict { .. } => ProblemKind::Conflict,
            Self::Overloaded | Self::NotCommitted => ProblemKind::Unknown,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Count => "invalid_count",
            Self::Event { fault, .. } => fault.code(),
            Self::Conflict { .. } => "id_reused",
            Self::Overloaded => "overloaded",
            Self::NotCommitted => "unknown_outcome",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Event { fault, .. } => Some(fault.field().to_owned()),
            Self::Conflict { .. } => Some("id".to_owned()),
            Self::Count | Self::Overloaded | Self::NotCommitted | Self::Store(_) => None,
        }
    }
}

/// What became of a call's events. All of them are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ingested {
    pub counted: usize,
    /// Replays: counted by an earlier call, or twice in this one.
    pub already_counted: usize,
}

/// See [`crate::Billing::usage`].
#[derive(Clone)]
pub struct Usage {
    core: Arc<Core>,
}

impl Usage {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// How many writers this process has where the database is PostgreSQL: two, unless somebody
    /// measures what the second is worth. Counts until the first event comes.
    pub fn use_writers(&self, count: usize) {
        self.core.metering.use_writers(count);
    }

    /// Counts events: when it returns they are durable and paid for.
    ///
    /// # Errors
    /// When an event is malformed, has no rate, or reuses an id with other content. Nothing of
    /// the call is kept then. [`IngestError::NotCommitted`]: it may or may not be; repeat it.
    pub async fn ingest(
        &self,
        caller: &ApiKeyCaller,
        events: Vec<UsageEvent>,
    ) -> Result<Ingested, IngestError> {
        if events.is_empty() || events.len() > MOST_EVENTS {
            return Err(IngestError::Count);
        }
        let now = self.core.now();
        let sent = events.len();
        let metering = &self.core.metering;
        let mut book = metering.rates.current();
        let mut priced = Vec::with_capacity(sent);
        for (index, event) in events.into_iter().enumerate() {
            let fault = |fault| IngestError::Event { index, fault };
            check::source(&event).map_err(fault)?;
            check::event(&event, now).map_err(fault)?;
            if !can_price(&book, &event, now) {
                book = metering.rates.refresh(self.core.db.readers()).await?;
            }
            let named = (event.project, event.api_key);
            let owner = metering
                .owner(&self.core, caller, named)
                .await?
                .map_err(fault)?;
            priced.push((index, Priced::new(event, owner, &book, now).map_err(fault)?));
        }
        let events = distinct(priced)?;
        let organization = caller.organization;
        let (answer, answered) = oneshot::channel();
        let task = Task::Usage {
            events,
            sent,
            answer,
        };
        metering
            .writer(&self.core)
            .await?
            .push(organization, book.version_count(), task)
            .map_err(|_| IngestError::Overloaded)?;
        // The writer answers every job; it is gone only when the process is ending.
        answered.await.unwrap_or(Err(IngestError::NotCommitted))
    }
}

impl Metering {
    /// Asks whether there are newer prices.
    pub(crate) async fn refresh_rates(&self, core: &Core) -> Result<(), StoreError> {
        self.rates.refresh(core.db.readers()).await.map(drop)
    }

    /// Whose a request is: whom it names, if they are the organization's; where it names none, the
    /// reporting key's.
    pub(crate) async fn owner(
        &self,
        core: &Core,
        caller: &ApiKeyCaller,
        (project, api_key): (Option<ProjectId>, Option<ApiKeyId>),
    ) -> Result<Result<Owner, EventFault>, StoreError> {
        let (db, owners) = (&core.db, &self.owners);
        let organization = caller.organization;
        if let Some(project) = project.filter(|named| *named != caller.project)
            && !owners.has_project(db, organization, project).await?
        {
            return Ok(Err(EventFault::UnknownProject));
        }
        if let Some(api_key) = api_key.filter(|named| *named != caller.api_key)
            && !owners.has_api_key(db, organization, api_key).await?
        {
            return Ok(Err(EventFault::UnknownApiKey));
        }
        Ok(Ok(Owner {
            organization,
            project: project.unwrap_or(caller.project),
            api_key: api_key.unwrap_or(caller.api_key),
        }))
    }
}

/// Whether the book has a price for the event. If not, a newer one may.
fn can_price(book: &RateBook, event: &UsageEvent, now: Timestamp) -> bool {
    let at = event.occurred_at.unwrap_or(now);
    book.model(&event.model)
        .is_some_and(|versions| versions.at(at).is_some())
}

/// Drops repeats within the call.
fn distinct(events: Vec<(usize, Priced)>) -> Result<Vec<(usize, Priced)>, IngestError> {
    let mut seen: HashMap<(String, EventKey), (usize, ContentHash)> =
        HashMap::with_capacity(events.len());
    let mut kept = Vec::with_capacity(events.len());
    for (index, priced) in events {
        let unique = (priced.event.source.clone(), priced.key);
        match seen.get(&unique) {
            Some((_, content_hash)) if content_hash.says_the_same(priced.content_hash) => {}
            Some((first, _)) => {
                let first = FirstUse::InThisCall { index: *first };
                return Err(IngestError::Conflict { index, first });
            }
            None => {
                seen.insert(unique, (index, priced.content_hash));
                kept.push((index, priced));
            }
        }
    }
    Ok(kept)
}

/// An event's id, from a row with `key_form`, `event_key` and `event_id`.
pub(crate) fn event_id(row: &AnyRow) -> Result<String, StoreError> {
    if let Some(id) = row.try_get::<Option<String>, _>("event_id")? {
        return Ok(id);
    }
    EventKey::stored(row.try_get("key_form")?, row.try_get("event_key")?)
        .and_then(|key| key.id())
        .ok_or_else(|| StoreError::Inconsistent("an event without an id".to_owned()))
}

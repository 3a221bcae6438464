//! Usage: what gateways report, priced exactly and debited exactly once.
//!
//! Owns the rule of replays (the same source and id with the same content counts once, with other
//! content is refused) and the remainder that is carried from batch to batch. Does not own what a
//! batch pays with: that is `posting_rules::usage`.
//!
//! One call is one transaction: all of its events are counted, or none is.

mod check;
mod store;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ledger::{Batch, Source};
use types::ids::{ApiKeyId, BatchId, ProjectId};
use types::money::Cost;
use types::time::Timestamp;
use types::usage::UsageEvent;

use crate::pricing::RateVersions;
use crate::tenancy::api_keys::ApiKeyCaller;
use crate::{Core, Problem, ProblemKind, StoreError, chart, posting_rules};
pub use check::EventFault;
use store::{Counted, DayTotals};

/// The most events that one call takes.
pub const MOST_EVENTS: usize = 1_000;

/// Why none of a call's events were counted.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("a request has 1 to {MOST_EVENTS} events")]
    Count,
    #[error("{fault}")]
    Event { index: usize, fault: EventFault },
    #[error("the id was used before, for an event with other content")]
    Conflict { index: usize },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IngestError {
    /// Which of the call's events it is about.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::Event { index, .. } | Self::Conflict { index } => Some(*index),
            Self::Count | Self::Store(_) => None,
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
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Count => "invalid_count",
            Self::Event { fault, .. } => fault.code(),
            Self::Conflict { .. } => "id_reused",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Event { fault, .. } => Some(fault.field().to_owned()),
            Self::Conflict { .. } => Some("id".to_owned()),
            Self::Count | Self::Store(_) => None,
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

    /// Counts events: when it returns they are durable and paid for.
    ///
    /// # Errors
    /// When an event is malformed, has no rate, or reuses an id with other content. Nothing of
    /// the call is kept then.
    pub async fn ingest(
        &self,
        caller: &ApiKeyCaller,
        events: Vec<UsageEvent>,
    ) -> Result<Ingested, IngestError> {
        if events.is_empty() || events.len() > MOST_EVENTS {
            return Err(IngestError::Count);
        }
        let now = self.core.now();
        for (index, event) in events.iter().enumerate() {
            check::event(event, now).map_err(|fault| IngestError::Event { index, fault })?;
        }
        let sent = events.len();
        let unique = distinct(events)?;
        let mut tx = self.core.db.begin().await?;
        let mut books = ledger::lock_books_in(&mut tx, caller.organization)
            .await
            .map_err(StoreError::from)?;
        let new = drop_replays_in(&mut tx, caller, unique).await?;
        let counted = new.len();
        if counted > 0 {
            let owners = store::Owners::read_in(&mut tx, caller.organization, &new).await?;
            let priced = price_in(&mut tx, caller, &owners, new, now).await?;
            self.count_in(&mut tx, &mut books, caller, priced, now)
                .await?;
            tx.commit().await?;
        }
        Ok(Ingested {
            counted,
            already_counted: sent - counted,
        })
    }

    /// Writes events that are new and priced, and pays for them.
    async fn count_in(
        &self,
        connection: &mut ledger::Connection,
        books: &mut ledger::Books,
        caller: &ApiKeyCaller,
        events: Vec<Counted>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let organization = caller.organization;
        let cost = events
            .iter()
            .try_fold(Cost::ZERO, |sum, event| sum.plus(event.cost))?;
        let carry_before = store::carry_in(connection, organization).await?;
        let (posted, carry_after) = carry_before.plus(cost)?.into_money_and_carry()?;
        // Not `now` alone: a batch that posts nothing must not stand before those that did.
        let booked_at = now.max(books.booked_at());
        let batch = store::UsageBatch {
            id: BatchId::generate(),
            organization,
            cost,
            posted,
            carry_before,
            carry_after,
            booked_at,
        };
        store::insert_batch_in(connection, &batch, events.len(), now).await?;
        store::insert_events_in(connection, &batch, &events, now).await?;
        store::set_carry_in(connection, organization, carry_after).await?;
        if posted.is_positive() {
            let before = chart::balance_in(connection, organization).await?;
            let ledger_batch = Batch {
                id: batch.id,
                source: Source::new("usage", batch.id),
                code: "usage",
                transfers: posting_rules::usage::transfers(organization, &before, posted)?,
                booked_at,
            };
            ledger::post_in(connection, books, &ledger_batch, now).await?;
        }
        store::add_to_days_in(connection, organization, &day_totals(&events)?, booked_at).await
    }
}

/// An event with its place in the call.
struct Numbered {
    index: usize,
    event: UsageEvent,
    hash: String,
}

/// Drops repeats within the call.
fn distinct(events: Vec<UsageEvent>) -> Result<Vec<Numbered>, IngestError> {
    let mut seen: HashMap<(String, String), String> = HashMap::with_capacity(events.len());
    let mut kept = Vec::with_capacity(events.len());
    for (index, event) in events.into_iter().enumerate() {
        let hash = check::content_hash(&event);
        match seen.get(&(event.source.clone(), event.id.clone())) {
            Some(earlier) if *earlier == hash => {}
            Some(_) => return Err(IngestError::Conflict { index }),
            None => {
                seen.insert((event.source.clone(), event.id.clone()), hash.clone());
                kept.push(Numbered { index, event, hash });
            }
        }
    }
    Ok(kept)
}

/// Drops what earlier calls counted. Under the lock of the books, so that two calls with the same
/// event cannot both find it new.
async fn drop_replays_in(
    connection: &mut ledger::Connection,
    caller: &ApiKeyCaller,
    events: Vec<Numbered>,
) -> Result<Vec<Numbered>, IngestError> {
    let mut by_source: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for numbered in &events {
        by_source
            .entry(&numbered.event.source)
            .or_default()
            .push(&numbered.event.id);
    }
    let known = store::known_hashes_in(connection, caller.organization, &by_source).await?;
    let mut new = Vec::with_capacity(events.len());
    for numbered in events {
        let key = (numbered.event.source.clone(), numbered.event.id.clone());
        match known.get(&key) {
            Some(hash) if *hash == numbered.hash => {}
            Some(_) => {
                return Err(IngestError::Conflict {
                    index: numbered.index,
                });
            }
            None => new.push(numbered),
        }
    }
    Ok(new)
}

async fn price_in(
    connection: &mut ledger::Connection,
    caller: &ApiKeyCaller,
    owners: &store::Owners,
    events: Vec<Numbered>,
    now: Timestamp,
) -> Result<Vec<Counted>, IngestError> {
    let models: HashSet<&str> = events
        .iter()
        .map(|numbered| numbered.event.model.as_str())
        .collect();
    let models: Vec<&str> = models.into_iter().collect();
    let rates = RateVersions::read_in(connection, &models).await?;
    events
        .into_iter()
        .map(|numbered| {
            let index = numbered.index;
            price(caller, owners, &rates, numbered, now)
                .map_err(|fault| IngestError::Event { index, fault })
        })
        .collect()
}

fn price(
    caller: &ApiKeyCaller,
    owners: &store::Owners,
    rates: &RateVersions,
    numbered: Numbered,
    now: Timestamp,
) -> Result<Counted, EventFault> {
    let Numbered { event, hash, .. } = numbered;
    let occurred_at = event.occurred_at.unwrap_or(now);
    let (rate_effective_at, model_rates) =
        rates.at(&event.model, occurred_at).ok_or_else(|| {
            if rates.knows(&event.model) {
                EventFault::NoRateYet
            } else {
                EventFault::UnknownModel
            }
        })?;
    let cost = model_rates
        .cost(event.tokens)
        .ok()
        .filter(|cost| *cost <= check::MOST_COST);
    let cost = cost.ok_or(EventFault::CostTooLarge)?;
    let project = owned(event.project, caller.project, |id: ProjectId| {
        owners.has_project(id)
    })
    .ok_or(EventFault::UnknownProject)?;
    let api_key = owned(event.api_key, caller.api_key, |id: ApiKeyId| {
        owners.has_api_key(id)
    })
    .ok_or(EventFault::UnknownApiKey)?;
    Ok(Counted {
        project,
        api_key,
        hash,
        cost,
        rate_effective_at,
        occurred_at,
        event,
    })
}

/// What the event names, if it is the organization's; where it names none, the reporting key's.
fn owned<T: Copy>(named: Option<T>, own: T, is_owned: impl Fn(T) -> bool) -> Option<T> {
    match named {
        None => Some(own),
        Some(named) => is_owned(named).then_some(named),
    }
}

/// Sums by project and model.
fn day_totals(events: &[Counted]) -> Result<BTreeMap<(ProjectId, String), DayTotals>, StoreError> {
    let mut totals: BTreeMap<(ProjectId, String), DayTotals> = BTreeMap::new();
    for counted in events {
        let key = (counted.project, counted.event.model.clone());
        let sum = totals.entry(key).or_default();
        sum.requests += 1;
        let tokens = counted
            .event
            .tokens
            .input
            .saturating_add(counted.event.tokens.output);
        sum.tokens = sum.tokens.saturating_add(tokens);
        sum.cost = sum.cost.plus(counted.cost)?;
    }
    Ok(totals)
}

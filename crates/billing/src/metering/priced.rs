//! An event that may be counted: checked, owned and priced.

use std::sync::Arc;

use types::ids::{ApiKeyId, OrganizationId, ProjectId};
use types::money::Cost;
use types::time::Timestamp;
use types::usage::UsageEvent;

use super::check::{self, EventFault};
use super::content::ContentHash;
use super::event_key::{EventKey, KeyForm};
use crate::holds::{HOLD_SOURCE, is_free};
use crate::pricing::book::RateBook;

/// Who makes the ids, and in which form they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SourceKey {
    pub(crate) organization: OrganizationId,
    pub(crate) source: String,
    pub(crate) form: KeyForm,
}

/// What events have in common: whose they are, and the price they were given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SeriesKey {
    pub(crate) organization: OrganizationId,
    pub(crate) project: ProjectId,
    pub(crate) api_key: ApiKeyId,
    pub(crate) model: Arc<str>,
    pub(crate) rate_effective_at: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Priced {
    pub(crate) source: SourceKey,
    pub(crate) key: EventKey,
    pub(crate) content_hash: ContentHash,
    pub(crate) series: SeriesKey,
    pub(crate) occurred_at: Timestamp,
    pub(crate) cost: Cost,
    pub(crate) event: UsageEvent,
}

/// Whose an event is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) organization: OrganizationId,
    pub(crate) project: ProjectId,
    pub(crate) api_key: ApiKeyId,
}

impl Priced {
    /// Prices an event that was checked. One without a time ran when it was received.
    pub(crate) fn new(
        event: UsageEvent,
        owner: Owner,
        book: &RateBook,
        received_at: Timestamp,
    ) -> Result<Self, EventFault> {
        let occurred_at = event.occurred_at.unwrap_or(received_at);
        let (model, rate_effective_at, cost) = price(&event, occurred_at, book)?;
        let Owner {
            organization,
            project,
            api_key,
        } = owner;
        let key = EventKey::of(&event.id);
        Ok(Self {
            source: SourceKey {
                organization,
                source: event.source.clone(),
                form: key.form,
            },
            key,
            content_hash: ContentHash::of(&event),
            series: SeriesKey {
                organization,
                project,
                api_key,
                model,
                rate_effective_at,
            },
            occurred_at,
            cost,
            event,
        })
    }

    /// Gives it the price of another book.
    pub(crate) fn reprice(&mut self, book: &RateBook) -> Result<(), EventFault> {
        let (model, rate_effective_at, cost) = price(&self.event, self.occurred_at, book)?;
        self.series.model = model;
        self.series.rate_effective_at = rate_effective_at;
        self.cost = cost;
        Ok(())
    }

    /// The id as it was sent, where its key does not tell it.
    pub(crate) fn kept_id(&self) -> Option<&str> {
        (self.key.form == KeyForm::Hash).then_some(self.event.id.as_str())
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        let texts = [&self.event.request_id, &self.event.subject];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        size_of::<Self>()
            + 2 * self.event.source.len()
            + self.event.id.len()
            + self.event.model.len()
            + texts
    }
}

fn price(
    event: &UsageEvent,
    at: Timestamp,
    book: &RateBook,
) -> Result<(Arc<str>, Timestamp, Cost), EventFault> {
    let rates = book.model(&event.model).ok_or(EventFault::UnknownModel)?;
    let (effective_at, model_rates) = rates.at(at).ok_or(EventFault::NoRateYet)?;
    if event.source == HOLD_SOURCE && is_free(event.tokens, event.status, &model_rates) {
        return Ok((rates.name(), effective_at, Cost::ZERO));
    }
    let cost = model_rates
        .cost(event.tokens)
        .ok()
        .filter(|cost| *cost <= check::MOST_COST)
        .ok_or(EventFault::CostTooLarge)?;
    Ok((rates.name(), effective_at, cost))
}

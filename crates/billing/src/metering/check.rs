//! What an event must be before it is priced.

use chrono::TimeDelta;
use types::money::Cost;
use types::time::Timestamp;
use types::usage::UsageEvent;

use crate::holds::HOLD_SOURCE;

/// The longest source, id, model or request id, in bytes.
pub const MOST_TEXT_BYTES: usize = 200;
/// The most tokens of one kind in one request: a hundred times the largest context there is.
pub const MOST_TOKENS: i64 = 100_000_000;
/// The most that one request may cost, $1,000: what one commit counts, and more, fits in 63 bits of
/// pico-dollars.
pub const MOST_COST: Cost = Cost::from_picos(1_000_000_000_000_000);
/// The most sources of an organization; what is captured of holds has one beyond it.
pub const MOST_SOURCES: i64 = 1_000;
/// The most series of an organization: projects, keys and models that have ever been used together.
pub const MOST_SERIES: i64 = 50_000;
/// How far a sender's clock may be ahead of ours.
const AHEAD: TimeDelta = TimeDelta::hours(1);

/// What is wrong with one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventFault {
    #[error("{field} must have 1 to {MOST_TEXT_BYTES} bytes and no control characters")]
    Text { field: &'static str },
    #[error("source `{HOLD_SOURCE}` is for captures of holds; name your own")]
    ReservedSource,
    #[error("{field} must be a whole number from 0 to {MOST_TOKENS}")]
    Tokens { field: &'static str },
    #[error("data.cached_input_tokens is a part of data.input_tokens and cannot be more")]
    CachedAboveInput,
    #[error("data.status must be an HTTP status from 100 to 599")]
    Status,
    #[error("data.latency_ms must be from 0 to 86400000")]
    Latency,
    #[error("time is more than an hour ahead")]
    InTheFuture,
    #[error("data.model has no rate; load one or check the name")]
    UnknownModel,
    #[error("data.model had no rate yet at that time")]
    NoRateYet,
    #[error("the cost is more than $1,000, the most for one request")]
    CostTooLarge,
    #[error("data.project_id is not a project of this organization")]
    UnknownProject,
    #[error("data.api_key_id is not a key of this organization")]
    UnknownApiKey,
    #[error(
        "the organization has {MOST_SOURCES} sources, the most there may be; a source names who \
         reports, not a request: use one that is there"
    )]
    TooManySources,
    #[error(
        "the organization has used {MOST_SERIES} combinations of data.project_id, data.api_key_id \
         and data.model, the most there may be; use one that is there"
    )]
    TooManySeries,
}

impl EventFault {
    /// The field's path in a CloudEvents object.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Text { field } | Self::Tokens { field } => field,
            Self::ReservedSource | Self::TooManySources => "source",
            Self::CachedAboveInput => "data.cached_input_tokens",
            Self::Status => "data.status",
            Self::Latency => "data.latency_ms",
            Self::InTheFuture => "time",
            Self::UnknownModel | Self::NoRateYet => "data.model",
            Self::CostTooLarge | Self::TooManySeries => "data",
            Self::UnknownProject => "data.project_id",
            Self::UnknownApiKey => "data.api_key_id",
        }
    }

    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Text { .. }
            | Self::ReservedSource
            | Self::Tokens { .. }
            | Self::CachedAboveInput
            | Self::Status
            | Self::Latency
            | Self::InTheFuture
            | Self::CostTooLarge => "invalid_event",
            Self::TooManySources => "too_many_sources",
            Self::TooManySeries => "too_many_series",
            Self::UnknownModel | Self::NoRateYet => "unknown_model",
            Self::UnknownProject => "unknown_project",
            Self::UnknownApiKey => "unknown_api_key",
        }
    }
}

/// Checks what only comes from outside: captures have a source of their own.
pub(super) fn source(event: &UsageEvent) -> Result<(), EventFault> {
    if event.source == HOLD_SOURCE {
        Err(EventFault::ReservedSource)
    } else {
        Ok(())
    }
}

/// Checks all that needs no database.
pub(super) fn event(event: &UsageEvent, now: Timestamp) -> Result<(), EventFault> {
    let texts = [
        ("source", Some(&event.source)),
        ("id", Some(&event.id)),
        ("data.model", Some(&event.model)),
        ("data.request_id", event.request_id.as_ref()),
        ("subject", event.subject.as_ref()),
    ];
    for (field, text) in texts {
        if text.is_some_and(|text| !is_usable(text)) {
            return Err(EventFault::Text { field });
        }
    }
    let tokens = [
        ("data.input_tokens", event.tokens.input),
        ("data.cached_input_tokens", event.tokens.cached_input),
        ("data.output_tokens", event.tokens.output),
    ];
    for (field, count) in tokens {
        if !(0..=MOST_TOKENS).contains(&count) {
            return Err(EventFault::Tokens { field });
        }
    }
    if event.tokens.cached_input > event.tokens.input {
        return Err(EventFault::CachedAboveInput);
    }
    if event
        .status
        .is_some_and(|status| !(100..=599).contains(&status))
    {
        return Err(EventFault::Status);
    }
    if event
        .latency_ms
        .is_some_and(|latency| !(0..=86_400_000).contains(&latency))
    {
        return Err(EventFault::Latency);
    }
    if event.occurred_at.is_some_and(|at| at > now + AHEAD) {
        return Err(EventFault::InTheFuture);
    }
    Ok(())
}

fn is_usable(text: &str) -> bool {
    (1..=MOST_TEXT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

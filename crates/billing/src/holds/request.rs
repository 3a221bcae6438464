//! What a client asks of holds, and what is wrong with it.

use types::ids::{ApiKeyId, ProjectId};
use types::pricing::ModelRates;
use types::usage::{Repeat, Tokens, UsageEvent};

use super::hold::Hold;
use crate::metering::{EventFault, MOST_TEXT_BYTES, MOST_TOKENS};

/// The source of the usage events that captures are. Nobody else may use it.
pub const HOLD_SOURCE: &str = "hold";
/// From this HTTP status on the request failed for a reason that its sender does not pay for.
pub(super) const PROVIDER_ERROR: i64 = 500;

/// A request that is about to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenHold {
    /// The client's own id, unique in its organization: the same again is the same hold.
    pub id: Option<String>,
    pub model: String,
    pub input_tokens: i64,
    /// The most output that it may have; `None`: estimated by what such requests had.
    pub max_output_tokens: Option<i64>,
    /// The project that it belongs to; `None`: the asking key's own.
    pub project: Option<ProjectId>,
    /// The key that makes the request; `None`: the asking key.
    pub api_key: Option<ApiKeyId>,
}

/// What a request that ran really used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureHold {
    pub tokens: Tokens,
    /// The HTTP status that it ended with.
    pub status: Option<i64>,
    pub latency_ms: Option<i64>,
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoldFault {
    #[error("{field} must have 1 to {MOST_TEXT_BYTES} bytes and no control characters")]
    Text { field: &'static str },
    #[error("{field} must be a whole number from 0 to {MOST_TOKENS}")]
    Tokens { field: &'static str },
    #[error("max_output_tokens must be a whole number from 1 to {MOST_TOKENS}")]
    MaxOutput,
    #[error("cached_input_tokens is a part of input_tokens and cannot be more")]
    CachedAboveInput,
    #[error("status must be an HTTP status from 100 to 599")]
    Status,
    #[error("latency_ms must be from 0 to 86400000")]
    Latency,
    #[error("model has no rate; load one or check the name")]
    UnknownModel,
    #[error("the request could cost more than $1,000, the most for one")]
    TooLarge,
    #[error("project_id is not a project of this organization")]
    UnknownProject,
    #[error("api_key_id is not a key of this organization")]
    UnknownApiKey,
}

impl HoldFault {
    /// The member of the request that it is about.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Text { field } | Self::Tokens { field } => field,
            Self::MaxOutput => "max_output_tokens",
            Self::CachedAboveInput => "cached_input_tokens",
            Self::Status => "status",
            Self::Latency => "latency_ms",
            Self::UnknownModel => "model",
            Self::TooLarge => "input_tokens",
            Self::UnknownProject => "project_id",
            Self::UnknownApiKey => "api_key_id",
        }
    }

    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Text { .. }
            | Self::Tokens { .. }
            | Self::MaxOutput
            | Self::CachedAboveInput
            | Self::Status
            | Self::Latency
            | Self::TooLarge => "invalid_hold",
            Self::UnknownModel => "unknown_model",
            Self::UnknownProject => "unknown_project",
            Self::UnknownApiKey => "unknown_api_key",
        }
    }
}

/// A capture is a usage event, so what is wrong with it is what is wrong with the event.
impl From<EventFault> for HoldFault {
    fn from(fault: EventFault) -> Self {
        match fault {
            EventFault::Text { field } => Self::Text { field },
            EventFault::Tokens { field } => Self::Tokens {
                field: field.strip_prefix("data.").unwrap_or(field),
            },
            EventFault::CachedAboveInput => Self::CachedAboveInput,
            EventFault::Status => Self::Status,
            EventFault::Latency => Self::Latency,
            EventFault::ReservedSource | EventFault::TooManySources | EventFault::TooManySeries => {
                Self::Text { field: "source" }
            }
            EventFault::UnknownModel | EventFault::NoRateYet | EventFault::InTheFuture => {
                Self::UnknownModel
            }
            EventFault::CostTooLarge => Self::TooLarge,
            EventFault::UnknownProject => Self::UnknownProject,
            EventFault::UnknownApiKey => Self::UnknownApiKey,
        }
    }
}

impl OpenHold {
    /// Checks all that needs neither rates nor a database.
    pub(super) fn check(&self) -> Result<(), HoldFault> {
        for (field, text) in [("id", self.id.as_ref()), ("model", Some(&self.model))] {
            let is_usable = |text: &String| {
                (1..=MOST_TEXT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
            };
            if !text.is_none_or(is_usable) {
                return Err(HoldFault::Text { field });
            }
        }
        if !(0..=MOST_TOKENS).contains(&self.input_tokens) {
            return Err(HoldFault::Tokens {
                field: "input_tokens",
            });
        }
        if self
            .max_output_tokens
            .is_some_and(|most| !(1..=MOST_TOKENS).contains(&most))
        {
            return Err(HoldFault::MaxOutput);
        }
        Ok(())
    }
}

/// Whether a capture is recorded and not charged, whatever it used: a request that produced
/// nothing, or that failed on the provider's side. Of a model whose output is not billed, such as
/// one for embeddings, nothing else is to be expected.
pub(crate) fn is_free(tokens: Tokens, status: Option<i64>, rates: &ModelRates) -> bool {
    let failed = status.is_some_and(|status| status >= PROVIDER_ERROR);
    failed || (rates.output.is_some() && tokens.output == 0)
}

impl CaptureHold {
    /// The usage event that charges it.
    pub(super) fn event(&self, hold: &Hold) -> UsageEvent {
        UsageEvent {
            source: HOLD_SOURCE.to_owned(),
            id: hold.id.to_string(),
            // The price that was promised when the request was let run.
            occurred_at: Some(hold.created_at),
            model: hold.model.clone(),
            tokens: self.tokens,
            status: self.status,
            latency_ms: self.latency_ms,
            project: Some(hold.project),
            api_key: Some(hold.api_key),
            request_id: hold.client_id.clone(),
            subject: None,
            claimed_cost: None,
            repeat: Repeat::Everything,
        }
    }
}

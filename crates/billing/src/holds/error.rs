//! Why a hold was not opened or changed. Nothing was, unless it says that nobody knows.

use chrono::SecondsFormat;
use types::money::Money;
use types::time::Timestamp;

use super::hold::HoldState;
use super::request::HoldFault;
use super::{LATEST_CAPTURE, MOST_OPEN_HOLDS};
use crate::{Problem, ProblemKind, StoreError};

/// How soon it is worth to ask again for one of the places that open holds take.
const PLACE_RETRY: std::time::Duration = std::time::Duration::from_secs(1);

/// What credit there is, and what would be needed: the figures of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    pub available: Money,
    /// The least that such a request costs: its input and one token of output.
    pub needed: Money,
    pub reason: ShortfallReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortfallReason {
    /// Nothing is left.
    Exhausted,
    /// What is left does not pay for the smallest such request.
    TooLittle,
    /// More is owed than the floor lets run up.
    BelowFloor,
}

impl Shortfall {
    fn words(&self) -> String {
        let exact = |amount: Money| amount.dollars().exact_label();
        let (available, needed) = (exact(self.available), exact(self.needed));
        match self.reason {
            ShortfallReason::Exhausted => format!(
                "the credit balance is exhausted: {available} is available and this request needs \
                 at least {needed}; add credit to go on"
            ),
            ShortfallReason::TooLittle => format!(
                "the credit balance does not cover this request: {available} is available and it \
                 needs at least {needed}; add credit or send less"
            ),
            ShortfallReason::BelowFloor => {
                format!("more is owed than may be: {available} is available; add credit to go on")
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    #[error(transparent)]
    Invalid(#[from] HoldFault),
    #[error("{}", shortfall.words())]
    InsufficientCredit { shortfall: Shortfall },
    #[error("your organization has no such hold; holds are forgotten after 31 days")]
    NotFound,
    #[error("the id was used before, for a hold opened at {} with other content", instant(*.first))]
    Reused { first: Timestamp },
    #[error("the hold was captured before with other content")]
    CapturedOtherwise,
    #[error("the hold is not open any more: it is {}", state.as_str())]
    Closed { state: HoldState },
    #[error(
        "the hold ended at {}, more than {} hours ago; report what ran as a usage event instead",
        instant(*.closed_at), LATEST_CAPTURE.num_hours()
    )]
    TooLate { closed_at: Timestamp },
    #[error("your organization has {MOST_OPEN_HOLDS} open holds, the most there may be at a time")]
    TooManyOpen,
    /// Nothing was taken.
    #[error("more is waiting to be written than we can hold; try again in a second")]
    Overloaded,
    /// It may or may not be there.
    #[error("we cannot say whether it was done; send it again, with the same id")]
    NotCommitted,
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn instant(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

impl From<sqlx::Error> for HoldError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for HoldError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::Invalid(_) => ProblemKind::Invalid,
            Self::InsufficientCredit { .. } => ProblemKind::Exhausted,
            Self::NotFound => ProblemKind::NotFound,
            Self::Reused { .. }
            | Self::CapturedOtherwise
            | Self::Closed { .. }
            | Self::TooLate { .. } => ProblemKind::Conflict,
            Self::TooManyOpen => ProblemKind::Throttled {
                retry_after: PLACE_RETRY,
            },
            Self::Overloaded | Self::NotCommitted => ProblemKind::Unknown,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Invalid(fault) => fault.code(),
            Self::InsufficientCredit { .. } => "insufficient_quota",
            Self::NotFound => "no_such_hold",
            Self::Reused { .. } => "id_reused",
            Self::CapturedOtherwise => "hold_captured",
            Self::Closed { state } => match state {
                HoldState::Open => "hold_open",
                HoldState::Captured { .. } => "hold_captured",
                HoldState::Released { .. } => "hold_released",
                HoldState::Expired { .. } => "hold_expired",
            },
            Self::TooLate { .. } => "hold_too_old",
            Self::TooManyOpen => "too_many_holds",
            Self::Overloaded => "overloaded",
            Self::NotCommitted => "unknown_outcome",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Invalid(fault) => Some(fault.field().to_owned()),
            Self::Reused { .. } | Self::NotFound => Some("id".to_owned()),
            Self::InsufficientCredit { .. }
            | Self::CapturedOtherwise
            | Self::Closed { .. }
            | Self::TooLate { .. }
            | Self::TooManyOpen
            | Self::Overloaded
            | Self::NotCommitted
            | Self::Store(_) => None,
        }
    }
}

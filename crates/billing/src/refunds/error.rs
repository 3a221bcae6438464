use types::money::Cents;
use types::refund::RefundRefusal;

use crate::{Problem, ProblemKind, StoreError};

/// Why a refund was not started. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error("your role does not permit refunds; ask an owner or billing admin")]
    NotAllowed,
    #[error("there is no such credit that was paid by card")]
    TopUpNotFound,
    #[error("the least that can be refunded is ${least}")]
    BelowMinimum { least: Cents },
    #[error("no more than ${most} of this credit can be refunded")]
    AboveUnused { most: Cents },
    #[error(transparent)]
    Refused(#[from] RefundRefusal),
    #[error("this refund was already asked for with another amount or credit; reload the page")]
    IdReused,
    #[error("a key has 1 to 100 letters, digits and the marks . _ : -")]
    Key,
    #[error("a reason has 1 to 200 characters and no line breaks")]
    Reason,
    /// It was started, and how it stands could not be read: ask again with the same id.
    #[error("the refund was started and is still being looked at; no need to ask again")]
    NotKnownYet(#[source] StoreError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for RefundError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<ledger::LedgerError> for RefundError {
    fn from(error: ledger::LedgerError) -> Self {
        Self::Store(error.into())
    }
}

impl From<ledger::PostError> for RefundError {
    fn from(error: ledger::PostError) -> Self {
        Self::Store(error.into())
    }
}

impl From<types::money::MoneyError> for RefundError {
    fn from(error: types::money::MoneyError) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for RefundError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::NotAllowed => ProblemKind::NotAllowed,
            Self::TopUpNotFound => ProblemKind::NotFound,
            Self::BelowMinimum { .. } | Self::AboveUnused { .. } | Self::Key | Self::Reason => {
                ProblemKind::Invalid
            }
            Self::Refused(_) | Self::IdReused => ProblemKind::Conflict,
            Self::NotKnownYet(_) => ProblemKind::Unknown,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::TopUpNotFound => "top_up_not_found",
            Self::BelowMinimum { .. } => "below_minimum",
            Self::AboveUnused { .. } => "above_unused",
            Self::Refused(RefundRefusal::Used) => "credit_used",
            Self::Refused(RefundRefusal::Held) => "credit_held",
            Self::Refused(RefundRefusal::TooLate { .. }) => "refund_window_over",
            Self::Refused(RefundRefusal::Disputed) => "payment_disputed",
            Self::Refused(RefundRefusal::NotConnected) => "gateway_not_connected",
            Self::IdReused => "id_reused",
            Self::Key => "invalid_key",
            Self::Reason => "invalid_reason",
            Self::NotKnownYet(_) => "not_known_yet",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::BelowMinimum { .. } | Self::AboveUnused { .. } => Some("amount".to_owned()),
            Self::Key => Some("key".to_owned()),
            Self::Reason => Some("reason".to_owned()),
            Self::NotAllowed
            | Self::TopUpNotFound
            | Self::Refused(_)
            | Self::IdReused
            | Self::NotKnownYet(_) => None,
            Self::Store(error) => error.field(),
        }
    }
}

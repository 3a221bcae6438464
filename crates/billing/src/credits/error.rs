use ledger::{LedgerError, PostError};
use types::money::{Money, MoneyError};

use super::grant::{MOST_KEY_CHARACTERS, MOST_OPEN_LOTS, MOST_PRIORITY, MOST_REASON_CHARACTERS};
use crate::{Problem, ProblemKind, StoreError};

/// Why credit was not given.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    #[error("a key has 1 to {MOST_KEY_CHARACTERS} letters, digits or any of . _ : -")]
    Key,
    #[error("an amount is above zero and at most {}", most.dollars())]
    Amount { most: Money },
    #[error("a reason has 1 to {MOST_REASON_CHARACTERS} characters")]
    Reason,
    #[error("a priority is -{MOST_PRIORITY} to {MOST_PRIORITY}")]
    Priority,
    #[error("credit expires in the future")]
    Expiry,
    #[error("there is no such organization")]
    NoOrganization,
    #[error("the organization has {MOST_OPEN_LOTS} lots of credit that are not used up")]
    TooManyLots,
    /// The key was used for a grant with other content: nothing was given now.
    #[error("this key was used for another grant; a new grant needs a key of its own")]
    KeyReused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LedgerError> for GrantError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NotOpen { .. } => Self::NoOrganization,
            LedgerError::Database(_) | LedgerError::Inconsistent(_) | LedgerError::Money(_) => {
                Self::Store(error.into())
            }
        }
    }
}

impl From<PostError> for GrantError {
    fn from(error: PostError) -> Self {
        Self::Store(error.into())
    }
}

impl From<MoneyError> for GrantError {
    fn from(error: MoneyError) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for GrantError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for GrantError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::Key
            | Self::Amount { .. }
            | Self::Reason
            | Self::Priority
            | Self::Expiry
            | Self::TooManyLots => ProblemKind::Invalid,
            Self::NoOrganization => ProblemKind::NotFound,
            Self::KeyReused => ProblemKind::Conflict,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Key => "invalid_key",
            Self::Amount { .. } => "invalid_amount",
            Self::Reason => "invalid_reason",
            Self::Priority => "invalid_priority",
            Self::Expiry => "invalid_expiry",
            Self::TooManyLots => "too_many",
            Self::NoOrganization => "not_found",
            Self::KeyReused => "key_reused",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        let field = match self {
            Self::Key | Self::KeyReused => "key",
            Self::Amount { .. } => "amount",
            Self::Reason => "reason",
            Self::Priority => "priority",
            Self::Expiry => "expires_at",
            Self::NoOrganization => "organization",
            Self::TooManyLots => return None,
            Self::Store(error) => return error.field(),
        };
        Some(field.to_owned())
    }
}

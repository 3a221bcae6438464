use ledger::LedgerError;
use types::tenancy::Permission;

use super::{MOST_NAME_CHARACTERS, passwords};
use crate::{Problem, ProblemKind, StoreError};

/// Why a person, organization, member, project or key was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    #[error("this is not an address of mail")]
    NotAnEmail,
    #[error("there is an account with this address already")]
    EmailTaken,
    #[error("a password has at least {} characters", passwords::FEWEST_CHARACTERS)]
    PasswordTooShort,
    #[error("a password has at most {} bytes", passwords::MOST_BYTES)]
    PasswordTooLong,
    #[error("this password is on the lists that attackers try first; choose another")]
    PasswordTooCommon,
    #[error("a name has 1 to {MOST_NAME_CHARACTERS} characters")]
    Name,
    #[error("there is a project with this name already")]
    NameTaken,
    #[error("an organization has at most {most}")]
    TooMany { most: &'static str },
    #[error("an organization needs an owner; make somebody else one first")]
    LastOwner,
    #[error("your role does not permit {act}; ask {}", needs.holders())]
    NotAllowed {
        act: &'static str,
        needs: Permission,
    },
    #[error("there is no such {what}")]
    NotFound { what: &'static str },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LedgerError> for TenancyError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NotOpen { .. } => Self::NotFound {
                what: "organization",
            },
            LedgerError::Database(_) | LedgerError::Inconsistent(_) | LedgerError::Money(_) => {
                Self::Store(error.into())
            }
        }
    }
}

impl From<sqlx::Error> for TenancyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for TenancyError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::NotAnEmail
            | Self::PasswordTooShort
            | Self::PasswordTooLong
            | Self::PasswordTooCommon
            | Self::Name
            | Self::LastOwner
            | Self::TooMany { .. } => ProblemKind::Invalid,
            Self::EmailTaken | Self::NameTaken => ProblemKind::Conflict,
            Self::NotAllowed { .. } => ProblemKind::NotAllowed,
            Self::NotFound { .. } => ProblemKind::NotFound,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotAnEmail => "invalid_email",
            Self::EmailTaken => "email_taken",
            Self::PasswordTooShort | Self::PasswordTooLong | Self::PasswordTooCommon => {
                "invalid_password"
            }
            Self::Name => "invalid_name",
            Self::NameTaken => "name_taken",
            Self::TooMany { .. } => "too_many",
            Self::LastOwner => "last_owner",
            Self::NotAllowed { .. } => "not_allowed",
            Self::NotFound { .. } => "not_found",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::NotAnEmail | Self::EmailTaken => Some("email".to_owned()),
            Self::PasswordTooShort | Self::PasswordTooLong | Self::PasswordTooCommon => {
                Some("password".to_owned())
            }
            Self::Name | Self::NameTaken => Some("name".to_owned()),
            Self::LastOwner => Some("role".to_owned()),
            Self::TooMany { .. } | Self::NotAllowed { .. } | Self::NotFound { .. } => None,
            Self::Store(error) => error.field(),
        }
    }
}

//! What every error of the domain can say of itself, so that pages and the API present all of them
//! in one way.

use std::time::Duration;

use ledger::{LedgerError, PostError};
use types::ids::OrganizationId;
use types::money::MoneyError;

/// How an error is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The caller can mend what it sent.
    Invalid,
    NotFound,
    /// It was said before with other content.
    Conflict,
    /// The role does not permit it.
    NotAllowed,
    /// There is no credit left to pay for it with: repeating it is of no use before there is.
    Exhausted,
    Throttled {
        retry_after: Duration,
    },
    /// It may or may not have happened: repeat with the same id.
    Unknown,
    /// One of our own rules does not hold, or the database failed: an alarm.
    Broken,
}

/// An error that knows how to be answered. Its text is a clause that a user could read, except
/// for [`ProblemKind::Broken`], which is for the log alone.
pub trait Problem: std::error::Error + Send + Sync {
    fn kind(&self) -> ProblemKind;

    /// A stable word for machines, such as `below_minimum`.
    fn code(&self) -> &'static str;

    /// The field that it is about.
    fn field(&self) -> Option<String> {
        None
    }
}

/// The database could not be read or written, or holds a row that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was done: every connection, or the lock of the organization, was taken for too long.
    #[error("we are busy right now; try again in a moment")]
    Busy,
    /// Nothing was done: somebody else and we waited for each other. Trying again succeeds.
    #[error("somebody else changed this at the same time; try again")]
    GaveWay,
    /// The database was not reached, went away, or has no room. What was being written may be kept
    /// or not.
    #[error("we cannot get at our records right now; try again in a moment")]
    Unavailable(#[source] sqlx::Error),
    #[error("the database did not answer: {0}")]
    Database(#[source] sqlx::Error),
    #[error("organization {organization} has no books")]
    NotOpen { organization: OrganizationId },
    #[error("posting was refused: {0}")]
    Post(#[source] PostError),
    #[error("an inconsistent row: {0}")]
    Inconsistent(String),
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_deadlock(&error) {
            Self::GaveWay
        } else if is_busy(&error) {
            Self::Busy
        } else if is_unavailable(&error) {
            tracing::warn!(%error, "the database is not available");
            crate::db::lost::found();
            Self::Unavailable(error)
        } else {
            Self::Database(error)
        }
    }
}

impl From<LedgerError> for StoreError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Database(error) => error.into(),
            LedgerError::Inconsistent(row) => Self::Inconsistent(row),
            LedgerError::Money(error) => Self::Money(error),
            LedgerError::NotOpen { organization } => Self::NotOpen { organization },
        }
    }
}

impl From<PostError> for StoreError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Ledger(error) => error.into(),
            PostError::TransferCount { .. }
            | PostError::EmptyTransfer
            | PostError::UnknownAccount { .. }
            | PostError::BelowMinimum { .. }
            | PostError::LotNotNamed
            | PostError::WrongLot { .. }
            | PostError::SourceReused { .. } => Self::Post(error),
        }
    }
}

/// PostgreSQL's `lock_not_available`, SQLite's `SQLITE_BUSY`, or no connection to be had.
fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut) || has_code(error, &["55P03", "5"])
}

/// PostgreSQL's `deadlock_detected`: two waited for each other, and one of them was chosen to give
/// way.
fn is_deadlock(error: &sqlx::Error) -> bool {
    has_code(error, &["40P01"])
}

/// No connection, or one that was lost; PostgreSQL's classes `connection_exception` and
/// `insufficient_resources`, and its shutting down; SQLite's `SQLITE_FULL`.
fn is_unavailable(error: &sqlx::Error) -> bool {
    let is_lost = matches!(
        error,
        sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed
    );
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let of_class = |code: &str| {
        ["08", "53", "57P"]
            .iter()
            .any(|class| code.len() == 5 && code.starts_with(class))
    };
    is_lost || code.is_some_and(|code| of_class(&code) || code == "13")
}

fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| codes.contains(&code.as_ref()))
}

impl Problem for StoreError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::Busy | Self::GaveWay | Self::Unavailable(_) => ProblemKind::Unknown,
            Self::Database(_)
            | Self::NotOpen { .. }
            | Self::Post(_)
            | Self::Inconsistent(_)
            | Self::Money(_) => ProblemKind::Broken,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Busy | Self::GaveWay => "busy",
            Self::Unavailable(_) => "unavailable",
            Self::Database(_)
            | Self::NotOpen { .. }
            | Self::Post(_)
            | Self::Inconsistent(_)
            | Self::Money(_) => "internal",
        }
    }
}

use types::ids::{LotId, OrganizationId};
use types::money::MoneyError;

use crate::account::AccountId;

/// The ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database did not do what it was asked: nothing is known of a write in progress.
    #[error("the ledger's database did not answer")]
    Database(#[from] sqlx::Error),
    #[error("organization {organization} has no books")]
    NotOpen { organization: OrganizationId },
    /// A row that our own rules exclude: an alarm.
    #[error("the ledger has an inconsistent row: {0}")]
    Inconsistent(String),
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Why a batch was not posted. Nothing of it was written; the transaction must be left.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error("a batch has at least one transfer and at most {most}")]
    TransferCount { most: usize },
    #[error("a transfer moves an amount above zero between two accounts")]
    EmptyTransfer,
    #[error("account {account} is not open")]
    UnknownAccount { account: AccountId },
    #[error("account {account} would fall below its limit")]
    BelowMinimum { account: AccountId },
    #[error("a transfer that touches an account kept in lots names one lot")]
    LotNotNamed,
    /// It is not one of the account's, is there already, opens empty or expired, or has not so much
    /// left, or would have more than it had at first.
    #[error("lot {lot} cannot be used so")]
    WrongLot { lot: LotId },
    /// The source is taken by a batch with other content.
    #[error("source {source_key} was already posted with other content")]
    SourceReused { source_key: String },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<sqlx::Error> for PostError {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(LedgerError::Database(error))
    }
}

impl From<MoneyError> for PostError {
    fn from(error: MoneyError) -> Self {
        Self::Ledger(LedgerError::Money(error))
    }
}

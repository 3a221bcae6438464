//! Transactions: what the ledger posted, newest first, and one of them explained down to its
//! transfers, its postings and the usage that it paid for.
//!
//! Owns reading alone: what is posted and why is `posting_rules`'. One transaction is one batch of
//! the ledger; billing history, which people read, is made of other rows.

mod events;
mod explain;

use std::sync::Arc;

use types::ids::{BatchId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use crate::{Core, StoreError};

pub use events::{EventRates, TransactionEvent};
pub use explain::{Explained, Posting, Transfer, UsagePaid};

/// The most transactions on a page.
pub const MOST_TRANSACTIONS: u32 = 100;
/// The most events on a page of one transaction.
pub const MOST_TRANSACTION_EVENTS: u32 = 1_000;

/// One movement of an organization's balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub id: BatchId,
    /// The kind of movement, such as `top_up` or `usage`.
    pub code: String,
    /// What caused it, such as `topup:01932f6e-…`. No two have the same.
    pub source: String,
    /// What it did to the balance. Zero where it moved money within the organization.
    pub amount: Money,
    /// The balance after it.
    pub balance: Money,
    pub booked_at: Timestamp,
}

/// Transactions, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionPage {
    pub transactions: Vec<Transaction>,
    /// Where the next page starts: older than this. `None` on the last page.
    pub next: Option<i64>,
}

/// Which of a transaction's events are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRange {
    /// How many to leave out.
    pub after: u32,
    pub limit: u32,
}

/// See [`crate::Billing::transactions`].
#[derive(Clone)]
pub struct Transactions {
    core: Arc<Core>,
}

impl Transactions {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// At most `limit` transactions (1 to [`MOST_TRANSACTIONS`]) older than `before`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn page(
        &self,
        organization: OrganizationId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<TransactionPage, StoreError> {
        let limit = limit.clamp(1, MOST_TRANSACTIONS);
        let mut connection = self.core.db.readers().acquire().await?;
        // One more than asked tells whether there is another page.
        let mut rows =
            ledger::statement_in(&mut connection, organization, before, limit + 1).await?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| has_more).map(|row| row.sequence);
        let transactions = rows.into_iter().map(Transaction::from).collect();
        Ok(TransactionPage { transactions, next })
    }

    /// One transaction with all that it consists of, as one consistent reading.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(
        &self,
        organization: OrganizationId,
        id: BatchId,
        events: EventRange,
    ) -> Result<Option<Explained>, StoreError> {
        let mut tx = self.core.db.begin_read().await?;
        explain::find_in(&mut tx, organization, id, events).await
    }
}

impl From<ledger::StatementRow> for Transaction {
    fn from(row: ledger::StatementRow) -> Self {
        Self {
            id: row.batch,
            code: row.code,
            source: row.source,
            amount: row.amount,
            balance: row.balance,
            booked_at: row.booked_at,
        }
    }
}

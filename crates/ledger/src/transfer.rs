//! What is to be posted.

use std::fmt;

use types::ids::{BatchId, LotId, TransferId};
use types::money::Money;
use types::time::Timestamp;

use crate::account::AccountId;
use crate::lot::NewLot;

/// What caused a batch, such as `topup:01932f6e-…`. Posting the same source again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(String);

impl Source {
    #[must_use]
    pub fn new(kind: &'static str, id: impl fmt::Display) -> Self {
        Self(format!("{kind}:{id}"))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An amount above zero that leaves one account and enters another. Never changed once posted: a
/// correction is a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub id: TransferId,
    pub debit: AccountId,
    pub credit: AccountId,
    pub amount: Money,
    /// The lot that it draws on or fills: where one side is kept in lots, and only there.
    pub lot: Option<LotId>,
}

impl Transfer {
    #[must_use]
    pub fn new(debit: AccountId, credit: AccountId, amount: Money) -> Self {
        Self {
            id: TransferId::generate(),
            debit,
            credit,
            amount,
            lot: None,
        }
    }

    /// The same, from or into a lot.
    #[must_use]
    pub fn of_lot(self, lot: LotId) -> Self {
        Self {
            lot: Some(lot),
            ..self
        }
    }
}

/// Transfers of one organization that commit together, for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    pub source: Source,
    /// The kind of movement, such as `top_up`.
    pub code: &'static str,
    pub transfers: Vec<Transfer>,
    /// Lots that come with it. Each is filled by a transfer of the batch.
    pub opens: Vec<NewLot>,
    /// When it takes effect. Bookings never go back: an earlier time than the newest batch's
    /// becomes that time.
    pub booked_at: Timestamp,
}

//! Payments that a card's owner complains about at their bank.
//!
//! Owns what a dispute takes from credit and gives back, and what an organization is told and may
//! not do meanwhile. Does not own how the gateway is spoken to, nor what is posted
//! (`posting_rules::dispute`).
//!
//! The gateway's word is what a dispute comes to by now, never a step. What is posted is the
//! difference to what was posted before, so the order and number of notices make no difference;
//! nor do they to which credit bears it (`posting_rules::taken_back`).
//!
//! | the charge is $25, and | the bank takes | credit bears | our loss |
//! | --- | --- | --- | --- |
//! | nothing was refunded | $25 | $25 | – |
//! | $10 was refunded before | $25 | $15 | $10 |
//! | that refund fails later | $25 | $25 | – |
//! | two disputes, of $12.50 each | $25 | $25 | – |
//! | it is an inquiry | – | – | – |
//! | it is won | – | – | – |
//!
//! | invariant | kept by |
//! | --- | --- |
//! | refunds and disputes together never reverse more than was paid | `share`, under the lock of the books |
//! | what the bank takes is booked even where no credit is left | `owed`, below any floor |

mod notice;
mod share;
mod store;

use std::sync::Arc;

use types::dispute::DisputeNotice;
use types::ids::OrganizationId;

use crate::{Core, StoreError};

pub(crate) use notice::{rebalance_in, take_in};
pub use store::{Dispute, Warning};
pub(crate) use store::{FraudWarning, warn_in};

/// See [`crate::Billing::disputes`].
#[derive(Clone)]
pub struct Disputes {
    core: Arc<Core>,
}

impl Disputes {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// What is to be said while money is disputed, or was lost and not looked at since.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notice(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<DisputeNotice>, StoreError> {
        let mut connection = self.core.db.readers().acquire().await?;
        store::notice_in(&mut connection, organization).await
    }

    /// Whether nothing may be charged by itself: something is disputed, or was lost, and the operator
    /// has not looked at it since.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_recharge_frozen(
        &self,
        organization: OrganizationId,
    ) -> Result<bool, StoreError> {
        let notice = self.notice(organization).await?;
        Ok(notice.is_some_and(|notice| notice.recharge_frozen))
    }

    /// Every dispute of an organization, newest first; inquiries too.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, organization: OrganizationId) -> Result<Vec<Dispute>, StoreError> {
        let mut connection = self.core.db.readers().acquire().await?;
        store::list_in(&mut connection, organization).await
    }

    /// Charges that card networks hold for fraud, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn warnings(&self, organization: OrganizationId) -> Result<Vec<Warning>, StoreError> {
        let mut connection = self.core.db.readers().acquire().await?;
        store::warnings_in(&mut connection, organization).await
    }

    /// Allows automatic charges again after what was disputed so far. For the operator alone.
    /// Answers how many disputes were holding them back.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release(&self, organization: OrganizationId) -> Result<u64, StoreError> {
        let mut tx = self.core.db.begin().await?;
        ledger::lock_books_in(&mut tx, organization).await?;
        let released = store::release_in(&mut tx, organization, self.core.now()).await?;
        tx.commit().await?;
        Ok(released)
    }

    /// Looks for disputes at the gateway whose notices were lost, and takes up what has changed.
    /// Answers how many it looked at.
    ///
    /// # Errors
    /// When the database does not answer. A gateway that does not is asked again by the next run.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        notice::sweep(&self.core).await
    }
}

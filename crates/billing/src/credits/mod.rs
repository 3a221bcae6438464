//! Credit in lots: what was given by the operator, what is left of each lot, and the end of what was
//! not used in time.
//!
//! Owns grants, which are kept beside the ledger with their reason, and when a lot is taken out of
//! the books. Does not own the burn order (`ledger::Lot`), what is posted (`posting_rules`), or
//! buying (`top_up`).
//!
//! | invariant | kept by |
//! | --- | --- |
//! | a grant's key posts once, and says the same each time | the row of the grant, made in the posting's transaction |
//! | a lot expires once | the lock of the books, and the source `expiry:<lot>` |
//! | nothing is paid from an expired lot, however late it is taken out | `posting_rules::usage`, by the time of booking |

mod error;
mod expiry;
mod grant;
mod list;

use std::sync::Arc;

use chrono::TimeDelta;
use types::ids::{LotId, OrganizationId};

use crate::{Core, StoreError};

pub use error::GrantError;
pub use expiry::Expired;
pub use grant::{Expiry, Granted, NewGrant};
pub use ledger::{Lot, LotKind};
pub use list::{CreditLot, MOST_LOTS, OpenedBy};

pub(crate) use expiry::expired_at_in;

/// The priority of what is bought, and of what is given unless it is said: then what expires first
/// is used first.
pub const USUAL_PRIORITY: i64 = 0;
/// For how long credit that is given counts, unless it is said.
pub const USUAL_LIFETIME: TimeDelta = TimeDelta::days(90);

/// See [`crate::Billing::credits`].
#[derive(Clone)]
pub struct Credits {
    core: Arc<Core>,
}

impl Credits {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Gives an organization credit. The same grant again changes nothing. For the operator alone:
    /// nobody is asked for a role.
    ///
    /// # Errors
    /// When there is no such organization, a field is not usable, or the key was used for another
    /// grant.
    pub async fn grant(
        &self,
        organization: OrganizationId,
        grant: NewGrant,
    ) -> Result<Granted, GrantError> {
        grant::grant(&self.core, organization, grant).await
    }

    /// At most `limit` lots (1 to [`MOST_LOTS`]) of an organization, the newest first, behind the
    /// lot `after`: also those of which nothing is left.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lots(
        &self,
        organization: OrganizationId,
        after: Option<LotId>,
        limit: u32,
    ) -> Result<Vec<CreditLot>, StoreError> {
        list::lots(&self.core, organization, after, limit).await
    }

    /// Takes what is left of expired lots out of the books, up to a limit: what is left over is for
    /// the next run. Any number of processes may do it at once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn expire_due(&self) -> Result<Expired, StoreError> {
        expiry::expire_due(&self.core).await
    }
}

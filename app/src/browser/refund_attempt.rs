//! A refund that was sent and whose answer is not known, kept for its credit: asked for again after
//! a reload, it is the same refund.

use serde::{Deserialize, Serialize};
use types::ids::{RefundId, TopUpId};
use types::money::Cents;

use super::kept;

fn key(top_up: TopUpId) -> String {
    format!("refund {top_up}")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundAttempt {
    pub id: RefundId,
    pub top_up: TopUpId,
    pub amount: Cents,
}

impl RefundAttempt {
    /// Keeps it before its request leaves.
    pub fn keep(self) {
        kept::keep(&key(self.top_up), &self);
    }

    pub fn find(top_up: TopUpId) -> Option<Self> {
        kept::find(&key(top_up))
    }

    pub fn forget(self) {
        kept::forget(&key(self.top_up));
    }
}

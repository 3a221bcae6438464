//! The top-up that is under way, kept until a definite answer: a reload in the middle finds it
//! again and asks how it stands instead of paying twice.

use serde::{Deserialize, Serialize};
use types::ids::{OrganizationId, TopUpId};
use types::money::Cents;

use super::kept;

/// Each organization has its own: the tab may go to another and come back.
fn key(organization: OrganizationId) -> String {
    format!("top-up {organization}")
}

/// One attempt to add credit: from the first click until succeeded, failed or canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: TopUpId,
    pub amount: Cents,
    pub organization: OrganizationId,
    pub stage: Stage,
}

/// How far an attempt got, as far as this browser knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It was sent: the server is asked how it stands.
    Sent,
    /// The server has not heard of it. Its id is used again: were it to arrive after all, it would
    /// be the same payment.
    Unheard,
}

impl Attempt {
    /// Keeps the attempt before its first request leaves, so that a reload finds it. Where nothing
    /// can be kept, the server's history shows it.
    pub fn keep(self) -> Self {
        kept::share(&key(self.organization), &self);
        self
    }

    /// The attempt that this browser has not yet got an answer for, in whichever tab it began: two
    /// tabs do not pay for one thing twice.
    pub fn find(organization: OrganizationId) -> Option<Self> {
        kept::find_shared(&key(organization))
    }

    /// The answer is known: the next submit is a new attempt.
    pub fn forget(self) {
        // By now another tab may have begun another one.
        if Self::find(self.organization).is_some_and(|kept| kept.id == self.id) {
            kept::forget_shared(&key(self.organization));
        }
        self.take_out();
    }

    /// Remembers that the person has closed what was shown of the attempt.
    pub fn put_away(self) {
        kept::keep(&self.away_key(), &());
    }

    /// Remembers that they have opened it again.
    pub fn take_out(self) {
        kept::forget(&self.away_key());
    }

    pub fn is_put_away(self) -> bool {
        kept::find::<()>(&self.away_key()).is_some()
    }

    fn away_key(self) -> String {
        format!("top-up {} put away", self.id)
    }
}

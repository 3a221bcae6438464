//! The top-up that is under way, kept until a definite answer: a reload in the middle finds it
//! again and asks how it stands instead of paying twice.

use leptos::prelude::window;
use serde::{Deserialize, Serialize};
use types::ids::{OrganizationId, TopUpId};
use types::money::Cents;
use web_sys::Storage;

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
    /// Keeps the attempt before its first request leaves, so that a reload finds it.
    pub fn keep(self) -> Self {
        // With storage switched off the attempt still lives in memory; only a reload loses it,
        // and the server's history shows it then.
        if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(&self)) {
            let _ = storage.set_item(&key(self.organization), &text);
        }
        self
    }

    /// The attempt that this tab has not yet got an answer for.
    pub fn find(organization: OrganizationId) -> Option<Self> {
        let text = storage()?.get_item(&key(organization)).ok().flatten()?;
        serde_json::from_str(&text).ok()
    }

    /// The answer is known: the next submit is a new attempt.
    pub fn forget(self) {
        if let Some(storage) = storage() {
            let _ = storage.remove_item(&key(self.organization));
        }
        self.put_away(false);
    }

    /// Remembers that the person has closed what was shown of the attempt, or has opened it again.
    pub fn put_away(self, is_away: bool) {
        if let Some(storage) = storage() {
            let _ = match is_away {
                true => storage.set_item(&self.away_key(), "closed"),
                false => storage.remove_item(&self.away_key()),
            };
        }
    }

    pub fn is_put_away(self) -> bool {
        storage()
            .and_then(|storage| storage.get_item(&self.away_key()).ok().flatten())
            .is_some()
    }

    fn away_key(self) -> String {
        format!("top-up {} put away", self.id)
    }
}

/// Gone with the tab, and no other tab's.
pub fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

//! The top-up that is under way, kept until a definite answer: a reload in the middle finds it
//! again and asks how it stands instead of paying twice.

use leptos::prelude::window;
use serde::{Deserialize, Serialize};
use types::ids::{OrganizationId, TopUpId};
use types::money::Cents;
use web_sys::Storage;

const KEY: &str = "top-up";

/// One attempt to add credit: from the first click until succeeded, failed or canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: TopUpId,
    pub amount: Cents,
    /// A tab may be signed in to another organization next.
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
            let _ = storage.set_item(KEY, &text);
        }
        self
    }

    /// The attempt that this tab has not yet got an answer for.
    pub fn find(organization: OrganizationId) -> Option<Self> {
        let text = storage()?.get_item(KEY).ok().flatten()?;
        let attempt: Self = serde_json::from_str(&text).ok()?;
        (attempt.organization == organization).then_some(attempt)
    }

    /// The answer is known: the next submit is a new attempt.
    pub fn forget() {
        if let Some(storage) = storage() {
            let _ = storage.remove_item(KEY);
        }
    }
}

/// Gone with the tab, and no other tab's.
pub fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

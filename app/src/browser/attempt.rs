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
}

impl Attempt {
    /// Keeps the attempt before its first request leaves, so that a reload finds it.
    pub fn keep(id: TopUpId, amount: Cents, organization: OrganizationId) -> Self {
        let attempt = Self {
            id,
            amount,
            organization,
        };
        // With storage switched off the attempt still lives in memory; only a reload loses it,
        // and the server's history shows it then.
        if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(&attempt)) {
            let _ = storage.set_item(KEY, &text);
        }
        attempt
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

fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

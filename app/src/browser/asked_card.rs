//! The card that its bank asks about before it can be saved, kept until the answer is known: a
//! reload in the middle finds the question again.

use serde::{Deserialize, Serialize};
use types::ids::OrganizationId;

use super::kept;

fn key(organization: OrganizationId) -> String {
    format!("card {organization}")
}

/// A question that is open. It names no card and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedCard {
    /// The gateway's id of the question.
    pub setup: String,
    /// Whether the dialog with it is open.
    pub is_shown: bool,
}

impl AskedCard {
    pub fn keep(&self, organization: OrganizationId) {
        kept::keep(&key(organization), self);
    }

    pub fn find(organization: OrganizationId) -> Option<Self> {
        kept::find(&key(organization))
    }

    pub fn forget(organization: OrganizationId) {
        kept::forget(&key(organization));
    }
}

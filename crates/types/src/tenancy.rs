//! Organizations, their people and what each role may do.

use serde::{Deserialize, Serialize};

use crate::ids::{ApiKeyId, OrganizationId, ProjectId, UserId};
use crate::time::Timestamp;

/// What a person may do in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Owner,
    BillingAdmin,
    Member,
    Finance,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Owner, Self::BillingAdmin, Self::Member, Self::Finance];

    /// The word that the database and the API use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::BillingAdmin => "billing_admin",
            Self::Member => "member",
            Self::Finance => "finance",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The word that people read.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::BillingAdmin => "Billing admin",
            Self::Member => "Member",
            Self::Finance => "Finance (read only)",
        }
    }

    /// Adding credit, cards, recharge settings.
    #[must_use]
    pub const fn may_change_money(self) -> bool {
        match self {
            Self::Owner | Self::BillingAdmin => true,
            Self::Member | Self::Finance => false,
        }
    }

    /// Creating and revoking API keys.
    #[must_use]
    pub const fn may_change_keys(self) -> bool {
        match self {
            Self::Owner | Self::Member => true,
            Self::BillingAdmin | Self::Finance => false,
        }
    }
}

/// Who is asking, and for which organization: the first argument of whatever a person does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    pub user: UserId,
    pub email: String,
    pub organization: OrganizationId,
    pub organization_name: String,
    pub role: Role,
}

/// A project as the dashboard lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectView {
    pub id: ProjectId,
    pub name: String,
}

/// An API key as it may be shown again: never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyView {
    pub id: ApiKeyId,
    pub name: String,
    /// `zgpu-…` with its last four characters.
    pub masked: String,
    pub project: ProjectView,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

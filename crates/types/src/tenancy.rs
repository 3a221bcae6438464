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

    /// One person with it, within a sentence.
    const fn noun(self) -> &'static str {
        match self {
            Self::Owner => "an owner",
            Self::BillingAdmin => "a billing admin",
            Self::Member => "a member",
            Self::Finance => "a person in finance",
        }
    }

    #[must_use]
    pub fn has(self, permission: Permission) -> bool {
        permission.roles().contains(&self)
    }

    /// Adding credit, cards, recharge settings.
    #[must_use]
    pub fn may_change_money(self) -> bool {
        self.has(Permission::Money)
    }
}

/// What a role is needed for. Whoever is a member may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Adding credit, cards, recharge settings.
    Money,
    /// Creating and revoking API keys.
    Keys,
    Projects,
    /// Who is a member, and in which role.
    Members,
}

impl Permission {
    /// Who has it.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Money => &[Role::Owner, Role::BillingAdmin],
            Self::Keys => &[Role::Owner, Role::Member],
            Self::Projects | Self::Members => &[Role::Owner],
        }
    }

    /// Those roles in words, for whoever has another: `an owner or a member`.
    #[must_use]
    pub fn holders(self) -> String {
        let nouns: Vec<_> = self.roles().iter().map(|role| role.noun()).collect();
        nouns.join(" or ")
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

/// An organization as its members see it named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationView {
    pub id: OrganizationId,
    pub name: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_its_part_and_finance_may_only_read() {
        use Permission::{Keys, Members, Money, Projects};
        let permitted =
            |role: Role| [Money, Keys, Projects, Members].map(|permission| role.has(permission));
        assert_eq!(permitted(Role::Owner), [true, true, true, true]);
        assert_eq!(permitted(Role::BillingAdmin), [true, false, false, false]);
        assert_eq!(permitted(Role::Member), [false, true, false, false]);
        assert_eq!(permitted(Role::Finance), [false, false, false, false]);
    }

    #[test]
    fn whoever_may_not_is_told_who_may() {
        assert_eq!(Permission::Keys.holders(), "an owner or a member");
        assert_eq!(Permission::Members.holders(), "an owner");
    }
}

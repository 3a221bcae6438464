//! What the operator does for an organization from the command line, being a member of none: the
//! same steps as a person's, without the question for a role. No page and no API leads here.

use std::sync::Arc;

use types::ids::{OrganizationId, ProjectId, UserId};
use types::tenancy::{ApiKeyView, Role};

use super::{TenancyError, api_keys, members, projects};
use crate::Core;

/// See [`crate::Billing::operator`].
#[derive(Clone)]
pub struct Operator {
    core: Arc<Core>,
}

impl Operator {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Makes a person a member, or gives a member another role.
    ///
    /// # Errors
    /// When there is no such organization, or nobody would own it.
    pub async fn add_member(
        &self,
        organization: OrganizationId,
        user: UserId,
        role: Role,
    ) -> Result<(), TenancyError> {
        members::set(&self.core, organization, user, role).await
    }

    /// # Errors
    /// When the name is not usable or taken, or there are too many projects.
    pub async fn create_project(
        &self,
        organization: OrganizationId,
        name: &str,
    ) -> Result<ProjectId, TenancyError> {
        projects::create(&self.core, organization, name).await
    }

    /// Makes a key for a project. The secret is returned here and can never be read again.
    ///
    /// # Errors
    /// When the name is not usable, the project is not the organization's, or there are too many.
    pub async fn create_key(
        &self,
        organization: OrganizationId,
        project: ProjectId,
        name: &str,
    ) -> Result<(ApiKeyView, String), TenancyError> {
        api_keys::create(&self.core, organization, project, name).await
    }
}

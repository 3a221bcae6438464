//! What the operator does for an organization from the command line, being a member of none: the
//! same steps as a person's, without the question for a role. No page and no API leads here.

use std::sync::Arc;

use types::ids::{ApiKeyId, OrganizationId, ProjectId, UserId};
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

    /// # Errors
    /// When nothing can have this name.
    pub fn expect_usable_name(&self, name: &str) -> Result<(), TenancyError> {
        super::normal_name(name).map(|_| ())
    }

    /// # Errors
    /// When there is no such organization.
    pub async fn expect_organization(
        &self,
        organization: OrganizationId,
    ) -> Result<(), TenancyError> {
        if super::exists(&self.core, organization).await? {
            return Ok(());
        }
        Err(TenancyError::NotFound {
            what: "organization",
        })
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

    /// An organization's keys, newest first, revoked ones included.
    ///
    /// # Errors
    /// When there is no such organization.
    pub async fn list_keys(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<ApiKeyView>, TenancyError> {
        let keys = api_keys::list(&self.core, organization).await?;
        if keys.is_empty() {
            self.expect_organization(organization).await?;
        }
        Ok(keys)
    }

    /// Revokes a key at once and for good; of a revoked one nothing is left to do.
    ///
    /// # Errors
    /// When the organization has no such key.
    pub async fn revoke_key(
        &self,
        organization: OrganizationId,
        key: ApiKeyId,
    ) -> Result<(), TenancyError> {
        api_keys::revoke(&self.core, organization, key).await
    }
}

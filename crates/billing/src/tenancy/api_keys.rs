//! API keys: `zgpu-…`, shown once, kept as a hash.

use std::sync::Arc;

use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{ApiKeyId, OrganizationId, ProjectId};
use types::tenancy::{ApiKeyView, Permission, ProjectView, Viewer};

use super::key_lookups::LEASE;
use super::{TenancyError, normal_name, require, secrets};
use crate::db::{id, micros, optional_time, time};
use crate::{Core, StoreError};

/// What every secret starts with, so that a leaked one is recognised.
const PREFIX: &str = "zgpu-";
/// The length of a secret: the prefix and 48 hex digits (192 random bits).
const SECRET_BYTES: usize = PREFIX.len() + 48;
/// The most keys an organization may have, revoked ones included: all of them fit one list.
const MOST_KEYS: i64 = 1_000;

/// Whom a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiKeyCaller {
    pub organization: OrganizationId,
    pub project: ProjectId,
    pub api_key: ApiKeyId,
}

/// See [`crate::Billing::api_keys`].
#[derive(Clone)]
pub struct ApiKeys {
    core: Arc<Core>,
}

impl ApiKeys {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Makes a key for a project. The secret is returned here and can never be read again.
    ///
    /// # Errors
    /// When the viewer may not, the name is not usable, the project is not the organization's, or
    /// there are too many.
    pub async fn create(
        &self,
        viewer: &Viewer,
        project: ProjectId,
        name: &str,
    ) -> Result<(ApiKeyView, String), TenancyError> {
        require(viewer, Permission::Keys, "creating API keys")?;
        create(&self.core, viewer.organization, project, name).await
    }

    /// Whom a secret stands for; `None` for one that is unknown or revoked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<ApiKeyCaller>, StoreError> {
        if secret.len() != SECRET_BYTES || !secret.starts_with(PREFIX) {
            return Ok(None);
        }
        let lookups = &self.core.key_lookups;
        lookups.find(&self.core.db, secrets::hash(secret)).await
    }

    /// An organization's keys, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, organization: OrganizationId) -> Result<Vec<ApiKeyView>, StoreError> {
        list(&self.core, organization).await
    }

    /// Revokes a key at once and for good; of a revoked one nothing is left to do.
    ///
    /// # Errors
    /// When the viewer may not, or the organization has no such key.
    pub async fn revoke(&self, viewer: &Viewer, key: ApiKeyId) -> Result<(), TenancyError> {
        require(viewer, Permission::Keys, "revoking API keys")?;
        revoke(&self.core, viewer.organization, key).await
    }
}

/// Whoever asks for it may. When it returns, no process takes the key any more.
pub(super) async fn revoke(
    core: &Core,
    organization: OrganizationId,
    key: ApiKeyId,
) -> Result<(), TenancyError> {
    let updated = sqlx::query(
        "update api_keys set revoked_at = coalesce(revoked_at, $1)
             where id = $2 and organization_id = $3",
    )
    .bind(micros(core.now()))
    .bind(key.to_string())
    .bind(organization.to_string())
    .execute(core.db.writers())
    .await?;
    if updated.rows_affected() != 1 {
        return Err(TenancyError::NotFound {
            what: "key in this organization",
        });
    }
    // Whoever has found it valid just now forgets it within this, in every process.
    tokio::time::sleep(LEASE).await;
    Ok(())
}

/// Whoever asks for it may.
pub(super) async fn list(
    core: &Core,
    organization: OrganizationId,
) -> Result<Vec<ApiKeyView>, StoreError> {
    let rows = sqlx::query(
        "select api_keys.id, api_keys.name, api_keys.last_four, api_keys.created_at,
                api_keys.revoked_at, projects.id as project_id, projects.name as project_name
         from api_keys
         join projects on projects.organization_id = api_keys.organization_id
             and projects.id = api_keys.project_id
         where api_keys.organization_id = $1
         order by api_keys.created_at desc, api_keys.id desc",
    )
    .bind(organization.to_string())
    .fetch_all(core.db.readers())
    .await?;
    rows.iter().map(view).collect()
}

/// Whoever asks for it may.
pub(super) async fn create(
    core: &Core,
    organization: OrganizationId,
    project: ProjectId,
    name: &str,
) -> Result<(ApiKeyView, String), TenancyError> {
    let name = normal_name(name)?;
    let now = core.now();
    let key = ApiKeyId::generate();
    let secret = format!("{PREFIX}{}", secrets::random_hex::<24>());
    let last_four = last_four(&secret);
    let mut tx = core.db.begin().await?;
    ledger::lock_books_in(&mut tx, organization).await?;
    let project_name: Option<String> =
        sqlx::query_scalar("select name from projects where id = $1 and organization_id = $2")
            .bind(project.to_string())
            .bind(organization.to_string())
            .fetch_optional(&mut *tx)
            .await?;
    let project_name = project_name.ok_or(TenancyError::NotFound {
        what: "project in this organization",
    })?;
    let count: i64 = sqlx::query_scalar("select count(*) from api_keys where organization_id = $1")
        .bind(organization.to_string())
        .fetch_one(&mut *tx)
        .await?;
    if count >= MOST_KEYS {
        return Err(TenancyError::TooMany { most: "1,000 keys" });
    }
    sqlx::query(
        "insert into api_keys
             (id, organization_id, project_id, name, secret_hash, last_four, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(key.to_string())
    .bind(organization.to_string())
    .bind(project.to_string())
    .bind(name)
    .bind(secrets::hash(&secret))
    .bind(&last_four)
    .bind(micros(now))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let view = ApiKeyView {
        id: key,
        name: name.to_owned(),
        masked: masked(&last_four),
        project: ProjectView {
            id: project,
            name: project_name,
        },
        created_at: now,
        revoked_at: None,
    };
    Ok((view, secret))
}

/// Whom a key stands for, from a row with `id`, `organization_id` and `project_id`.
pub(super) fn caller(row: &AnyRow) -> Result<ApiKeyCaller, StoreError> {
    Ok(ApiKeyCaller {
        organization: id(row, "organization_id")?,
        project: id(row, "project_id")?,
        api_key: id(row, "id")?,
    })
}

fn last_four(secret: &str) -> String {
    secret.chars().skip(SECRET_BYTES - 4).collect()
}

fn masked(last_four: &str) -> String {
    format!("{PREFIX}…{last_four}")
}

fn view(row: &AnyRow) -> Result<ApiKeyView, StoreError> {
    Ok(ApiKeyView {
        id: id(row, "id")?,
        name: row.try_get("name")?,
        masked: masked(&row.try_get::<String, _>("last_four")?),
        project: ProjectView {
            id: id(row, "project_id")?,
            name: row.try_get("project_name")?,
        },
        created_at: time(row, "created_at")?,
        revoked_at: optional_time(row, "revoked_at")?,
    })
}

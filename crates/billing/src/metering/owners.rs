//! Which projects and keys are an organization's, remembered: neither is ever removed or handed
//! on, so what was once seen stays true.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use types::ids::{ApiKeyId, OrganizationId, ProjectId};
use uuid::Uuid;

use crate::StoreError;
use crate::db::Db;

/// The most that are remembered; beyond it they are looked up again.
const MOST: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Owners {
    seen: Mutex<HashSet<(OrganizationId, Uuid)>>,
}

impl Owners {
    pub(super) async fn has_project(
        &self,
        db: &Db,
        organization: OrganizationId,
        project: ProjectId,
    ) -> Result<bool, StoreError> {
        let query = "select count(*) from projects where organization_id = $1 and id = $2";
        self.has(db, organization, project.as_uuid(), query).await
    }

    pub(super) async fn has_api_key(
        &self,
        db: &Db,
        organization: OrganizationId,
        api_key: ApiKeyId,
    ) -> Result<bool, StoreError> {
        let query = "select count(*) from api_keys where organization_id = $1 and id = $2";
        self.has(db, organization, api_key.as_uuid(), query).await
    }

    async fn has(
        &self,
        db: &Db,
        organization: OrganizationId,
        id: Uuid,
        query: &'static str,
    ) -> Result<bool, StoreError> {
        if self.lock().contains(&(organization, id)) {
            return Ok(true);
        }
        let found: i64 = sqlx::query_scalar(query)
            .bind(organization.to_string())
            .bind(id.to_string())
            .fetch_one(db.readers())
            .await?;
        if found == 0 {
            return Ok(false);
        }
        let mut seen = self.lock();
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert((organization, id));
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<(OrganizationId, Uuid)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The parts of an organization that usage is booked under.

use sqlx::Row;
use types::ids::{OrganizationId, ProjectId};
use types::tenancy::ProjectView;

use super::{TenancyError, normal_name};
use crate::db::{id, micros};
use crate::{Core, StoreError};

/// The most projects an organization may have: all of them fit one list.
const MOST_PROJECTS: i64 = 200;

pub(super) async fn create(
    core: &Core,
    organization: OrganizationId,
    name: &str,
) -> Result<ProjectId, TenancyError> {
    let name = normal_name(name)?;
    let project = ProjectId::generate();
    let mut tx = core.db.begin().await?;
    // The lock makes the count hold until the insert.
    ledger::lock_books_in(&mut tx, organization).await?;
    let count: i64 = sqlx::query_scalar("select count(*) from projects where organization_id = $1")
        .bind(organization.to_string())
        .fetch_one(&mut *tx)
        .await?;
    if count >= MOST_PROJECTS {
        return Err(TenancyError::TooMany {
            most: "200 projects",
        });
    }
    let inserted = sqlx::query(
        "insert into projects (id, organization_id, name, created_at) values ($1, $2, $3, $4)
         on conflict (organization_id, name) do nothing",
    )
    .bind(project.to_string())
    .bind(organization.to_string())
    .bind(name)
    .bind(micros(core.now()))
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() != 1 {
        return Err(TenancyError::NameTaken);
    }
    tx.commit().await?;
    Ok(project)
}

/// Oldest first.
pub(super) async fn list(
    core: &Core,
    organization: OrganizationId,
) -> Result<Vec<ProjectView>, StoreError> {
    let rows = sqlx::query(
        "select id, name from projects where organization_id = $1 order by created_at, id",
    )
    .bind(organization.to_string())
    .fetch_all(core.db.readers())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(ProjectView {
                id: id(row, "id")?,
                name: row.try_get("name")?,
            })
        })
        .collect()
}

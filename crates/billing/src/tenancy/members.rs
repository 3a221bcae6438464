//! Who is in an organization, and in which role.

use sqlx::Row;
use types::ids::{OrganizationId, UserId};
use types::tenancy::{Role, Viewer};

use super::TenancyError;
use crate::db::micros;
use crate::{Core, StoreError};

/// Makes a person a member, or gives a member another role. Somebody stays the owner.
pub(super) async fn set(
    core: &Core,
    organization: OrganizationId,
    user: UserId,
    role: Role,
) -> Result<(), TenancyError> {
    let mut tx = core.db.begin().await?;
    // The lock makes what is read of the owners hold until the end: two of them cannot each
    // count on the other.
    ledger::lock_books_in(&mut tx, organization).await?;
    if role != Role::Owner {
        let others: i64 = sqlx::query_scalar(
            "select count(*) from memberships
             where organization_id = $1 and user_id <> $2 and role = $3",
        )
        .bind(organization.to_string())
        .bind(user.to_string())
        .bind(Role::Owner.as_str())
        .fetch_one(&mut *tx)
        .await?;
        if others == 0 {
            return Err(TenancyError::LastOwner);
        }
    }
    insert_in(&mut tx, organization, user, role, micros(core.now())).await?;
    Ok(tx.commit().await?)
}

pub(super) async fn insert_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    user: UserId,
    role: Role,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into memberships (user_id, organization_id, role, created_at)
         values ($1, $2, $3, $4)
         on conflict (user_id, organization_id) do update set role = excluded.role",
    )
    .bind(user.to_string())
    .bind(organization.to_string())
    .bind(role.as_str())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn find_viewer_in(
    connection: &mut ledger::Connection,
    user: UserId,
    organization: OrganizationId,
) -> Result<Option<Viewer>, StoreError> {
    let row = sqlx::query(
        "select users.email, organizations.name, memberships.role
         from memberships
         join users on users.id = memberships.user_id
         join organizations on organizations.id = memberships.organization_id
         where memberships.user_id = $1 and memberships.organization_id = $2",
    )
    .bind(user.to_string())
    .bind(organization.to_string())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let role: String = row.try_get("role")?;
    Ok(Some(Viewer {
        user,
        email: row.try_get("email")?,
        organization,
        organization_name: row.try_get("name")?,
        role: Role::parse(&role)
            .ok_or_else(|| StoreError::Inconsistent(format!("role `{role}`")))?,
    }))
}

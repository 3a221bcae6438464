//! A person's organizations, and going from one to another.

use sqlx::Row;
use types::ids::{OrganizationId, UserId};
use types::tenancy::OrganizationView;

use super::sessions::{NewSession, Sessions};
use super::{Tenancy, members, secrets};
use crate::StoreError;
use crate::db::{id, micros, time};

/// The most that one person is shown to be a member of.
const MOST_ORGANIZATIONS: i64 = 100;

impl Tenancy {
    /// The organizations that a person is a member of, in the order in which they joined.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn organizations(&self, user: UserId) -> Result<Vec<OrganizationView>, StoreError> {
        let rows = sqlx::query(
            "select organizations.id, organizations.name from memberships
             join organizations on organizations.id = memberships.organization_id
             where memberships.user_id = $1
             order by memberships.created_at, memberships.organization_id limit $2",
        )
        .bind(user.to_string())
        .bind(MOST_ORGANIZATIONS)
        .fetch_all(self.core.db.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(OrganizationView {
                    id: id(row, "id")?,
                    name: row.try_get("name")?,
                })
            })
            .collect()
    }
}

impl Sessions {
    /// Goes on in another organization of the same person, under a new token: the old one ends, so
    /// that no page of the organization before can act in this one. `None` when the session has
    /// ended or the person is no member there; then nothing changes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn switch(
        &self,
        token: &str,
        organization: OrganizationId,
    ) -> Result<Option<NewSession>, StoreError> {
        let Some(viewer) = self.find(token).await? else {
            return Ok(None);
        };
        let now = self.core.now();
        let mut tx = self.core.db.begin().await?;
        let ended = sqlx::query(
            "delete from sessions where token_hash = $1 and expires_at > $2 returning expires_at",
        )
        .bind(secrets::hash(token))
        .bind(micros(now))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(ended) = ended else { return Ok(None) };
        let member = members::find_viewer_in(&mut tx, viewer.user, organization).await?;
        if member.is_none() {
            return Ok(None);
        }
        let new = NewSession {
            token: secrets::random_hex::<32>(),
            expires_at: time(&ended, "expires_at")?,
        };
        sqlx::query(
            "insert into sessions
                 (token_hash, user_id, organization_id, created_at, last_seen_at, expires_at)
             values ($1, $2, $3, $4, $4, $5)",
        )
        .bind(secrets::hash(&new.token))
        .bind(viewer.user.to_string())
        .bind(organization.to_string())
        .bind(micros(now))
        .bind(micros(new.expires_at))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(new))
    }
}

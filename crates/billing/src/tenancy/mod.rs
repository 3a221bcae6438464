//! People, organizations, and what belongs to them.
//!
//! Owns who may change it: whatever a person does takes the [`Viewer`] that they are and asks for
//! the role. What the operator does, who is a member of none, is in [`operator`] alone.

pub(crate) mod api_keys;
mod error;
pub(crate) mod key_lookups;
mod members;
mod memberships;
pub(crate) mod operator;
mod passwords;
mod projects;
mod secrets;
pub(crate) mod sessions;
mod throttle;

use std::sync::Arc;

use types::ids::{OrganizationId, ProjectId, UserId};
use types::tenancy::{Permission, ProjectView, Role, Viewer};

use crate::db::{id, micros};
use crate::{Core, StoreError, chart};
use passwords::Password;

pub use error::TenancyError;

/// The longest name of an organization, project or key, in characters.
const MOST_NAME_CHARACTERS: usize = 100;

/// See [`crate::Billing::tenancy`].
#[derive(Clone)]
pub struct Tenancy {
    core: Arc<Core>,
}

impl Tenancy {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Makes a person who can sign in.
    ///
    /// # Errors
    /// When the address or password is not usable, or the address is taken.
    pub async fn create_user(&self, email: &str, password: &str) -> Result<UserId, TenancyError> {
        let email = normal_email(email).ok_or(TenancyError::NotAnEmail)?;
        let password_hash = passwords::hash(Password::try_new(password)?).await?;
        let user = UserId::generate();
        let inserted = sqlx::query(
            "insert into users (id, email, password_hash, created_at) values ($1, $2, $3, $4)
             on conflict (email) do nothing",
        )
        .bind(user.to_string())
        .bind(email)
        .bind(password_hash)
        .bind(micros(self.core.now()))
        .execute(self.core.db.writers())
        .await?;
        if inserted.rows_affected() == 1 {
            Ok(user)
        } else {
            Err(TenancyError::EmailTaken)
        }
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn find_user(&self, email: &str) -> Result<Option<UserId>, StoreError> {
        let row = sqlx::query("select id from users where email = $1")
            .bind(email.trim().to_lowercase())
            .fetch_optional(self.core.db.readers())
            .await?;
        row.map(|row| id(&row, "id")).transpose()
    }

    /// Makes an organization with its books and its first owner.
    ///
    /// # Errors
    /// When the name is not usable.
    pub async fn create_organization(
        &self,
        name: &str,
        owner: UserId,
    ) -> Result<OrganizationId, TenancyError> {
        let name = normal_name(name)?;
        let organization = OrganizationId::generate();
        let now = self.core.now();
        let mut tx = self.core.db.begin().await?;
        sqlx::query("insert into organizations (id, name, created_at) values ($1, $2, $3)")
            .bind(organization.to_string())
            .bind(name)
            .bind(micros(now))
            .execute(&mut *tx)
            .await?;
        chart::open_organization_in(&mut tx, organization, now).await?;
        members::insert_in(&mut tx, organization, owner, Role::Owner, micros(now)).await?;
        tx.commit().await?;
        Ok(organization)
    }

    /// Makes a person a member, or gives a member another role.
    ///
    /// # Errors
    /// When the viewer is no owner, or nobody would be.
    pub async fn add_member(
        &self,
        viewer: &Viewer,
        user: UserId,
        role: Role,
    ) -> Result<(), TenancyError> {
        require(viewer, Permission::Members, "changing who is a member")?;
        members::set(&self.core, viewer.organization, user, role).await
    }

    /// # Errors
    /// When the viewer is no owner, the name is not usable or taken, or there are too many
    /// projects.
    pub async fn create_project(
        &self,
        viewer: &Viewer,
        name: &str,
    ) -> Result<ProjectId, TenancyError> {
        require(viewer, Permission::Projects, "creating projects")?;
        projects::create(&self.core, viewer.organization, name).await
    }

    /// An organization's projects, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn projects(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<ProjectView>, StoreError> {
        projects::list(&self.core, organization).await
    }

    /// A member as who they are in an organization; `None` for whoever is not one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn viewer(
        &self,
        user: UserId,
        organization: OrganizationId,
    ) -> Result<Option<Viewer>, StoreError> {
        let mut connection = self.core.db.readers().acquire().await?;
        members::find_viewer_in(&mut connection, user, organization).await
    }
}

async fn exists(core: &Core, organization: OrganizationId) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar("select 1 from organizations where id = $1")
        .bind(organization.to_string())
        .fetch_optional(core.db.readers())
        .await?;
    Ok(found.is_some())
}

/// Refuses whose role does not permit `act`.
fn require(viewer: &Viewer, needs: Permission, act: &'static str) -> Result<(), TenancyError> {
    if viewer.role.has(needs) {
        Ok(())
    } else {
        Err(TenancyError::NotAllowed { act, needs })
    }
}

/// Lower case and trimmed; `None` for what cannot be an address. Whether it is one only a mail
/// to it can tell.
fn normal_email(text: &str) -> Option<String> {
    let email = text.trim().to_lowercase();
    let (name, host) = email.split_once('@')?;
    let usable = !name.is_empty()
        && !host.is_empty()
        && !host.contains('@')
        && email.len() <= 254
        && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    usable.then_some(email)
}

fn normal_name(text: &str) -> Result<&str, TenancyError> {
    let name = text.trim();
    let usable = (1..=MOST_NAME_CHARACTERS).contains(&name.chars().count())
        && !name.chars().any(char::is_control);
    if usable {
        Ok(name)
    } else {
        Err(TenancyError::Name)
    }
}

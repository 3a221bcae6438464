//! People, organizations, projects and memberships.

pub(crate) mod api_keys;
mod passwords;
mod secrets;
pub(crate) mod sessions;
mod throttle;

use std::sync::Arc;

use ledger::LedgerError;
use sqlx::Row;
use types::ids::{OrganizationId, ProjectId, UserId};
use types::tenancy::{ProjectView, Role, Viewer};

use crate::db::{id, micros};
use crate::{Core, Problem, ProblemKind, StoreError, chart};

/// The longest name of an organization, project or key, in characters.
const MOST_NAME_CHARACTERS: usize = 100;
/// The most projects an organization may have: all of them fit one list.
const MOST_PROJECTS: i64 = 200;

/// Why a person, organization, project or key was not made.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    #[error("this is not an address of mail")]
    NotAnEmail,
    #[error("there is an account with this address already")]
    EmailTaken,
    #[error("a password has at least {} characters", passwords::FEWEST_CHARACTERS)]
    PasswordTooShort,
    #[error("a password has at most {} bytes", passwords::MOST_BYTES)]
    PasswordTooLong,
    #[error("this password is on the lists that attackers try first; choose another")]
    PasswordTooCommon,
    #[error("a name has 1 to {MOST_NAME_CHARACTERS} characters")]
    Name,
    #[error("there is a project with this name already")]
    NameTaken,
    #[error("an organization has at most {most}")]
    TooMany { most: &'static str },
    #[error("there is no such {what} in this organization")]
    NotFound { what: &'static str },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LedgerError> for TenancyError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NotOpen { .. } => Self::NotFound {
                what: "organization",
            },
            LedgerError::Database(_) | LedgerError::Inconsistent(_) | LedgerError::Money(_) => {
                Self::Store(error.into())
            }
        }
    }
}

impl From<sqlx::Error> for TenancyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for TenancyError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::NotAnEmail
            | Self::PasswordTooShort
            | Self::PasswordTooLong
            | Self::PasswordTooCommon
            | Self::Name
            | Self::TooMany { .. } => ProblemKind::Invalid,
            Self::EmailTaken | Self::NameTaken => ProblemKind::Conflict,
            Self::NotFound { .. } => ProblemKind::NotFound,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotAnEmail => "invalid_email",
            Self::EmailTaken => "email_taken",
            Self::PasswordTooShort | Self::PasswordTooLong | Self::PasswordTooCommon => {
                "invalid_password"
            }
            Self::Name => "invalid_name",
            Self::NameTaken => "name_taken",
            Self::TooMany { .. } => "too_many",
            Self::NotFound { .. } => "not_found",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::NotAnEmail | Self::EmailTaken => Some("email".to_owned()),
            Self::PasswordTooShort | Self::PasswordTooLong | Self::PasswordTooCommon => {
                Some("password".to_owned())
            }
            Self::Name | Self::NameTaken => Some("name".to_owned()),
            Self::TooMany { .. } | Self::NotFound { .. } => None,
            Self::Store(error) => error.field(),
        }
    }
}

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
        passwords::check(password)?;
        let password_hash = passwords::hash(password).await?;
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
        insert_member_in(&mut tx, organization, owner, Role::Owner, micros(now)).await?;
        tx.commit().await?;
        Ok(organization)
    }

    /// Makes a person a member, or gives a member another role.
    ///
    /// # Errors
    /// When the database does not do it.
    pub async fn add_member(
        &self,
        organization: OrganizationId,
        user: UserId,
        role: Role,
    ) -> Result<(), TenancyError> {
        let mut tx = self.core.db.begin().await?;
        insert_member_in(&mut tx, organization, user, role, micros(self.core.now())).await?;
        Ok(tx.commit().await?)
    }

    /// # Errors
    /// When the name is not usable or taken, or there are too many projects.
    pub async fn create_project(
        &self,
        organization: OrganizationId,
        name: &str,
    ) -> Result<ProjectId, TenancyError> {
        let name = normal_name(name)?;
        let project = ProjectId::generate();
        let mut tx = self.core.db.begin().await?;
        // The lock makes the count hold until the insert.
        ledger::lock_books_in(&mut tx, organization).await?;
        let count: i64 =
            sqlx::query_scalar("select count(*) from projects where organization_id = $1")
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
        .bind(micros(self.core.now()))
        .execute(&mut *tx)
        .await?;
        if inserted.rows_affected() != 1 {
            return Err(TenancyError::NameTaken);
        }
        tx.commit().await?;
        Ok(project)
    }

    /// An organization's projects, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn projects(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<ProjectView>, StoreError> {
        let rows = sqlx::query(
            "select id, name from projects where organization_id = $1 order by created_at, id",
        )
        .bind(organization.to_string())
        .fetch_all(self.core.db.readers())
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

    /// A member as who they are in an organization; `None` for whoever is not one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn viewer(
        &self,
        user: UserId,
        organization: OrganizationId,
    ) -> Result<Option<Viewer>, StoreError> {
        find_viewer_in(
            &mut *self.core.db.readers().acquire().await?,
            user,
            organization,
        )
        .await
    }
}

async fn insert_member_in(
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

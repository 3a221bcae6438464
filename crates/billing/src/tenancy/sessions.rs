//! Sessions: an opaque random token in a cookie, its hash in the database.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use sqlx::Row;
use types::ids::{OrganizationId, UserId};
use types::tenancy::Viewer;
use types::time::Timestamp;

use super::members::find_viewer_in;
use super::passwords::{self, Password};
use super::throttle::{self, Subject};
use super::{normal_email, secrets};
use crate::db::{id, micros, time};
use crate::{Core, Problem, ProblemKind, StoreError};

/// A session ends this long after it was last used.
const IDLE: TimeDelta = TimeDelta::days(7);
/// And this long after signing in, however much it is used.
const LIFETIME: TimeDelta = TimeDelta::days(30);
/// How stale `last_seen_at` may become before a request writes it again.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(5);
/// Tokens are 64 characters; whatever is longer is no token.
const MOST_TOKEN_BYTES: usize = 128;

/// Why a person was not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Wrong address or wrong password: the answer does not say which.
    #[error("the email or password is incorrect")]
    Incorrect,
    #[error("there were too many attempts; wait a little and try again")]
    Throttled { retry_after: Duration },
    #[error("you are not a member of an organization yet; ask its owner to invite you")]
    NoOrganization,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for SignInError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for SignInError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::Incorrect => ProblemKind::Invalid,
            Self::Throttled { retry_after } => ProblemKind::Throttled {
                retry_after: *retry_after,
            },
            Self::NoOrganization => ProblemKind::NotAllowed,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Incorrect => "incorrect_credentials",
            Self::Throttled { .. } => "too_many_attempts",
            Self::NoOrganization => "no_organization",
            Self::Store(error) => error.code(),
        }
    }
}

/// A session just begun. The token goes into the cookie and nowhere else.
#[derive(Clone)]
pub struct NewSession {
    pub token: String,
    pub expires_at: Timestamp,
}

/// See [`crate::Billing::sessions`].
#[derive(Clone)]
pub struct Sessions {
    pub(super) core: Arc<Core>,
}

impl Sessions {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Signs a person in, in the first organization they joined. `from` is the client's address.
    ///
    /// # Errors
    /// When the address or password is wrong, or there were too many attempts.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        from: &str,
    ) -> Result<NewSession, SignInError> {
        let now = self.core.now();
        let email = normal_email(email).ok_or(SignInError::Incorrect)?;
        for subject in [Subject::Email(&email), Subject::Client(from)] {
            let mut tx = self.core.db.begin().await?;
            let wait = throttle::count_in(&mut tx, subject, now).await?;
            tx.commit().await?;
            if let Some(retry_after) = wait {
                return Err(SignInError::Throttled { retry_after });
            }
        }
        let busy = SignInError::Throttled {
            retry_after: Duration::from_secs(5),
        };
        let turn = passwords::turn().await.ok_or(busy)?;
        let user = self.check_password(&email, password).await?;
        drop(turn);
        let user = user.ok_or(SignInError::Incorrect)?;
        let mut tx = self.core.db.begin().await?;
        throttle::succeeded_in(&mut tx, &email, from).await?;
        tx.commit().await?;
        let organization = self.first_organization(user).await?;
        self.begin(user, organization.ok_or(SignInError::NoOrganization)?, now)
            .await
    }

    async fn check_password(
        &self,
        email: &str,
        password: &str,
    ) -> Result<Option<UserId>, SignInError> {
        let row = sqlx::query("select id, password_hash from users where email = $1")
            .bind(email)
            .fetch_optional(self.core.db.readers())
            .await?;
        let Some(password) = Password::given(password) else {
            return Ok(None);
        };
        let hash = row
            .as_ref()
            .map(|row| row.try_get("password_hash"))
            .transpose()?;
        let matches = passwords::verify(password, hash).await?;
        match row {
            Some(row) if matches => Ok(Some(id(&row, "id")?)),
            Some(_) | None => Ok(None),
        }
    }

    async fn first_organization(&self, user: UserId) -> Result<Option<OrganizationId>, StoreError> {
        let row = sqlx::query(
            "select organization_id from memberships where user_id = $1
             order by created_at, organization_id limit 1",
        )
        .bind(user.to_string())
        .fetch_optional(self.core.db.readers())
        .await?;
        row.map(|row| id(&row, "organization_id")).transpose()
    }

    async fn begin(
        &self,
        user: UserId,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<NewSession, SignInError> {
        let token = secrets::random_hex::<32>();
        let expires_at = now + LIFETIME;
        let mut tx = self.core.db.begin().await?;
        // Signing in is rare: a good moment to remove what has expired.
        sqlx::query("delete from sessions where expires_at <= $1")
            .bind(micros(now))
            .execute(&mut *tx)
            .await?;
        throttle::clean_in(&mut tx, now).await?;
        sqlx::query(
            "insert into sessions
                 (token_hash, user_id, organization_id, created_at, last_seen_at, expires_at)
             values ($1, $2, $3, $4, $4, $5)",
        )
        .bind(secrets::hash(&token))
        .bind(user.to_string())
        .bind(organization.to_string())
        .bind(micros(now))
        .bind(micros(expires_at))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(NewSession { token, expires_at })
    }

    /// Whose session a token is; `None` for one that ended, or whose person is no longer a member.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, token: &str) -> Result<Option<Viewer>, StoreError> {
        if token.is_empty() || token.len() > MOST_TOKEN_BYTES {
            return Ok(None);
        }
        let now = self.core.now();
        let token_hash = secrets::hash(token);
        let mut connection = self.core.db.readers().acquire().await?;
        let row = sqlx::query(
            "select user_id, organization_id, last_seen_at from sessions
             where token_hash = $1 and expires_at > $2 and last_seen_at > $3",
        )
        .bind(&token_hash)
        .bind(micros(now))
        .bind(micros(now - IDLE))
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let last_seen_at = time(&row, "last_seen_at")?;
        let viewer = find_viewer_in(
            &mut connection,
            id(&row, "user_id")?,
            id(&row, "organization_id")?,
        )
        .await?;
        drop(connection);
        if now - last_seen_at > SEEN_EVERY {
            let seen = sqlx::query("update sessions set last_seen_at = $1 where token_hash = $2")
                .bind(micros(now))
                .bind(token_hash)
                .execute(self.core.db.writers())
                .await;
            // The person is known: what they asked for does not wait for this.
            if let Err(error) = seen {
                tracing::warn!(%error, "it was not noted that a session is in use");
            }
        }
        Ok(viewer)
    }

    /// Ends a session; of one that has ended nothing is left to do.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sign_out(&self, token: &str) -> Result<(), StoreError> {
        sqlx::query("delete from sessions where token_hash = $1")
            .bind(secrets::hash(token))
            .execute(self.core.db.writers())
            .await?;
        Ok(())
    }
}

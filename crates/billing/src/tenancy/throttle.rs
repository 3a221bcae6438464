//! Slowing down whoever guesses passwords, by address of mail and by address of the client. Kept
//! in the database, so that a restart or a second server does not start the count again.

use std::time::Duration;

use chrono::TimeDelta;
use sqlx::Row;
use types::time::Timestamp;

use crate::StoreError;
use crate::db::{Db, micros, time};

/// Who is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    Email(&'a str),
    Client(&'a str),
}

impl Subject<'_> {
    fn key(self) -> String {
        match self {
            Self::Email(email) => format!("email:{}", super::secrets::hash(email)),
            Self::Client(address) => format!("client:{address}"),
        }
    }

    /// Failures that cost no wait. A client's address may be shared by many people.
    const fn free(self) -> i64 {
        match self {
            Self::Email(_) => 5,
            Self::Client(_) => 50,
        }
    }
}

const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// After this long without a failure the count starts again.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(24);

/// How long the subject must still wait; `None` when it need not.
pub(super) async fn wait(
    db: &Db,
    subject: Subject<'_>,
    now: Timestamp,
) -> Result<Option<Duration>, StoreError> {
    let row =
        sqlx::query("select failures, last_failed_at from sign_in_failures where subject = $1")
            .bind(subject.key())
            .fetch_optional(db.readers())
            .await?;
    let Some(row) = row else { return Ok(None) };
    let failures: i64 = row.try_get("failures")?;
    let waited = now - time(&row, "last_failed_at")?;
    Ok(remaining(failures - subject.free(), waited))
}

/// Doubles with each failure beyond those that are free.
fn remaining(beyond: i64, waited: TimeDelta) -> Option<Duration> {
    if beyond < 0 || waited >= FORGOTTEN_AFTER {
        return None;
    }
    let doublings = u32::try_from(beyond).unwrap_or(u32::MAX).min(16);
    let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    let waited = waited.to_std().unwrap_or(Duration::ZERO);
    wait.checked_sub(waited).filter(|left| !left.is_zero())
}

pub(super) async fn failed(
    db: &Db,
    subject: Subject<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into sign_in_failures (subject, failures, last_failed_at) values ($1, 1, $2)
         on conflict (subject) do update set
             failures = case when sign_in_failures.last_failed_at < $3 then 1
                             else sign_in_failures.failures + 1 end,
             last_failed_at = excluded.last_failed_at",
    )
    .bind(subject.key())
    .bind(micros(now))
    .bind(micros(now - FORGOTTEN_AFTER))
    .execute(db.writers())
    .await?;
    Ok(())
}

/// Removes counts that are forgotten.
pub(super) async fn clean_in(
    connection: &mut ledger::Connection,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("delete from sign_in_failures where last_failed_at < $1")
        .bind(micros(now - FORGOTTEN_AFTER))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn succeeded(db: &Db, subject: Subject<'_>) -> Result<(), StoreError> {
    sqlx::query("delete from sign_in_failures where subject = $1")
        .bind(subject.key())
        .execute(db.writers())
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_to_its_limit_and_is_forgotten_after_a_day() {
        let seconds = |beyond, waited| {
            remaining(beyond, TimeDelta::seconds(waited)).map(|left| left.as_secs())
        };
        assert_eq!(seconds(-1, 0), None);
        assert_eq!(seconds(0, 0), Some(30));
        assert_eq!(seconds(0, 30), None);
        assert_eq!(seconds(2, 20), Some(100));
        assert_eq!(seconds(60, 0), Some(900));
        assert_eq!(seconds(i64::MAX, 0), Some(900));
        assert_eq!(seconds(60, 24 * 3600), None);
        // A clock that was set back must not shorten the wait.
        assert_eq!(seconds(0, -10), Some(30));
    }
}

//! Slowing down whoever guesses passwords, by address of mail and by address of the client. Kept
//! in the database, so that a restart or a second server does not start the count again.

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;
use sqlx::Row;
use types::time::Timestamp;

use crate::StoreError;
use crate::db::{micros, time};

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
            Self::Client(address) => format!("client:{}", network(address)),
        }
    }

    /// Tries that cost no wait. A client's address may be shared by many people.
    const fn free(self) -> i64 {
        match self {
            Self::Email(_) => 5,
            Self::Client(_) => 50,
        }
    }

    /// After this long without a try the count starts again.
    const fn forgotten_after(self) -> TimeDelta {
        match self {
            Self::Email(_) => TimeDelta::hours(24),
            Self::Client(_) => TimeDelta::hours(1),
        }
    }
}

/// Whoever has one IPv6 address has 2⁶⁴ of them: they count as one. An IPv4 address that is written
/// as one of IPv6 is none: all of those are in one such network.
fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V4(v4)) => v4.to_string(),
        Err(_) => address.to_owned(),
    }
}

const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// No count is kept longer than this.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// Counts a try, before it is made: of many at once no more pass than of one after the other.
/// When the subject must still wait, nothing is counted and the answer says how long.
pub(super) async fn count_in(
    connection: &mut ledger::Connection,
    subject: Subject<'_>,
    now: Timestamp,
) -> Result<Option<Duration>, StoreError> {
    // The row is there and this transaction's before it is read.
    sqlx::query(
        "insert into sign_in_failures (subject, failures, last_failed_at) values ($1, 0, $2)
         on conflict (subject) do update set subject = excluded.subject",
    )
    .bind(subject.key())
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    let row =
        sqlx::query("select failures, last_failed_at from sign_in_failures where subject = $1")
            .bind(subject.key())
            .fetch_one(&mut *connection)
            .await?;
    let waited = now - time(&row, "last_failed_at")?;
    let is_forgotten = waited >= subject.forgotten_after();
    let tries: i64 = if is_forgotten {
        0
    } else {
        row.try_get("failures")?
    };
    if let Some(left) = remaining(tries - subject.free(), waited) {
        return Ok(Some(left));
    }
    sqlx::query(
        "update sign_in_failures set failures = $1, last_failed_at = $2 where subject = $3",
    )
    .bind(tries + 1)
    .bind(micros(now))
    .bind(subject.key())
    .execute(connection)
    .await?;
    Ok(None)
}

/// Doubles with each try beyond those that are free.
fn remaining(beyond: i64, waited: TimeDelta) -> Option<Duration> {
    if beyond < 0 {
        return None;
    }
    let doublings = u32::try_from(beyond).unwrap_or(u32::MAX).min(16);
    let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    let waited = waited.to_std().unwrap_or(Duration::ZERO);
    wait.checked_sub(waited).filter(|left| !left.is_zero())
}

/// Removes counts that are forgotten.
pub(super) async fn clean_in(
    connection: &mut ledger::Connection,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("delete from sign_in_failures where last_failed_at < $1")
        .bind(micros(now - KEPT))
        .execute(connection)
        .await?;
    Ok(())
}

/// The password was right: the address starts anew, and the client's try is taken back.
pub(super) async fn succeeded_in(
    connection: &mut ledger::Connection,
    email: &str,
    client: &str,
) -> Result<(), StoreError> {
    sqlx::query("delete from sign_in_failures where subject = $1")
        .bind(Subject::Email(email).key())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "update sign_in_failures set failures = failures - 1 where subject = $1 and failures > 0",
    )
    .bind(Subject::Client(client).key())
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_to_its_limit() {
        let seconds = |beyond, waited| {
            remaining(beyond, TimeDelta::seconds(waited)).map(|left| left.as_secs())
        };
        assert_eq!(seconds(-1, 0), None);
        assert_eq!(seconds(0, 0), Some(30));
        assert_eq!(seconds(0, 30), None);
        assert_eq!(seconds(2, 20), Some(100));
        assert_eq!(seconds(60, 0), Some(900));
        assert_eq!(seconds(i64::MAX, 0), Some(900));
        // A clock that was set back must not shorten the wait.
        assert_eq!(seconds(0, -10), Some(30));
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        assert_eq!(network("2001:db8:1:2::5"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::5"), network("2001:db8:1:3::5"));
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("::ffff:203.0.113.9"), "203.0.113.9");
    }
}

//! A server whose clock is far ahead books into the future, and what follows is booked there too:
//! bookings never go back. Nothing can be taken back then, and to refuse what the others post
//! would stop an organization for one wrong clock; so it is said aloud, and once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use types::ids::OrganizationId;
use types::time::Timestamp;

use crate::books::Books;
use crate::{Connection, LedgerError};

/// Clocks that are kept by a time server differ by less.
const MOST_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// The most organizations of which a process remembers that it said so; beyond it, it says so again.
const MOST_TOLD: usize = 10_000;
/// Of which booking of an organization it was said: posting in bulk asks no database whether
/// somebody else has.
static TOLD: Mutex<BTreeMap<OrganizationId, Timestamp>> = Mutex::new(BTreeMap::new());

/// Whether the newest booking lies in the future.
pub(super) fn is_behind(now: Timestamp, booked_at: Timestamp) -> bool {
    booked_at - now > MOST_AHEAD
}

/// Logs it, if the newest batch was written by the clock that was ahead. A batch that came later
/// was written by one who saw it, and said so.
pub(super) async fn report_in(
    connection: &mut Connection,
    books: &Books,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let written_at: Option<i64> = sqlx::query_scalar(
        "select created_at from batches where organization_id = $1 and sequence = $2",
    )
    .bind(books.organization.to_string())
    .bind(books.batch_count)
    .fetch_optional(connection)
    .await?;
    let written_at = written_at.map(crate::sql::time_from).transpose()?;
    if written_at.is_some_and(|at| is_behind(at, books.booked_at)) {
        return Ok(());
    }
    report(books, now);
    Ok(())
}

/// Logs it, if the newest booking lies in the future and this process has not said so.
pub(crate) fn report_once(books: &Books, now: Timestamp) {
    if is_behind(now, books.booked_at) && is_news(books.organization, books.booked_at) {
        report(books, now);
    }
}

fn is_news(organization: OrganizationId, booked_at: Timestamp) -> bool {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.len() >= MOST_TOLD {
        told.clear();
    }
    told.insert(organization, booked_at) != Some(booked_at)
}

fn report(books: &Books, now: Timestamp) {
    tracing::error!(
        organization = %books.organization, booked_at = %books.booked_at, %now,
        "a server's clock was ahead: until then everything is booked at that time"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_booking_in_the_future_is_said_once_and_a_later_one_again() {
        let now: Timestamp = "2026-03-11T12:00:00Z".parse().unwrap();
        assert!(!is_behind(now, now + MOST_AHEAD));
        let ahead = now + MOST_AHEAD + TimeDelta::microseconds(1);
        assert!(is_behind(now, ahead));
        let (ours, theirs) = (OrganizationId::generate(), OrganizationId::generate());
        assert!(is_news(ours, ahead));
        assert!(is_news(theirs, ahead));
        assert!(!is_news(ours, ahead));
        assert!(is_news(ours, ahead + MOST_AHEAD));
    }
}

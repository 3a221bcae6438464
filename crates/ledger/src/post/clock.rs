//! A server whose clock is far ahead books into the future, and what follows is booked there too:
//! bookings never go back. Nothing can be taken back then, and to refuse what the others post
//! would stop an organization for one wrong clock; so it is said aloud, and once.

use chrono::TimeDelta;
use types::time::Timestamp;

use crate::books::Books;
use crate::{Connection, LedgerError};

/// Clocks that are kept by a time server differ by less.
const MOST_AHEAD: TimeDelta = TimeDelta::minutes(5);

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
    tracing::error!(
        organization = %books.organization, booked_at = %books.booked_at, %now,
        "a server's clock was ahead: until then everything is booked at that time"
    );
    Ok(())
}

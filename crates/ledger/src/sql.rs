//! What differs between the two databases, and how values are kept in rows: for the ledger's
//! tables and for those that others keep beside them.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::any::AnyRow;
use types::money::Money;
use types::time::Timestamp;

use crate::{Connection, LedgerError};

/// Locks the selected rows until the transaction ends. On SQLite the whole database is already
/// this writer's (`begin immediate`), and the words do not exist.
pub(crate) fn for_update(connection: &Connection) -> &'static str {
    if connection.backend_name() == "PostgreSQL" {
        " for update"
    } else {
        ""
    }
}

/// Microseconds since 1970, as times are stored.
#[must_use]
pub fn micros(at: Timestamp) -> i64 {
    at.timestamp_micros()
}

/// The other way round.
///
/// # Errors
/// When it is further away than a calendar reaches.
pub fn time_from(micros: i64) -> Result<Timestamp, LedgerError> {
    DateTime::<Utc>::from_timestamp_micros(micros)
        .ok_or_else(|| LedgerError::Inconsistent(format!("{micros} is not a time")))
}

/// A column that holds a time.
///
/// # Errors
/// When it does not.
pub fn time(row: &AnyRow, column: &str) -> Result<Timestamp, LedgerError> {
    time_from(row.try_get(column)?)
}

/// A column that holds an id.
///
/// # Errors
/// When it does not.
pub fn id<T: std::str::FromStr>(row: &AnyRow, column: &str) -> Result<T, LedgerError> {
    let text: String = row.try_get(column)?;
    text.parse()
        .map_err(|_| LedgerError::Inconsistent(format!("{column} `{text}` is not an id")))
}

pub(crate) fn money(row: &AnyRow, column: &str) -> Result<Money, LedgerError> {
    Ok(Money::from_nanos(row.try_get(column)?))
}

/// Exactly one row must have changed.
///
/// # Errors
/// When none did, or several.
pub fn expect_one(rows: u64, what: &str) -> Result<(), LedgerError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(LedgerError::Inconsistent(format!(
            "{what} changed {rows} rows, not one"
        )))
    }
}

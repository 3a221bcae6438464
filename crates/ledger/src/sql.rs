//! What differs between the two databases, and how values are read from rows.

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
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.timestamp_micros()
}

pub(crate) fn time(row: &AnyRow, column: &str) -> Result<Timestamp, LedgerError> {
    let micros: i64 = row.try_get(column)?;
    DateTime::<Utc>::from_timestamp_micros(micros)
        .ok_or_else(|| LedgerError::Inconsistent(format!("{column} {micros} is not a time")))
}

pub(crate) fn money(row: &AnyRow, column: &str) -> Result<Money, LedgerError> {
    Ok(Money::from_nanos(row.try_get(column)?))
}

pub(crate) fn id<T: std::str::FromStr>(row: &AnyRow, column: &str) -> Result<T, LedgerError> {
    let text: String = row.try_get(column)?;
    text.parse()
        .map_err(|_| LedgerError::Inconsistent(format!("{column} `{text}` is not an id")))
}

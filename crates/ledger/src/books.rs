//! The head of an organization's books: the one row that a writer locks.

use sqlx::Row;
use types::ids::OrganizationId;
use types::money::Money;
use types::time::Timestamp;

use crate::sql::{for_update, micros, money, time};
use crate::{Connection, LedgerError, chain};

/// An organization's books, locked until the transaction ends. Proof to [`crate::post_in`] that
/// no other writer is between the reading of a balance and the posting that follows from it.
#[derive(Debug)]
pub struct Books {
    pub(crate) organization: OrganizationId,
    pub(crate) batch_count: i64,
    pub(crate) balance: Money,
    pub(crate) booked_at: Timestamp,
    pub(crate) chain_hash: String,
}

impl Books {
    /// When the newest batch took effect: the next one does not go before it.
    #[must_use]
    pub const fn booked_at(&self) -> Timestamp {
        self.booked_at
    }
}

/// Opens an organization's books; open ones stay as they are.
///
/// # Errors
/// When the database does not do it.
pub async fn open_books_in(
    connection: &mut Connection,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<(), LedgerError> {
    sqlx::query(
        "insert into books (organization_id, batch_count, balance_nano, booked_at, chain_hash)
         values ($1, 0, 0, $2, $3)
         on conflict (organization_id) do nothing",
    )
    .bind(organization.to_string())
    .bind(micros(now))
    .bind(chain::EMPTY)
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks an organization's books until the transaction ends.
///
/// # Errors
/// When they are not open or the database does not answer.
pub async fn lock_books_in(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<Books, LedgerError> {
    let lock = for_update(connection);
    let query = format!(
        "select batch_count, balance_nano, booked_at, chain_hash from books
         where organization_id = $1{lock}"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(organization.to_string())
        .fetch_optional(connection)
        .await?
        .ok_or(LedgerError::NotOpen { organization })?;
    Ok(Books {
        organization,
        batch_count: row.try_get("batch_count")?,
        balance: money(&row, "balance_nano")?,
        booked_at: time(&row, "booked_at")?,
        chain_hash: row.try_get("chain_hash")?,
    })
}

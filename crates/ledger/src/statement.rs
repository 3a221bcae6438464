//! What moved, newest first, by cursor.

use sqlx::Row;
use types::ids::{BatchId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use crate::sql::{id, money, time};
use crate::{Connection, LedgerError};

/// One batch of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    pub batch: BatchId,
    pub source: String,
    pub code: String,
    /// The organization's count of batches up to this one: the cursor.
    pub sequence: i64,
    /// What it did to the organization's balance.
    pub amount: Money,
    /// The balance after it.
    pub balance: Money,
    pub booked_at: Timestamp,
}

/// At most `limit` batches older than `before`, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn statement_in(
    connection: &mut Connection,
    organization: OrganizationId,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<StatementRow>, LedgerError> {
    let rows = sqlx::query(
        "select batches.id, batches.source, batches.code, batches.sequence, batches.balance_nano,
                batches.booked_at,
                batches.balance_nano - coalesce(previous.balance_nano, 0) as amount_nano
         from batches
         left join batches as previous
             on previous.organization_id = batches.organization_id
             and previous.sequence = batches.sequence - 1
         where batches.organization_id = $1 and batches.sequence < $2
         order by batches.sequence desc
         limit $3",
    )
    .bind(organization.to_string())
    .bind(before.unwrap_or(i64::MAX))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(StatementRow {
                batch: id(row, "id")?,
                source: row.try_get("source")?,
                code: row.try_get("code")?,
                sequence: row.try_get("sequence")?,
                amount: money(row, "amount_nano")?,
                balance: money(row, "balance_nano")?,
                booked_at: time(row, "booked_at")?,
            })
        })
        .collect()
}

/// A batch's transfers in order: debit account, credit account, amount.
///
/// # Errors
/// When the database does not answer.
pub async fn batch_transfers_in(
    connection: &mut Connection,
    organization: OrganizationId,
    batch: BatchId,
) -> Result<Vec<(String, String, Money)>, LedgerError> {
    let rows = sqlx::query(
        "select transfers.debit_account_id, transfers.credit_account_id, transfers.amount_nano
         from transfers join batches on batches.id = transfers.batch_id
         where batches.id = $1 and batches.organization_id = $2
         order by transfers.position",
    )
    .bind(batch.to_string())
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get("debit_account_id")?,
                row.try_get("credit_account_id")?,
                money(row, "amount_nano")?,
            ))
        })
        .collect()
}

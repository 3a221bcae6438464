//! What moved, newest first, by cursor.

use sqlx::Row;
use types::ids::{BatchId, LotId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use crate::lot::{self, Lot};
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

/// One of a batch's transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchTransfer {
    pub debit: String,
    pub credit: String,
    pub amount: Money,
    /// The lot that it drew on or filled.
    pub lot: Option<LotId>,
}

/// A batch's transfers in order.
///
/// # Errors
/// When the database does not answer.
pub async fn batch_transfers_in(
    connection: &mut Connection,
    organization: OrganizationId,
    batch: BatchId,
) -> Result<Vec<BatchTransfer>, LedgerError> {
    let rows = sqlx::query(
        "select transfers.debit_account_id, transfers.credit_account_id, transfers.amount_nano,
                transfers.lot_id
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
            let has_lot = row.try_get::<Option<String>, _>("lot_id")?.is_some();
            Ok(BatchTransfer {
                debit: row.try_get("debit_account_id")?,
                credit: row.try_get("credit_account_id")?,
                amount: money(row, "amount_nano")?,
                lot: has_lot.then(|| id(row, "lot_id")).transpose()?,
            })
        })
        .collect()
}

/// The lots that a batch's transfers name, as they stand, in the order of the transfers.
///
/// # Errors
/// When the database does not answer.
pub async fn batch_lots_in(
    connection: &mut Connection,
    organization: OrganizationId,
    batch: BatchId,
) -> Result<Vec<Lot>, LedgerError> {
    let text = format!(
        "select {} from lots
         join (select lot_id, min(position) as position from transfers
               where batch_id = $1 and lot_id is not null group by lot_id) as named
             on named.lot_id = lots.id
         where lots.organization_id = $2 order by named.position",
        lot::COLUMNS
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(batch.to_string())
        .bind(organization.to_string())
        .fetch_all(connection)
        .await?;
    rows.iter().map(lot::read).collect()
}

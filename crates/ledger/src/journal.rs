//! Everything that was ever posted, as a stream: for exports that must not hold it in memory.

use std::collections::BTreeMap;

use futures::Stream;
use futures::stream::StreamExt;
use sqlx::Row;
use sqlx::any::AnyRow;
use types::money::Money;
use types::time::Timestamp;

use crate::sql::{money, time};
use crate::{Connection, LedgerError};

/// One transfer with its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    pub batch: String,
    pub source: String,
    pub code: String,
    pub sequence: i64,
    pub booked_at: Timestamp,
    /// 0 for the batch's first transfer.
    pub position: i64,
    pub debit: String,
    pub credit: String,
    pub amount: Money,
}

/// All transfers, batch by batch, organization by organization. Run it in a transaction that sees
/// one state.
pub fn journal_in(
    connection: &mut Connection,
) -> impl Stream<Item = Result<JournalRow, LedgerError>> + '_ {
    sqlx::query(
        "select batches.id, batches.source, batches.code, batches.sequence, batches.booked_at,
                transfers.position, transfers.debit_account_id, transfers.credit_account_id,
                transfers.amount_nano
         from batches join transfers on transfers.batch_id = batches.id
         order by batches.organization_id, batches.sequence, transfers.position",
    )
    .fetch(connection)
    .map(|row| read(&row?))
}

fn read(row: &AnyRow) -> Result<JournalRow, LedgerError> {
    Ok(JournalRow {
        batch: row.try_get("id")?,
        source: row.try_get("source")?,
        code: row.try_get("code")?,
        sequence: row.try_get("sequence")?,
        booked_at: time(row, "booked_at")?,
        position: row.try_get("position")?,
        debit: row.try_get("debit_account_id")?,
        credit: row.try_get("credit_account_id")?,
        amount: money(row, "amount_nano")?,
    })
}

/// What the transfers of each account that carries no balance come to, debits less credits, in
/// nano-dollars: the database adds them up. An account without transfers is left out.
///
/// # Errors
/// When the database does not answer.
pub async fn summed_in(connection: &mut Connection) -> Result<BTreeMap<String, i128>, LedgerError> {
    // In two parts: one sum of nano-dollars ends at $9.2 billion.
    let rows = sqlx::query(
        "select accounts.id, cast(sum(sides.nanos / 1000000000) as bigint) as dollars,
                cast(sum(sides.nanos % 1000000000) as bigint) as rest_nano
         from accounts
         join (
             select debit_account_id as account_id, amount_nano as nanos from transfers
             union all
             select credit_account_id, -amount_nano from transfers
         ) as sides on sides.account_id = accounts.id
         where accounts.balance_nano is null
         group by accounts.id",
    )
    .fetch_all(&mut *connection)
    .await?;
    rows.iter()
        .map(|row| {
            let (dollars, rest): (i64, i64) = (row.try_get("dollars")?, row.try_get("rest_nano")?);
            let nanos = i128::from(dollars) * 1_000_000_000 + i128::from(rest);
            Ok((row.try_get("id")?, nanos))
        })
        .collect()
}

/// Every open account with the balance that it carries; `None` for the platform's, which carry
/// none.
///
/// # Errors
/// When the database does not answer.
pub async fn accounts_in(
    connection: &mut Connection,
) -> Result<Vec<(String, Option<Money>)>, LedgerError> {
    let rows = sqlx::query("select id, balance_nano from accounts order by id")
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let balance: Option<i64> = row.try_get("balance_nano")?;
            Ok((row.try_get("id")?, balance.map(Money::from_nanos)))
        })
        .collect()
}

//! The same source again: what was posted then is found, and nothing is written.

use sqlx::Row;
use types::ids::{BatchId, OrganizationId};

use super::Posted;
use crate::Connection;
use crate::error::{LedgerError, PostError};
use crate::lot::{self, NewLot};
use crate::sql::{id, micros, money, time};
use crate::transfer::{Batch, Transfer};

/// Looks the source up; under the lock of the books nobody can post it in between.
pub(super) async fn find_replay_in(
    connection: &mut Connection,
    organization: OrganizationId,
    batch: &Batch,
) -> Result<Option<Posted>, PostError> {
    let found = sqlx::query(
        "select id, organization_id, code, balance_nano, booked_at from batches where source = $1",
    )
    .bind(batch.source.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = found else { return Ok(None) };
    let found_id: BatchId = id(&row, "id")?;
    let owner: OrganizationId = id(&row, "organization_id")?;
    let code: String = row.try_get("code")?;
    let same = owner == organization
        && code == batch.code
        && has_same_transfers_in(connection, found_id, &batch.transfers).await?
        && opened_the_same_in(connection, found_id, &batch.opens).await?;
    if !same {
        return Err(PostError::SourceReused {
            source_key: batch.source.as_str().to_owned(),
        });
    }
    Ok(Some(Posted::AlreadyPosted {
        batch: found_id,
        balance: money(&row, "balance_nano")?,
        booked_at: time(&row, "booked_at")?,
    }))
}

/// Their ids are left out: a replay makes new ones. Those of lots are not.
async fn has_same_transfers_in(
    connection: &mut Connection,
    batch: BatchId,
    expected: &[Transfer],
) -> Result<bool, LedgerError> {
    let rows = sqlx::query(
        "select debit_account_id, credit_account_id, amount_nano, lot_id
         from transfers where batch_id = $1 order by position",
    )
    .bind(batch.to_string())
    .fetch_all(connection)
    .await?;
    if rows.len() != expected.len() {
        return Ok(false);
    }
    for (row, transfer) in rows.iter().zip(expected) {
        let debit: String = row.try_get("debit_account_id")?;
        let credit: String = row.try_get("credit_account_id")?;
        let same = debit == transfer.debit.to_string()
            && credit == transfer.credit.to_string()
            && money(row, "amount_nano")? == transfer.amount
            && row.try_get::<Option<String>, _>("lot_id")?
                == transfer.lot.map(|lot| lot.to_string());
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn opened_the_same_in(
    connection: &mut Connection,
    batch: BatchId,
    expected: &[NewLot],
) -> Result<bool, LedgerError> {
    // Each lot that a batch opens is filled by one of its transfers.
    let text = format!(
        "select {} from lots
         join batches on batches.organization_id = lots.organization_id
             and batches.sequence = lots.batch_sequence
         where lots.id in (select lot_id from transfers where batch_id = $1)
             and batches.id = $1",
        lot::COLUMNS
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(batch.to_string())
        .fetch_all(connection)
        .await?;
    let found = rows.iter().map(lot::read).collect::<Result<Vec<_>, _>>()?;
    let is_found = |new: &NewLot| {
        found.iter().any(|lot| {
            (lot.id, lot.kind, lot.priority) == (new.id, new.kind, new.priority)
                // To the microsecond, as times are stored.
                && lot.expires_at.map(micros) == new.expires_at.map(micros)
        })
    };
    Ok(found.len() == expected.len() && expected.iter().all(is_found))
}

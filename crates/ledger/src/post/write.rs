//! Writing a batch that was applied: itself, its lots and transfers, their postings, the new
//! balances.

use std::collections::BTreeMap;

use types::ids::OrganizationId;
use types::time::Timestamp;

use super::apply::{NewPosting, Running};
use super::lots::{RunningLot, RunningLots};
use crate::Connection;
use crate::account::AccountId;
use crate::books::Books;
use crate::error::{LedgerError, PostError};
use crate::sql::{expect_one, micros};
use crate::transfer::Batch;

pub(super) async fn batch_in(
    connection: &mut Connection,
    books: &Books,
    batch: &Batch,
    now: Timestamp,
) -> Result<(), PostError> {
    sqlx::query(
        "insert into batches
             (id, organization_id, source, code, sequence, balance_nano, booked_at, created_at,
              chain_hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(batch.id.to_string())
    .bind(books.organization.to_string())
    .bind(batch.source.as_str())
    .bind(batch.code)
    .bind(books.batch_count)
    .bind(books.balance.nanos())
    .bind(micros(books.booked_at))
    .bind(micros(now))
    .bind(&books.chain_hash)
    .execute(connection)
    .await?;
    Ok(())
}

/// Lots that are new, and what is left of the others. Before the transfers, which name them.
pub(super) async fn lots_in(
    connection: &mut Connection,
    organization: OrganizationId,
    lots: &RunningLots,
) -> Result<(), LedgerError> {
    for RunningLot { lot, opened_by, .. } in lots.changed() {
        let Some(sequence) = opened_by else {
            let updated = sqlx::query("update lots set remaining_nano = $1 where id = $2")
                .bind(lot.remaining.nanos())
                .bind(lot.id.to_string())
                .execute(&mut *connection)
                .await?;
            expect_one(updated.rows_affected(), "a lot")?;
            continue;
        };
        sqlx::query(
            "insert into lots
                 (id, organization_id, account_kind, batch_sequence, priority, granted_nano,
                  remaining_nano, opened_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(lot.id.to_string())
        .bind(organization.to_string())
        .bind(lot.kind.account_kind())
        .bind(*sequence)
        .bind(lot.priority)
        .bind(lot.granted.nanos())
        .bind(lot.remaining.nanos())
        .bind(micros(lot.opened_at))
        .bind(lot.expires_at.map(micros))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(super) async fn transfers_in(
    connection: &mut Connection,
    batch: &Batch,
) -> Result<(), PostError> {
    for (position, transfer) in (0_i64..).zip(&batch.transfers) {
        let inserted = sqlx::query(
            "insert into transfers
                 (id, batch_id, position, debit_account_id, credit_account_id, amount_nano, lot_id)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(transfer.id.to_string())
        .bind(batch.id.to_string())
        .bind(position)
        .bind(transfer.debit.to_string())
        .bind(transfer.credit.to_string())
        .bind(transfer.amount.nanos())
        .bind(transfer.lot.map(|lot| lot.to_string()))
        .execute(&mut *connection)
        .await;
        if let Err(error) = inserted {
            let unknown =
                matches!(&error, sqlx::Error::Database(e) if e.is_foreign_key_violation());
            // Only a platform account can be unknown here; an organization's was read above.
            let platform = [&transfer.debit, &transfer.credit]
                .into_iter()
                .find(|account| account.organization().is_none());
            return Err(match platform {
                Some(account) if unknown => PostError::UnknownAccount {
                    account: account.clone(),
                },
                Some(_) | None => error.into(),
            });
        }
    }
    Ok(())
}

pub(super) async fn postings_in(
    connection: &mut Connection,
    postings: &[NewPosting],
    booked_at: Timestamp,
) -> Result<(), LedgerError> {
    for posting in postings {
        sqlx::query(
            "insert into postings
                 (account_id, sequence, transfer_id, amount_nano, balance_nano, booked_at)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(posting.account.to_string())
        .bind(posting.sequence)
        .bind(posting.transfer.to_string())
        .bind(posting.amount.nanos())
        .bind(posting.balance.nanos())
        .bind(micros(booked_at))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(super) async fn heads_in(
    connection: &mut Connection,
    books: &Books,
    accounts: &BTreeMap<AccountId, Running>,
) -> Result<(), LedgerError> {
    for (account, running) in accounts {
        let updated =
            sqlx::query("update accounts set balance_nano = $1, posting_count = $2 where id = $3")
                .bind(running.balance.nanos())
                .bind(running.posting_count)
                .bind(account.to_string())
                .execute(&mut *connection)
                .await?;
        expect_one(updated.rows_affected(), "an account")?;
    }
    let updated = sqlx::query(
        "update books set batch_count = $1, balance_nano = $2, booked_at = $3, chain_hash = $4
         where organization_id = $5 and batch_count = $1 - 1",
    )
    .bind(books.batch_count)
    .bind(books.balance.nanos())
    .bind(micros(books.booked_at))
    .bind(&books.chain_hash)
    .bind(books.organization.to_string())
    .execute(connection)
    .await?;
    expect_one(updated.rows_affected(), "the head of the books")
}

//! Posting: the only way that money moves.
//!
//! Reads and writes, for one batch: the replay check, one read of the accounts, then one insert a
//! batch, transfer and posting and one update an account. All under the lock of the books.

use std::collections::BTreeMap;

use sqlx::Row;
use types::ids::{BatchId, OrganizationId, TransferId};
use types::money::Money;
use types::time::Timestamp;

use crate::Connection;
use crate::account::{AccountId, Normal};
use crate::books::Books;
use crate::chain::{Link, Sealed};
use crate::error::{LedgerError, PostError};
use crate::sql::{id, micros, money, time};
use crate::transfer::{Batch, Transfer};

/// The most transfers in a batch: every movement we know has at most one a lot and a few more.
const MOST_TRANSFERS: usize = 64;

/// What posting found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// The batch is new.
    New {
        balance: Money,
        booked_at: Timestamp,
    },
    /// The same source was posted before, with the same content: nothing changed.
    AlreadyPosted {
        batch: BatchId,
        balance: Money,
        booked_at: Timestamp,
    },
}

impl Posted {
    /// The organization's balance after the batch.
    #[must_use]
    pub const fn balance(&self) -> Money {
        match self {
            Self::New { balance, .. } | Self::AlreadyPosted { balance, .. } => *balance,
        }
    }
}

/// One side of a transfer, computed and not yet written.
struct NewPosting {
    account: AccountId,
    transfer: TransferId,
    sequence: i64,
    amount: Money,
    balance: Money,
}

/// An organization's account as it stands while the batch is applied.
struct Running {
    normal: Normal,
    minimum: Option<Money>,
    balance: Money,
    posting_count: i64,
}

/// Posts a batch to the organization whose `books` the caller has locked.
///
/// # Errors
/// When the batch is malformed, an account is not open or would fall below its limit, or the
/// source is taken by other content. Nothing may be kept of a transaction that got an error.
pub async fn post_in(
    connection: &mut Connection,
    books: &mut Books,
    batch: &Batch,
    now: Timestamp,
) -> Result<Posted, PostError> {
    check(batch, books.organization)?;
    if let Some(found) = find_replay_in(connection, books.organization, batch).await? {
        return Ok(found);
    }
    let booked_at = batch.booked_at.max(books.booked_at);
    let mut accounts = running_accounts_in(connection, books.organization, batch).await?;
    let postings = apply(&mut accounts, &batch.transfers)?;
    let balance = organization_balance(books.balance, &accounts, &postings)?;

    books.batch_count += 1;
    books.balance = balance;
    books.booked_at = booked_at;
    books.chain_hash = seal(books, batch);
    write_batch_in(connection, books, batch, now).await?;
    write_postings_in(connection, &postings, booked_at).await?;
    write_heads_in(connection, books, &accounts).await?;
    Ok(Posted::New { balance, booked_at })
}

fn check(batch: &Batch, organization: OrganizationId) -> Result<(), PostError> {
    if batch.transfers.is_empty() || batch.transfers.len() > MOST_TRANSFERS {
        return Err(PostError::TransferCount {
            most: MOST_TRANSFERS,
        });
    }
    for transfer in &batch.transfers {
        if !transfer.amount.is_positive() || transfer.debit == transfer.credit {
            return Err(PostError::EmptyTransfer);
        }
        for account in [&transfer.debit, &transfer.credit] {
            if account
                .organization()
                .is_some_and(|owner| owner != organization)
            {
                return Err(PostError::UnknownAccount {
                    account: account.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Looks the source up; under the lock of the books nobody can post it in between.
async fn find_replay_in(
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
        && has_same_transfers_in(connection, found_id, &batch.transfers).await?;
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

/// Ids are left out: a replay makes new ones.
async fn has_same_transfers_in(
    connection: &mut Connection,
    batch: BatchId,
    expected: &[Transfer],
) -> Result<bool, LedgerError> {
    let rows = sqlx::query(
        "select debit_account_id, credit_account_id, amount_nano
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
            && money(row, "amount_nano")? == transfer.amount;
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn running_accounts_in(
    connection: &mut Connection,
    organization: OrganizationId,
    batch: &Batch,
) -> Result<BTreeMap<AccountId, Running>, PostError> {
    let rows = sqlx::query(
        "select kind, normal_side, minimum_nano, balance_nano, posting_count
         from accounts where organization_id = $1",
    )
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    let mut accounts = BTreeMap::new();
    for transfer in &batch.transfers {
        for account in [&transfer.debit, &transfer.credit] {
            if account.organization().is_none() || accounts.contains_key(account) {
                continue;
            }
            let row = rows
                .iter()
                .find(|row| {
                    row.try_get::<String, _>("kind")
                        .is_ok_and(|k| k == account.kind())
                })
                .ok_or_else(|| PostError::UnknownAccount {
                    account: account.clone(),
                })?;
            accounts.insert(account.clone(), running(row)?);
        }
    }
    Ok(accounts)
}

fn running(row: &sqlx::any::AnyRow) -> Result<Running, LedgerError> {
    let side: String = row.try_get("normal_side")?;
    let normal = Normal::parse(&side)
        .ok_or_else(|| LedgerError::Inconsistent(format!("normal side `{side}`")))?;
    let minimum: Option<i64> = row.try_get("minimum_nano")?;
    Ok(Running {
        normal,
        minimum: minimum.map(Money::from_nanos),
        balance: money(row, "balance_nano")?,
        posting_count: row.try_get("posting_count")?,
    })
}

fn apply(
    accounts: &mut BTreeMap<AccountId, Running>,
    transfers: &[Transfer],
) -> Result<Vec<NewPosting>, PostError> {
    let mut postings = Vec::with_capacity(transfers.len() * 2);
    for transfer in transfers {
        for (account, side) in [
            (&transfer.debit, Normal::Debit),
            (&transfer.credit, Normal::Credit),
        ] {
            let Some(running) = accounts.get_mut(account) else {
                continue;
            };
            let amount = if running.normal == side {
                transfer.amount
            } else {
                transfer.amount.negated()?
            };
            running.balance = running.balance.plus(amount)?;
            running.posting_count += 1;
            postings.push(NewPosting {
                account: account.clone(),
                transfer: transfer.id,
                sequence: running.posting_count,
                amount,
                balance: running.balance,
            });
        }
    }
    // The limit holds for the batch as a whole: its transfers are one movement.
    for (account, running) in accounts {
        if running
            .minimum
            .is_some_and(|minimum| running.balance < minimum)
        {
            return Err(PostError::BelowMinimum {
                account: account.clone(),
            });
        }
    }
    Ok(postings)
}

fn organization_balance(
    before: Money,
    accounts: &BTreeMap<AccountId, Running>,
    postings: &[NewPosting],
) -> Result<Money, PostError> {
    let mut balance = before;
    for posting in postings {
        balance = match accounts.get(&posting.account).map(|running| running.normal) {
            Some(Normal::Credit) => balance.plus(posting.amount)?,
            Some(Normal::Debit) => balance.minus(posting.amount)?,
            None => balance,
        };
    }
    Ok(balance)
}

/// Seals the batch onto the one before it. The books are already those after the batch, but for
/// their hash.
fn seal(books: &Books, batch: &Batch) -> String {
    let mut link = Link::new(
        &books.chain_hash,
        &Sealed {
            organization: &books.organization.to_string(),
            sequence: books.batch_count,
            id: &batch.id.to_string(),
            source: batch.source.as_str(),
            code: batch.code,
            balance_nano: books.balance.nanos(),
            booked_at: micros(books.booked_at),
        },
    );
    for transfer in &batch.transfers {
        let (debit, credit) = (transfer.debit.to_string(), transfer.credit.to_string());
        link.transfer(
            &transfer.id.to_string(),
            &debit,
            &credit,
            transfer.amount.nanos(),
        );
    }
    link.seal()
}

async fn write_batch_in(
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
    .execute(&mut *connection)
    .await?;
    for (position, transfer) in (0_i64..).zip(&batch.transfers) {
        let inserted = sqlx::query(
            "insert into transfers
                 (id, batch_id, position, debit_account_id, credit_account_id, amount_nano)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(transfer.id.to_string())
        .bind(batch.id.to_string())
        .bind(position)
        .bind(transfer.debit.to_string())
        .bind(transfer.credit.to_string())
        .bind(transfer.amount.nanos())
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

async fn write_postings_in(
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

async fn write_heads_in(
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
        expect_one(updated.rows_affected(), "accounts")?;
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
    expect_one(updated.rows_affected(), "books")
}

fn expect_one(rows: u64, table: &str) -> Result<(), LedgerError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(LedgerError::Inconsistent(format!(
            "an update of {table} changed {rows} rows, not one"
        )))
    }
}

//! PostgreSQL: arrays in, one statement for everything that a set of batches writes.

use sqlx::{PgConnection, Row};
use types::ids::OrganizationId;

use super::{Head, Planned};
use crate::LedgerError;
use crate::post::apply::NewPosting;
use crate::sql::micros;
use crate::transfer::Transfer;

/// Locks the books of organizations, in the order of their ids, and reads their accounts of the
/// named kinds and their open lots. `organizations` are without repeats.
///
/// # Errors
/// When an organization has no books or the database does not answer.
pub async fn lock_heads_in(
    connection: &mut PgConnection,
    organizations: &[OrganizationId],
    kinds: &[&'static str],
) -> Result<Vec<Head>, LedgerError> {
    let ids: Vec<String> = organizations.iter().map(ToString::to_string).collect();
    // Accounts and lots change only under the lock of the books, so they are read after it.
    let locked = sqlx::query(
        "select organization_id, batch_count, balance_nano, booked_at, chain_hash, held_nano,
                hold_count
         from books where organization_id = any($1) order by organization_id for update",
    )
    .bind(&ids)
    .fetch_all(&mut *connection)
    .await?;
    let mut heads = super::heads_of(organizations, &locked)?;
    let accounts = sqlx::query(
        "select organization_id, kind, normal_side, minimum_nano, balance_nano, posting_count
         from accounts where organization_id = any($1)",
    )
    .bind(&ids)
    .fetch_all(&mut *connection)
    .await?;
    let lots = sqlx::query(
        "select id, organization_id, account_kind, priority, granted_nano, remaining_nano,
                opened_at, expires_at
         from lots where organization_id = any($1) and is_open = 1",
    )
    .bind(&ids)
    .fetch_all(connection)
    .await?;
    super::add_accounts(&mut heads, kinds, &accounts)?;
    super::add_lots(&mut heads, &lots)?;
    Ok(heads.into_values().collect())
}

/// Writes batches that were planned, and the heads as they stand after them.
///
/// # Errors
/// When the database does not take all of it. Nothing may be kept of the transaction then.
pub async fn write_in(
    connection: &mut PgConnection,
    heads: &[Head],
    planned: &[Planned],
) -> Result<(), LedgerError> {
    if heads.is_empty() {
        return Ok(());
    }
    let transfers: Vec<(&Planned, i64, &Transfer)> = planned
        .iter()
        .flat_map(|batch| {
            (0_i64..)
                .zip(&batch.transfers)
                .map(move |(position, transfer)| (batch, position, transfer))
        })
        .collect();
    let postings: Vec<(&Planned, &NewPosting)> = planned
        .iter()
        .flat_map(|batch| batch.postings.iter().map(move |posting| (batch, posting)))
        .collect();
    let headings = super::headings(heads);
    let (opened, remaining) = super::lot_rows(heads);
    let row = sqlx::query(WRITE)
        .bind(texts(planned, |batch| batch.id.clone()))
        .bind(texts(planned, |batch| batch.organization.to_string()))
        .bind(texts(planned, |batch| batch.source.clone()))
        .bind(texts(planned, |batch| batch.code.to_owned()))
        .bind(numbers(planned, |batch| batch.sequence))
        .bind(numbers(planned, |batch| batch.balance.nanos()))
        .bind(numbers(planned, |batch| micros(batch.booked_at)))
        .bind(numbers(planned, |batch| micros(batch.created_at)))
        .bind(texts(planned, |batch| batch.chain_hash.clone()))
        .bind(texts(&transfers, |(_, _, transfer)| {
            transfer.id.to_string()
        }))
        .bind(texts(&transfers, |(batch, _, _)| batch.id.clone()))
        .bind(numbers(&transfers, |(_, position, _)| *position))
        .bind(texts(&transfers, |(_, _, transfer)| {
            transfer.debit.to_string()
        }))
        .bind(texts(&transfers, |(_, _, transfer)| {
            transfer.credit.to_string()
        }))
        .bind(numbers(&transfers, |(_, _, transfer)| {
            transfer.amount.nanos()
        }))
        .bind(texts(&postings, |(_, posting)| posting.account.to_string()))
        .bind(numbers(&postings, |(_, posting)| posting.sequence))
        .bind(texts(&postings, |(_, posting)| {
            posting.transfer.to_string()
        }))
        .bind(numbers(&postings, |(_, posting)| posting.amount.nanos()))
        .bind(numbers(&postings, |(_, posting)| posting.balance.nanos()))
        .bind(numbers(&postings, |(batch, _)| micros(batch.booked_at)))
        .bind(texts(&headings, |heading| heading.account.clone()))
        .bind(numbers(&headings, |heading| heading.balance))
        .bind(numbers(&headings, |heading| heading.posting_count))
        .bind(texts(heads, |head| head.books.organization.to_string()))
        .bind(numbers(heads, |head| head.books.batch_count))
        .bind(numbers(heads, |head| head.books.balance.nanos()))
        .bind(numbers(heads, |head| micros(head.books.booked_at)))
        .bind(texts(heads, |head| head.books.chain_hash.clone()))
        .bind(numbers(heads, |head| head.held.amount.nanos()))
        .bind(numbers(heads, |head| head.held.count))
        .bind(optional_texts(&transfers, |(_, _, transfer)| {
            transfer.lot.map(|lot| lot.to_string())
        }))
        .bind(texts(&opened, |lot| lot.id.clone()))
        .bind(texts(&opened, |lot| lot.organization.clone()))
        .bind(texts(&opened, |lot| lot.account_kind.to_owned()))
        .bind(numbers(&opened, |lot| lot.batch_sequence))
        .bind(numbers(&opened, |lot| lot.priority))
        .bind(numbers(&opened, |lot| lot.granted))
        .bind(numbers(&opened, |lot| lot.remaining))
        .bind(numbers(&opened, |lot| lot.opened_at))
        .bind(
            opened
                .iter()
                .map(|lot| lot.expires_at)
                .collect::<Vec<Option<i64>>>(),
        )
        .bind(texts(&remaining, |lot| lot.id.clone()))
        .bind(numbers(&remaining, |lot| lot.remaining))
        .fetch_one(connection)
        .await?;
    let (accounts, books, lots): (i64, i64, i64) = (
        row.try_get("accounts")?,
        row.try_get("books")?,
        row.try_get("lots")?,
    );
    if accounts == headings.len() as i64
        && books == heads.len() as i64
        && lots == remaining.len() as i64
    {
        Ok(())
    } else {
        Err(LedgerError::Inconsistent(format!(
            "{accounts} accounts, {books} books and {lots} lots were there to update"
        )))
    }
}

/// Rows go in as one array a column.
const WRITE: &str = "
    with new_batches as (
        insert into batches
            (id, organization_id, source, code, sequence, balance_nano, booked_at, created_at,
             chain_hash)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[],
            $6::bigint[], $7::bigint[], $8::bigint[], $9::text[])
    ), new_transfers as (
        insert into transfers
            (id, batch_id, position, debit_account_id, credit_account_id, amount_nano, lot_id)
        select * from unnest($10::text[], $11::text[], $12::bigint[], $13::text[], $14::text[],
            $15::bigint[], $32::text[])
    ), new_postings as (
        insert into postings
            (account_id, sequence, transfer_id, amount_nano, balance_nano, booked_at)
        select * from unnest($16::text[], $17::bigint[], $18::text[], $19::bigint[],
            $20::bigint[], $21::bigint[])
    ), new_balances as (
        update accounts set balance_nano = new.balance_nano, posting_count = new.posting_count
        from unnest($22::text[], $23::bigint[], $24::bigint[])
            as new (id, balance_nano, posting_count)
        where accounts.id = new.id
        returning accounts.id
    ), new_books as (
        update books set batch_count = new.batch_count, balance_nano = new.balance_nano,
            booked_at = new.booked_at, chain_hash = new.chain_hash,
            held_nano = new.held_nano, hold_count = new.hold_count
        from unnest($25::text[], $26::bigint[], $27::bigint[], $28::bigint[], $29::text[],
            $30::bigint[], $31::bigint[])
            as new (organization_id, batch_count, balance_nano, booked_at, chain_hash, held_nano,
                    hold_count)
        where books.organization_id = new.organization_id
        returning books.organization_id
    ), new_lots as (
        insert into lots
            (id, organization_id, account_kind, batch_sequence, priority, granted_nano, remaining_nano,
             opened_at, expires_at)
        select * from unnest($33::text[], $34::text[], $35::text[], $36::bigint[], $37::bigint[],
            $38::bigint[], $39::bigint[], $40::bigint[], $41::bigint[])
    ), used_lots as (
        update lots set remaining_nano = new.remaining_nano
        from unnest($42::text[], $43::bigint[]) as new (id, remaining_nano)
        where lots.id = new.id
        returning lots.id
    )
    select (select count(*) from new_balances) as accounts,
        (select count(*) from new_books) as books, (select count(*) from used_lots) as lots";

fn texts<T>(rows: &[T], text: impl Fn(&T) -> String) -> Vec<String> {
    rows.iter().map(text).collect()
}

fn optional_texts<T>(rows: &[T], text: impl Fn(&T) -> Option<String>) -> Vec<Option<String>> {
    rows.iter().map(text).collect()
}

fn numbers<T>(rows: &[T], number: impl Fn(&T) -> i64) -> Vec<i64> {
    rows.iter().map(number).collect()
}

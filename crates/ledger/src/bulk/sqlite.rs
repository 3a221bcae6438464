//! SQLite: rows go in many a statement. The whole database is the writer's, so nothing is locked.

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};
use types::ids::OrganizationId;

use super::{Head, OpenedRow, Planned, RemainingRow, runs};
use crate::LedgerError;
use crate::post::apply::NewPosting;
use crate::sql::micros;
use crate::transfer::Transfer;

/// The most rows in one statement of the ledger's.
const RUN: usize = 128;

/// A statement whose values are being bound.
pub type Binding<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Runs `before (values …) after` over all rows, at most `most` in one statement; `bind` binds the
/// `columns` values of a row. Returns how many rows changed.
///
/// # Errors
/// When the database does not take a statement.
pub async fn write_rows<T>(
    connection: &mut SqliteConnection,
    (before, after): (&str, &str),
    columns: usize,
    most: usize,
    rows: &[T],
    bind: impl for<'q> Fn(Binding<'q>, &T) -> Binding<'q> + Send,
) -> Result<u64, sqlx::Error>
where
    T: Sync,
{
    let mut changed = 0;
    for run in runs(rows.len(), most) {
        let text = format!("{before}{}{after}", marks(run.len(), columns));
        let mut query = sqlx::query(AssertSqlSafe(text));
        for row in &rows[run] {
            query = bind(query, row);
        }
        changed += query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(changed)
}

/// The same for statements that change rows which are there, by a first column that is never null: as
/// few statements as there can be, the last of them filled up with rows of nulls. Only as many
/// different statements as there are powers of two are prepared.
async fn update_rows<T>(
    connection: &mut SqliteConnection,
    (before, after): (&str, &str),
    columns: usize,
    rows: &[T],
    bind: impl for<'q> Fn(Binding<'q>, &T) -> Binding<'q> + Send,
) -> Result<u64, sqlx::Error>
where
    T: Sync,
{
    let mut changed = 0;
    for run in rows.chunks(RUN) {
        let places = run.len().next_power_of_two();
        let text = format!("{before}{}{after}", marks(places, columns));
        let mut query = sqlx::query(AssertSqlSafe(text));
        for row in run {
            query = bind(query, row);
        }
        for _ in 0..(places - run.len()) * columns {
            query = query.bind(None::<i64>);
        }
        changed += query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(changed)
}

/// Ids for `in (values …)`, at most as many as one statement takes, the last one repeated until
/// they are a power of two.
pub fn filled_up(ids: &[OrganizationId]) -> impl Iterator<Item = String> {
    let more = ids.len().next_power_of_two() - ids.len();
    let last = ids.last().into_iter().cycle().take(more);
    ids.iter().chain(last).map(ToString::to_string)
}

/// `(?, ?), (?, ?)`: marks for `rows` rows of `columns` values. Without numbers, which the driver
/// would look up one by one.
#[must_use]
pub fn marks(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    vec![row; rows].join(",")
}

/// Reads the books of organizations, their accounts of the named kinds and their open lots, inside a
/// transaction that was begun to write. `organizations` are without repeats.
///
/// # Errors
/// When an organization has no books or the database does not answer.
pub async fn lock_heads_in(
    connection: &mut SqliteConnection,
    organizations: &[OrganizationId],
    kinds: &[&'static str],
) -> Result<Vec<Head>, LedgerError> {
    let (mut books, mut accounts, mut lots) = (Vec::new(), Vec::new(), Vec::new());
    for ids in organizations.chunks(RUN) {
        let marks = marks(ids.len().next_power_of_two(), 1);
        for (rows, text) in [
            (
                &mut books,
                format!(
                    "select organization_id, batch_count, balance_nano, booked_at, chain_hash,
                            held_nano, hold_count
                     from books where organization_id in (values {marks})"
                ),
            ),
            (
                &mut accounts,
                format!(
                    "select organization_id, kind, normal_side, minimum_nano, balance_nano,
                            posting_count
                     from accounts where organization_id in (values {marks})"
                ),
            ),
            (
                &mut lots,
                format!(
                    "select id, organization_id, account_kind, priority, granted_nano,
                            remaining_nano, opened_at, expires_at
                     from lots where organization_id in (values {marks}) and is_open = 1"
                ),
            ),
        ] {
            let mut query = sqlx::query(AssertSqlSafe(text));
            for id in filled_up(ids) {
                query = query.bind(id);
            }
            rows.extend(query.fetch_all(&mut *connection).await?);
        }
    }
    let mut heads = super::heads_of(organizations, &books)?;
    super::add_accounts(&mut heads, kinds, &accounts)?;
    super::add_lots(&mut heads, &lots)?;
    Ok(heads.into_values().collect())
}

/// Writes batches that were planned, and the heads as they stand after them.
///
/// # Errors
/// When the database does not take all of it. Nothing may be kept of the transaction then.
pub async fn write_in(
    connection: &mut SqliteConnection,
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
    write_rows(connection, BATCHES, 9, RUN, planned, |query, batch| {
        query
            .bind(batch.id.clone())
            .bind(batch.organization.to_string())
            .bind(batch.source.clone())
            .bind(batch.code)
            .bind(batch.sequence)
            .bind(batch.balance.nanos())
            .bind(micros(batch.booked_at))
            .bind(micros(batch.created_at))
            .bind(batch.chain_hash.clone())
    })
    .await?;
    // Before the transfers, which name them.
    write_lots_in(connection, heads).await?;
    write_rows(
        connection,
        TRANSFERS,
        7,
        RUN,
        &transfers,
        |query, (batch, position, transfer)| {
            query
                .bind(transfer.id.to_string())
                .bind(batch.id.clone())
                .bind(*position)
                .bind(transfer.debit.to_string())
                .bind(transfer.credit.to_string())
                .bind(transfer.amount.nanos())
                .bind(transfer.lot.map(|lot| lot.to_string()))
        },
    )
    .await?;
    write_rows(
        connection,
        POSTINGS,
        6,
        RUN,
        &postings,
        |query, (batch, posting)| {
            query
                .bind(posting.account.to_string())
                .bind(posting.sequence)
                .bind(posting.transfer.to_string())
                .bind(posting.amount.nanos())
                .bind(posting.balance.nanos())
                .bind(micros(batch.booked_at))
        },
    )
    .await?;
    write_heads_in(connection, heads).await
}

async fn write_lots_in(
    connection: &mut SqliteConnection,
    heads: &[Head],
) -> Result<(), LedgerError> {
    let (opened, remaining) = super::lot_rows(heads);
    write_rows(
        connection,
        LOTS,
        9,
        RUN,
        &opened,
        |query, lot: &OpenedRow| {
            query
                .bind(lot.id.clone())
                .bind(lot.organization.clone())
                .bind(lot.account_kind)
                .bind(lot.batch_sequence)
                .bind(lot.priority)
                .bind(lot.granted)
                .bind(lot.remaining)
                .bind(lot.opened_at)
                .bind(lot.expires_at)
        },
    )
    .await?;
    let changed = update_rows(
        connection,
        REMAINING,
        2,
        &remaining,
        |query, lot: &RemainingRow| query.bind(lot.id.clone()).bind(lot.remaining),
    )
    .await?;
    if changed == remaining.len() as u64 {
        Ok(())
    } else {
        Err(LedgerError::Inconsistent(format!(
            "{changed} lots were there to update"
        )))
    }
}

async fn write_heads_in(
    connection: &mut SqliteConnection,
    heads: &[Head],
) -> Result<(), LedgerError> {
    let headings = super::headings(heads);
    let accounts = update_rows(connection, BALANCES, 3, &headings, |query, heading| {
        query
            .bind(heading.account.clone())
            .bind(heading.balance)
            .bind(heading.posting_count)
    })
    .await?;
    let books = update_rows(connection, BOOKS, 7, heads, |query, head| {
        query
            .bind(head.books.organization.to_string())
            .bind(head.books.batch_count)
            .bind(head.books.balance.nanos())
            .bind(micros(head.books.booked_at))
            .bind(head.books.chain_hash.clone())
            .bind(head.held.amount.nanos())
            .bind(head.held.count)
    })
    .await?;
    if accounts == headings.len() as u64 && books == heads.len() as u64 {
        Ok(())
    } else {
        Err(LedgerError::Inconsistent(format!(
            "{accounts} accounts and {books} books were there to update"
        )))
    }
}

const BATCHES: (&str, &str) = (
    "insert into batches
         (id, organization_id, source, code, sequence, balance_nano, booked_at, created_at,
          chain_hash) values ",
    "",
);
const TRANSFERS: (&str, &str) = (
    "insert into transfers
         (id, batch_id, position, debit_account_id, credit_account_id, amount_nano, lot_id)
     values ",
    "",
);
const POSTINGS: (&str, &str) = (
    "insert into postings
         (account_id, sequence, transfer_id, amount_nano, balance_nano, booked_at) values ",
    "",
);
const LOTS: (&str, &str) = (
    "insert into lots
         (id, organization_id, account_kind, batch_sequence, priority, granted_nano, remaining_nano,
          opened_at, expires_at)
     values ",
    "",
);
const REMAINING: (&str, &str) = (
    "update lots set remaining_nano = new.column2 from (values ",
    ") as new where lots.id = new.column1",
);
const BALANCES: (&str, &str) = (
    "update accounts set balance_nano = new.column2, posting_count = new.column3 from (values ",
    ") as new where accounts.id = new.column1",
);
const BOOKS: (&str, &str) = (
    "update books set batch_count = new.column2, balance_nano = new.column3,
         booked_at = new.column4, chain_hash = new.column5,
         held_nano = new.column6, hold_count = new.column7 from (values ",
    ") as new where books.organization_id = new.column1",
);

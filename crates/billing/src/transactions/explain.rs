//! One transaction, down to what it consists of.

use ledger::Lot;
use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{BatchId, LotId, OrganizationId};
use types::money::{Cost, Money};

use super::events::{TransactionEvent, events_in};
use super::{EventRange, MOST_TRANSACTION_EVENTS, Transaction};
use crate::StoreError;
use crate::db::{id, time};

/// A transaction with all that it consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub transaction: Transaction,
    /// In the order in which they were posted.
    pub transfers: Vec<Transfer>,
    /// What those did to the organization's own accounts, in the same order.
    pub postings: Vec<Posting>,
    /// The lots that the transfers drew on or filled, as they stand now.
    pub lots: Vec<Lot>,
    /// Only of a transaction that pays for usage.
    pub usage: Option<UsagePaid>,
}

/// An amount that left one account and entered another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub debit: String,
    pub credit: String,
    pub amount: Money,
    /// The lot that it drew on or filled.
    pub lot: Option<LotId>,
}

/// One side of a transfer on an account of the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    pub account: String,
    /// Above zero where it raised the account's balance.
    pub amount: Money,
    /// The account's balance after it.
    pub balance: Money,
}

/// The usage that a transaction paid for: `carried_in` + `cost` = `posted` + `carried_out`, to the
/// last digit. Costs are finer than what the ledger holds; the rest is carried on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsagePaid {
    pub event_count: i64,
    pub cost: Cost,
    pub carried_in: Cost,
    pub carried_out: Cost,
    pub posted: Money,
    pub events: Vec<TransactionEvent>,
    /// How many events stand before the next page; `None` on the last one.
    pub next: Option<u32>,
}

pub(super) async fn find_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    batch: BatchId,
    events: EventRange,
) -> Result<Option<Explained>, StoreError> {
    let Some(transaction) = transaction_in(connection, organization, batch).await? else {
        return Ok(None);
    };
    let transfers = ledger::batch_transfers_in(connection, organization, batch).await?;
    let transfers = transfers
        .into_iter()
        .map(|transfer| Transfer {
            debit: kind(transfer.debit),
            credit: kind(transfer.credit),
            amount: transfer.amount,
            lot: transfer.lot,
        })
        .collect();
    Ok(Some(Explained {
        transaction,
        transfers,
        postings: postings_in(connection, organization, batch).await?,
        lots: ledger::batch_lots_in(connection, organization, batch).await?,
        usage: usage_in(connection, organization, batch, events).await?,
    }))
}

/// An account by its kind alone: whose it is follows from it.
fn kind(account: String) -> String {
    match account.split_once(':') {
        Some((_, kind)) => kind.to_owned(),
        None => account,
    }
}

async fn transaction_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    batch: BatchId,
) -> Result<Option<Transaction>, StoreError> {
    let row = sqlx::query(
        "select batches.id, batches.code, batches.source, batches.balance_nano, batches.booked_at,
                batches.balance_nano - coalesce(previous.balance_nano, 0) as amount_nano
         from batches
         left join batches as previous
             on previous.organization_id = batches.organization_id
             and previous.sequence = batches.sequence - 1
         where batches.id = $1 and batches.organization_id = $2",
    )
    .bind(batch.to_string())
    .bind(organization.to_string())
    .fetch_optional(connection)
    .await?;
    let read = |row: &AnyRow| {
        Ok(Transaction {
            id: id(row, "id")?,
            code: row.try_get("code")?,
            source: row.try_get("source")?,
            amount: Money::from_nanos(row.try_get("amount_nano")?),
            balance: Money::from_nanos(row.try_get("balance_nano")?),
            booked_at: time(row, "booked_at")?,
        })
    };
    row.as_ref().map(read).transpose()
}

async fn postings_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    batch: BatchId,
) -> Result<Vec<Posting>, StoreError> {
    let rows = sqlx::query(
        "select accounts.kind, postings.amount_nano, postings.balance_nano
         from transfers
         join postings on postings.transfer_id = transfers.id
         join accounts on accounts.id = postings.account_id
         where transfers.batch_id = $1 and accounts.organization_id = $2
         order by transfers.position, accounts.kind",
    )
    .bind(batch.to_string())
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Posting {
                account: row.try_get("kind")?,
                amount: Money::from_nanos(row.try_get("amount_nano")?),
                balance: Money::from_nanos(row.try_get("balance_nano")?),
            })
        })
        .collect()
}

async fn usage_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    batch: BatchId,
    range: EventRange,
) -> Result<Option<UsagePaid>, StoreError> {
    let row = sqlx::query(
        "select event_count, cost_pico, posted_nano, carry_before_pico, carry_after_pico
         from usage_batches where id = $1 and organization_id = $2",
    )
    .bind(batch.to_string())
    .bind(organization.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let limit = range.limit.clamp(1, MOST_TRANSACTION_EVENTS);
    let events = events_in(connection, organization, batch, range.after, limit).await?;
    let event_count: i64 = row.try_get("event_count")?;
    let next = range.after.saturating_add(limit);
    Ok(Some(UsagePaid {
        event_count,
        cost: Cost::from_picos(row.try_get("cost_pico")?),
        carried_in: Cost::from_picos(row.try_get("carry_before_pico")?),
        carried_out: Cost::from_picos(row.try_get("carry_after_pico")?),
        posted: Money::from_nanos(row.try_get("posted_nano")?),
        events,
        next: (i64::from(next) < event_count).then_some(next),
    }))
}

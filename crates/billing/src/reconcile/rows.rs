//! What our side of the comparison reads. Changes nothing.

use std::collections::{HashMap, HashSet};

use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::OrganizationId;
use types::time::Timestamp;

use super::matching::OurPayment;
use crate::StoreError;
use crate::db::{id, micros, time};
use crate::payments::gateway::{GatewayAccount, GatewayCustomer};
use crate::payments::listed::ListedPayment;
use crate::payments::parse_stored;

/// With the payment what the ledger credited for it: what came to the organization's accounts, under
/// the name that each top-up is posted by.
const SELECT: &str = "select payments.id, payments.top_up_id, payments.organization_id,
        payments.amount_cents, payments.state, payments.gateway_intent, payments.fee_cents,
        payments.created_at, payments.gateway_customer,
        cast(coalesce((
            select sum(transfers.amount_nano) from batches
            join transfers on transfers.batch_id = batches.id
            join accounts on accounts.id = transfers.credit_account_id
                and accounts.organization_id = batches.organization_id
            where batches.source = 'topup:' || payments.top_up_id
        ), 0) as bigint) as credited_nano
    from payments";

/// Our payments that a page of the gateway's is about: by their intents or by their top-ups.
pub(super) async fn payments_of_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    page: &[ListedPayment],
) -> Result<Vec<OurPayment>, StoreError> {
    if page.is_empty() {
        return Ok(Vec::new());
    }
    let intents = page.iter().map(|theirs| theirs.intent.to_string());
    let marks = page.iter().filter_map(|theirs| theirs.top_up);
    let (intents, marks): (Vec<String>, Vec<String>) = (
        intents.collect(),
        marks.map(|mark| mark.to_string()).collect(),
    );
    // Both lists have a place at least, so that the statement reads the same without marks.
    let places = |from: usize, count: usize| {
        let places: Vec<String> = (from..from + count).map(|no| format!("${no}")).collect();
        places.join(", ")
    };
    let query = format!(
        "{SELECT} where payments.gateway_account = $1
             and (payments.gateway_intent in ({}) or payments.top_up_id in ({}))",
        places(2, intents.len()),
        places(2 + intents.len(), marks.len().max(1)),
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(account.as_str());
    for intent in &intents {
        query = query.bind(intent);
    }
    let no_mark = String::new();
    for mark in marks.iter().chain(marks.is_empty().then_some(&no_mark)) {
        query = query.bind(mark);
    }
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| Ok(read(row)?.0)).collect()
}

/// Where the next page of our payments begins.
pub(super) type PaymentCursor = (Timestamp, String);

/// Our payments since a time, oldest first.
pub(super) async fn payments_since_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    since: Timestamp,
    after: Option<&PaymentCursor>,
    limit: i64,
) -> Result<(Vec<OurPayment>, Option<PaymentCursor>), StoreError> {
    let (from, last) = after.map_or((since, ""), |(at, id)| (*at, id.as_str()));
    let query = format!(
        "{SELECT} where payments.gateway_account = $1
             and (payments.created_at > $2 or (payments.created_at = $2 and payments.id > $3))
         order by payments.created_at, payments.id limit $4"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(account.as_str())
        .bind(micros(from))
        .bind(last)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    let read: Vec<_> = rows.iter().map(read).collect::<Result<_, _>>()?;
    let next = read
        .last()
        .map(|(ours, at)| (*at, ours.payment.to_string()));
    Ok((read.into_iter().map(|(ours, _)| ours).collect(), next))
}

fn read(row: &AnyRow) -> Result<(OurPayment, Timestamp), StoreError> {
    let intent: Option<String> = row.try_get("gateway_intent")?;
    let ours = OurPayment {
        payment: id(row, "id")?,
        top_up: id(row, "top_up_id")?,
        organization: id(row, "organization_id")?,
        asked_cents: row.try_get("amount_cents")?,
        state: row.try_get("state")?,
        intent: intent.map(|intent| parse_stored(&intent)).transpose()?,
        fee_cents: row.try_get("fee_cents")?,
        customer: row.try_get("gateway_customer")?,
        credited_nano: row.try_get("credited_nano")?,
    };
    Ok((ours, time(row, "created_at")?))
}

/// A page of the organizations that the gateway knows, by their ids.
pub(super) async fn customers_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    after: &str,
    limit: i64,
) -> Result<Vec<(OrganizationId, GatewayCustomer)>, StoreError> {
    let rows = sqlx::query(
        "select organization_id, gateway_customer from gateway_customers
         where gateway_account = $1 and organization_id > $2
         order by organization_id limit $3",
    )
    .bind(account.as_str())
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let read = |row: &AnyRow| {
        let customer: String = row.try_get("gateway_customer")?;
        Ok((id(row, "organization_id")?, parse_stored(&customer)?))
    };
    rows.iter().map(read).collect()
}

/// An organization's cards, by their tokens.
#[derive(Debug, Default)]
pub(super) struct OurCards {
    /// With the month and year of their expiry.
    pub(super) saved: HashMap<String, (i64, i64)>,
    /// Those that the gateway is to forget, and those of payments that are not decided: each may be
    /// attached and is not saved.
    pub(super) expected: HashSet<String>,
}

pub(super) async fn cards_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    organization: OrganizationId,
) -> Result<OurCards, StoreError> {
    let rows = sqlx::query(
        "select gateway_method, 'saved' as standing, expiry_month, expiry_year
         from payment_methods
         where organization_id = $1 and gateway_account = $2 and removed_at is null
         union all
         select gateway_method, 'expected', 0, 0 from gateway_detachments
         where organization_id = $1 and gateway_account = $2
         union all
         select top_ups.gateway_method, 'expected', 0, 0 from top_ups
         join payments on payments.top_up_id = top_ups.id
         where top_ups.organization_id = $1 and payments.gateway_account = $2
             and payments.state = 'pending'",
    )
    .bind(organization.to_string())
    .bind(account.as_str())
    .fetch_all(connection)
    .await?;
    let mut cards = OurCards::default();
    for row in &rows {
        let token = row.try_get("gateway_method")?;
        if row.try_get::<String, _>("standing")? == "saved" {
            let expiry = (row.try_get("expiry_month")?, row.try_get("expiry_year")?);
            cards.saved.insert(token, expiry);
        } else {
            cards.expected.insert(token);
        }
    }
    Ok(cards)
}

/// A notice that was signed by the gateway and could not be applied.
pub(super) struct Parked {
    pub(super) notice: String,
    pub(super) outcome: String,
}

pub(super) async fn parked_in(
    connection: &mut ledger::Connection,
    limit: i64,
) -> Result<Vec<Parked>, StoreError> {
    let rows = sqlx::query(
        "select id, outcome from gateway_events
         where outcome in ('conflicting', 'unreadable', 'parked') and dismissed_at is null
         order by received_at, id limit $1",
    )
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let read = |row: &AnyRow| {
        Ok(Parked {
            notice: row.try_get("id")?,
            outcome: row.try_get("outcome")?,
        })
    };
    rows.iter().map(read).collect()
}

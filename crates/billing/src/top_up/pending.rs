//! Payments that wait for a word of the gateway's: whose turn it is to be asked about, and which one
//! a notification is about. A gateway's word is looked for at its own account alone.

use sqlx::Row;
use types::ids::{PaymentId, TopUpId};
use types::time::Timestamp;

use super::store::{SELECT, TopUp, read};
use crate::StoreError;
use crate::db::{id, micros};
use crate::payments::gateway::{GatewayAccount, GatewayIntent};

/// What a gateway's notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noticed {
    Payment(PaymentId),
    /// It names the payment's top-up, but is about another charge than the payment's.
    OtherIntent(PaymentId),
}

/// The payment that a gateway's notification is about: by its intent, or, when the charge's answer
/// was lost before the intent was known, by the top-up that the intent names.
pub(crate) async fn find_payment_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    intent: &GatewayIntent,
    top_up: Option<TopUpId>,
) -> Result<Option<Noticed>, StoreError> {
    let row = sqlx::query(
        "select id, gateway_intent from payments
         where gateway_account = $1 and (gateway_intent = $2 or top_up_id = $3)
         order by case when gateway_intent = $2 then 0 else 1 end limit 1",
    )
    .bind(account.as_str())
    .bind(intent.as_str())
    .bind(top_up.map(|top_up| top_up.to_string()))
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let payment = id(&row, "id")?;
    let known: Option<String> = row.try_get("gateway_intent")?;
    Ok(Some(match known {
        Some(known) if known != intent.as_str() => Noticed::OtherIntent(payment),
        Some(_) | None => Noticed::Payment(payment),
    }))
}

/// Payments whose turn it is to be asked about, longest waiting first; only those that `account`
/// can say something about.
pub(crate) async fn due_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<TopUp>, StoreError> {
    let query = format!(
        "{SELECT} where payments.state = 'pending' and payments.gateway_account = $1
             and payments.ask_at <= $2
         order by payments.ask_at limit $3"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(account.as_str())
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(read).collect()
}

/// Payments of any account that have waited in the same state since before a time, longest first.
pub(crate) async fn unchanged_since_in(
    connection: &mut ledger::Connection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<TopUp>, StoreError> {
    let query = format!(
        "{SELECT} where payments.state = 'pending' and top_ups.updated_at <= $1
         order by top_ups.updated_at, top_ups.id limit $2"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(micros(before))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(read).collect()
}

/// How many payments wait for an answer that only another account can give.
pub(crate) async fn count_elsewhere_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select count(*) from payments where state = 'pending' and gateway_account <> $1",
    )
    .bind(account.as_str())
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// Takes a due payment's turn: nobody else asks about it before `ask_at`. False when another
/// process took it, or it is no longer pending.
pub(crate) async fn claim_in(
    connection: &mut ledger::Connection,
    payment: PaymentId,
    now: Timestamp,
    ask_at: Timestamp,
) -> Result<bool, StoreError> {
    let updated = sqlx::query(
        "update payments set ask_at = $1
         where id = $2 and state = 'pending' and ask_at <= $3",
    )
    .bind(micros(ask_at))
    .bind(payment.to_string())
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() == 1)
}

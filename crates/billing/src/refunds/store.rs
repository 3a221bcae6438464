//! Refunds in the database, and what they come to for their top-ups.

use chrono::TimeDelta;
use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{OrganizationId, RefundId, TopUpId, UserId};
use types::money::{Cents, Money};
use types::refund::{RefundState, RefundView};
use types::time::Timestamp;

use crate::StoreError;
use crate::db::{expect_one, id, micros, optional_time, time};
use crate::payments::gateway::{GatewayAccount, GatewayIntent, GatewayRefund, RefundWord};
use crate::payments::parse_stored;

/// How long the request's own answer may take before reconciliation asks.
const FIRST_ASK: TimeDelta = TimeDelta::seconds(10);

/// Who wanted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    SelfService {
        by: UserId,
    },
    Operator {
        reason: String,
    },
    /// Somebody in the gateway's own pages: here it is only written down.
    Gateway,
}

impl Origin {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::SelfService { .. } => "self_service",
            Self::Operator { .. } => "operator",
            Self::Gateway => "gateway",
        }
    }
}

pub(crate) struct NewRefund {
    pub(crate) id: RefundId,
    pub(crate) top_up: TopUpId,
    pub(crate) amount: Cents,
    pub(crate) origin: Origin,
}

#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub(crate) id: RefundId,
    pub(crate) organization: OrganizationId,
    pub(crate) top_up: TopUpId,
    pub(crate) amount: Cents,
    /// The gateway's account that has the charge.
    account: String,
    origin: String,
    reason: Option<String>,
    pub(crate) state: RefundState,
    pub(crate) fee: Cents,
    pub(crate) gateway_refund: Option<GatewayRefund>,
    /// The charge that it gives back from.
    pub(crate) intent: Option<GatewayIntent>,
    pub(crate) requested_at: Timestamp,
    /// When the gateway was asked for the first time, or was about to be; `None`: it never was.
    pub(crate) first_asked_at: Option<Timestamp>,
}

impl Refund {
    /// Whether it is what `new` asks for: then that is a repeat.
    pub(crate) fn is_for(&self, new: &NewRefund) -> bool {
        let reason = match &new.origin {
            Origin::Operator { reason } => Some(reason),
            Origin::SelfService { .. } | Origin::Gateway => None,
        };
        self.top_up == new.top_up
            && self.amount == new.amount
            && self.origin == new.origin.as_str()
            && self.reason.as_ref() == reason
    }

    /// Whether `account` can give the money back: to any other the charge is nothing.
    pub(crate) fn is_at(&self, account: &GatewayAccount) -> bool {
        self.account == account.as_str()
    }

    pub(crate) const fn view(&self, balance: Money) -> RefundView {
        RefundView {
            id: self.id,
            top_up: self.top_up,
            amount: self.amount,
            state: self.state,
            requested_at: self.requested_at,
            balance,
        }
    }
}

const SELECT: &str = "select refunds.id, refunds.organization_id, refunds.top_up_id,
        refunds.amount_cents, refunds.gateway_account, refunds.origin, refunds.reason, refunds.state, refunds.fee_cents,
        refunds.gateway_refund, refunds.requested_at, refunds.first_asked_at,
        payments.gateway_intent
    from refunds
    join payments on payments.top_up_id = refunds.top_up_id
        and payments.organization_id = refunds.organization_id";

/// `None` when the id is taken.
pub(crate) async fn insert_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    new: &NewRefund,
    account: &str,
    now: Timestamp,
) -> Result<Option<Refund>, StoreError> {
    let (by, reason) = match &new.origin {
        Origin::SelfService { by } => (Some(by.to_string()), None),
        Origin::Operator { reason } => (None, Some(reason.as_str())),
        Origin::Gateway => (None, None),
    };
    let inserted = sqlx::query(
        "insert into refunds
             (id, organization_id, top_up_id, amount_cents, origin, requested_by, reason,
              gateway_account, state, ask_at, requested_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 'processing', $9, $10, $10)
         on conflict (id) do nothing",
    )
    .bind(new.id.to_string())
    .bind(organization.to_string())
    .bind(new.top_up.to_string())
    .bind(new.amount.get())
    .bind(new.origin.as_str())
    .bind(by)
    .bind(reason)
    .bind(account)
    .bind(micros(now + FIRST_ASK))
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(None);
    }
    find_in(connection, organization, new.id).await
}

pub(crate) async fn find_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    refund: RefundId,
) -> Result<Option<Refund>, StoreError> {
    let query = format!("{SELECT} where refunds.id = $1 and refunds.organization_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(refund.to_string())
        .bind(organization.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The one that the gateway's word is about, among a top-up's: by the gateway's own name for it, or,
/// while that is not known here, by the mark that we gave it.
pub(crate) async fn find_by_word_in(
    connection: &mut ledger::Connection,
    (organization, top_up): (OrganizationId, TopUpId),
    word: &RefundWord,
) -> Result<Option<Refund>, StoreError> {
    let query = format!(
        "{SELECT} where refunds.organization_id = $1 and refunds.top_up_id = $2
             and (refunds.gateway_refund = $3
                 or (refunds.gateway_refund is null and refunds.id = $4))"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(organization.to_string())
        .bind(top_up.to_string())
        .bind(word.refund.as_str())
        .bind(word.ours.map(|id| id.to_string()))
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Refunds whose turn it is to be asked about, longest waiting first; only those that `account` can
/// say something about.
pub(crate) async fn due_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Refund>, StoreError> {
    let query = format!(
        "{SELECT} where refunds.gateway_account = $1 and refunds.ask_at is not null
             and refunds.ask_at <= $2
         order by refunds.ask_at limit $3"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(account.as_str())
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(read).collect()
}

/// Refunds of any account that have been under way since before a time, longest first.
pub(crate) async fn under_way_since_in(
    connection: &mut ledger::Connection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Refund>, StoreError> {
    let query = format!(
        "{SELECT} where refunds.state = 'processing' and refunds.requested_at <= $1
         order by refunds.requested_at, refunds.id limit $2"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(micros(before))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(read).collect()
}

/// How many refunds wait for an answer that only another account can give.
pub(crate) async fn count_elsewhere_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select count(*) from refunds where state = 'processing' and gateway_account <> $1",
    )
    .bind(account.as_str())
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// Writes down that the gateway is about to be asked, and answers when it was for the first time:
/// from then on its key has an age.
pub(crate) async fn begin_to_ask_in(
    connection: &mut ledger::Connection,
    refund: RefundId,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    let row = sqlx::query(
        "update refunds set first_asked_at = coalesce(first_asked_at, $1) where id = $2
         returning first_asked_at",
    )
    .bind(micros(now))
    .bind(refund.to_string())
    .fetch_optional(connection)
    .await?;
    let row = row.ok_or_else(|| StoreError::Inconsistent(format!("no refund {refund}")))?;
    time(&row, "first_asked_at")
}

/// Takes a due refund's turn: nobody else asks about it before `ask_at`. False when another process
/// took it.
pub(crate) async fn claim_in(
    connection: &mut ledger::Connection,
    refund: RefundId,
    now: Timestamp,
    ask_at: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let updated = sqlx::query("update refunds set ask_at = $1 where id = $2 and ask_at <= $3")
        .bind(ask_at.map(micros))
        .bind(refund.to_string())
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(updated.rows_affected() == 1)
}

/// Remembers under which name the gateway knows it; it never changes.
pub(crate) async fn set_gateway_refund_in(
    connection: &mut ledger::Connection,
    refund: &Refund,
    name: &GatewayRefund,
) -> Result<(), StoreError> {
    if refund.gateway_refund.is_some() {
        return Ok(());
    }
    let updated = sqlx::query(
        "update refunds set gateway_refund = $1 where id = $2 and gateway_refund is null",
    )
    .bind(name.as_str())
    .bind(refund.id.to_string())
    .execute(connection)
    .await?;
    expect_one(updated.rows_affected(), "a refund's name at the gateway")
}

/// What a refund becomes.
pub(crate) enum Become<'a> {
    Succeeded { fee: Cents },
    Failed { code: &'a str },
}

pub(crate) async fn update_state_in(
    connection: &mut ledger::Connection,
    refund: &Refund,
    state: &Become<'_>,
    ask_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (state, fee, code) = match state {
        Become::Succeeded { fee } => (RefundState::Succeeded, *fee, None),
        Become::Failed { code } => (RefundState::Failed, refund.fee, Some(*code)),
    };
    let updated = sqlx::query(
        "update refunds set state = $1, fee_cents = $2, failure_code = $3, ask_at = $4,
             updated_at = $5
         where id = $6 and state = $7",
    )
    .bind(state.as_str())
    .bind(fee.get())
    .bind(code)
    .bind(ask_at.map(micros))
    .bind(micros(now))
    .bind(refund.id.to_string())
    .bind(refund.state.as_str())
    .execute(connection)
    .await?;
    expect_one(updated.rows_affected(), "a refund's transition")
}

/// Counts `cents` more (or, below zero, fewer) as given back of a top-up.
pub(crate) async fn add_refunded_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    top_up: TopUpId,
    cents: i64,
) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "update top_ups set refunded_cents = refunded_cents + $1
         where id = $2 and organization_id = $3",
    )
    .bind(cents)
    .bind(top_up.to_string())
    .bind(organization.to_string())
    .execute(connection)
    .await?;
    expect_one(updated.rows_affected(), "what was refunded of a top-up")
}

fn read(row: &AnyRow) -> Result<Refund, StoreError> {
    let state: String = row.try_get("state")?;
    let name: Option<String> = row.try_get("gateway_refund")?;
    let intent: Option<String> = row.try_get("gateway_intent")?;
    Ok(Refund {
        id: id(row, "id")?,
        organization: id(row, "organization_id")?,
        top_up: id(row, "top_up_id")?,
        amount: Cents::new(row.try_get("amount_cents")?),
        account: row.try_get("gateway_account")?,
        origin: row.try_get("origin")?,
        reason: row.try_get("reason")?,
        state: RefundState::parse(&state)
            .ok_or_else(|| StoreError::Inconsistent(format!("refund state `{state}`")))?,
        fee: Cents::new(row.try_get("fee_cents")?),
        gateway_refund: name.map(|name| parse_stored(&name)).transpose()?,
        intent: intent.map(|intent| parse_stored(&intent)).transpose()?,
        requested_at: time(row, "requested_at")?,
        first_asked_at: optional_time(row, "first_asked_at")?,
    })
}

//! Top-ups and their payments in the database.

use chrono::TimeDelta;
use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{OrganizationId, PaymentId, PaymentMethodId, TopUpId};
use types::money::{Cents, Money};
use types::payment::{Card, DeclineReason};
use types::refund::Aftermath;
use types::tenancy::Viewer;
use types::time::Timestamp;
use types::top_up::{PayWith, TopUpState, TopUpView};

use super::StartTopUp;
use super::state::State;
use crate::StoreError;
use crate::db::{expect_one, id, micros, optional_id, time};
use crate::payments::gateway::{GatewayAccount, GatewayIntent, GatewayMethod, Settled};
use crate::payments::method::card;
use crate::payments::parse_stored;

/// How long a charge may take before reconciliation asks about it for the first time.
const FIRST_ASK: TimeDelta = TimeDelta::seconds(10);

/// A top-up with its payment.
#[derive(Debug, Clone)]
pub(crate) struct TopUp {
    pub(crate) id: TopUpId,
    pub(crate) organization: OrganizationId,
    pub(crate) payment: PaymentId,
    pub(crate) amount: Cents,
    /// The gateway's account that knows the token and the intent.
    account: String,
    pub(crate) token: GatewayMethod,
    /// The saved card that was chosen; `None` for a new one, which is saved once it has paid.
    pub(crate) saved: Option<PaymentMethodId>,
    pub(crate) state: State,
    /// Since when it has that state.
    pub(crate) state_since: Timestamp,
    pub(crate) intent: Option<GatewayIntent>,
    /// What the gateway keeps of it; `None` while it has not said so.
    pub(crate) fee: Option<Cents>,
    /// What became of it after it had succeeded.
    pub(crate) since: Aftermath,
    card: Option<Card>,
    pub(crate) created_at: Timestamp,
}

impl TopUp {
    /// Whether it is what `request` asks for: then the request is a repeat.
    pub(crate) fn is_for(&self, request: &StartTopUp) -> bool {
        self.amount == request.amount
            && match &request.pay_with {
                PayWith::Saved(id) => self.saved == Some(*id),
                PayWith::NewCard(token) => self.saved.is_none() && self.token.as_str() == token,
            }
    }

    /// Whether `account` can say what became of it: to any other it is nothing.
    pub(crate) fn is_at(&self, account: &GatewayAccount) -> bool {
        self.account == account.as_str()
    }

    pub(crate) fn view(&self, balance: Money) -> TopUpView {
        let state = match &self.state {
            State::Processing => TopUpState::Processing,
            State::RequiresAction { url } => TopUpState::RequiresAction { url: url.clone() },
            State::Succeeded => TopUpState::Succeeded {
                settled_at: self.state_since,
                since: self.since,
            },
            State::Failed { reason } => TopUpState::Failed { reason: *reason },
            State::Canceled => TopUpState::Canceled,
        };
        TopUpView {
            id: self.id,
            amount: self.amount,
            state,
            card: self.card.clone(),
            created_at: self.created_at,
            balance,
        }
    }
}

/// What is stored before the gateway is asked.
pub(crate) struct NewTopUp {
    pub(crate) id: TopUpId,
    pub(crate) amount: Cents,
    pub(crate) token: GatewayMethod,
    /// The saved card that was chosen, as it is now.
    pub(crate) saved: Option<(PaymentMethodId, Card)>,
}

/// Stores a top-up and its payment. `None` when the id is taken.
pub(crate) async fn insert_in(
    connection: &mut ledger::Connection,
    viewer: &Viewer,
    account: &GatewayAccount,
    new: &NewTopUp,
    now: Timestamp,
) -> Result<Option<TopUp>, StoreError> {
    // By either of its unique keys: PostgreSQL, told one of them, fails at the other when two
    // clicks come at the same moment.
    let inserted = sqlx::query(
        "insert into top_ups
             (id, organization_id, requested_by, amount_cents, gateway_method, payment_method_id,
              state, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, 'processing', $7, $7)
         on conflict do nothing",
    )
    .bind(new.id.to_string())
    .bind(viewer.organization.to_string())
    .bind(viewer.user.to_string())
    .bind(new.amount.get())
    .bind(new.token.as_str())
    .bind(new.saved.as_ref().map(|(id, _)| id.to_string()))
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(None);
    }
    let payment = PaymentId::generate();
    sqlx::query(
        "insert into payments
             (id, organization_id, top_up_id, amount_cents, gateway_account, gateway_customer,
              state, ask_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, (
                 select gateway_customer from gateway_customers
                 where organization_id = $2 and gateway_account = $5
             ), 'pending', $6, $7, $7)",
    )
    .bind(payment.to_string())
    .bind(viewer.organization.to_string())
    .bind(new.id.to_string())
    .bind(new.amount.get())
    .bind(account.as_str())
    .bind(micros(now + FIRST_ASK))
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    if let Some((_, card)) = &new.saved {
        set_card_in(connection, payment, card).await?;
    }
    Ok(Some(get_by_payment_in(connection, payment).await?))
}

pub(super) const SELECT: &str = "select top_ups.id, top_ups.organization_id, top_ups.amount_cents,
        top_ups.gateway_method, top_ups.payment_method_id, top_ups.state, top_ups.decline_reason,
        top_ups.action_url, top_ups.created_at, top_ups.updated_at,
        payments.id as payment_id, payments.gateway_account, payments.gateway_intent,
        payments.fee_cents, top_ups.refunded_cents, top_ups.disputed_cents, top_ups.reversed_cents,
        payments.card_brand as brand, payments.card_last_four as last_four,
        payments.card_expiry_month as expiry_month, payments.card_expiry_year as expiry_year,
        payments.card_country as country
    from top_ups
    join payments on payments.top_up_id = top_ups.id";

pub(crate) async fn find_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    top_up: TopUpId,
) -> Result<Option<TopUp>, StoreError> {
    let query = format!("{SELECT} where top_ups.id = $1 and top_ups.organization_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(top_up.to_string())
        .bind(organization.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The newest one whose bank waits for a person, however much has happened since.
pub(super) async fn waiting_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
) -> Result<Option<(TopUpId, Cents)>, StoreError> {
    let row = sqlx::query(
        "select id, amount_cents from top_ups
         where organization_id = $1 and state = 'requires_action'
         order by created_at desc, id desc
         limit 1",
    )
    .bind(organization.to_string())
    .fetch_optional(connection)
    .await?;
    row.as_ref()
        .map(|row| Ok((id(row, "id")?, Cents::new(row.try_get("amount_cents")?))))
        .transpose()
}

pub(crate) async fn get_by_payment_in(
    connection: &mut ledger::Connection,
    payment: PaymentId,
) -> Result<TopUp, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT} where payments.id = $1"
    )))
    .bind(payment.to_string())
    .fetch_one(connection)
    .await?;
    read(&row)
}

pub(crate) async fn payment_organization_in(
    connection: &mut ledger::Connection,
    payment: PaymentId,
) -> Result<OrganizationId, StoreError> {
    let row = sqlx::query("select organization_id from payments where id = $1")
        .bind(payment.to_string())
        .fetch_one(connection)
        .await?;
    id(&row, "organization_id")
}

pub(crate) async fn update_state_in(
    connection: &mut ledger::Connection,
    top_up: &TopUp,
    state: &State,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (reason, url) = match state {
        State::Failed { reason } => (Some(reason.as_str()), None),
        State::RequiresAction { url } => (None, url.as_deref()),
        State::Processing | State::Succeeded | State::Canceled => (None, None),
    };
    let updated = sqlx::query(
        "update top_ups
         set state = $1, decline_reason = $2, action_url = $3,
             updated_at = case when state = $1 then updated_at else $4 end
         where id = $5 and state = $6",
    )
    .bind(state.as_str())
    .bind(reason)
    .bind(url)
    .bind(micros(now))
    .bind(top_up.id.to_string())
    .bind(top_up.state.as_str())
    .execute(&mut *connection)
    .await?;
    expect_one(updated.rows_affected(), "a top-up's transition")?;
    let updated = sqlx::query("update payments set state = $1, updated_at = $2 where id = $3")
        .bind(state.payment_state())
        .bind(micros(now))
        .bind(top_up.payment.to_string())
        .execute(connection)
        .await?;
    expect_one(updated.rows_affected(), "a payment's transition")
}

/// Remembers under which name the gateway knows the payment; it never changes.
pub(crate) async fn set_intent_in(
    connection: &mut ledger::Connection,
    payment: PaymentId,
    intent: &GatewayIntent,
) -> Result<(), StoreError> {
    sqlx::query("update payments set gateway_intent = $1 where id = $2 and gateway_intent is null")
        .bind(intent.as_str())
        .bind(payment.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// What a charge came to.
pub(crate) async fn set_settled_in(
    connection: &mut ledger::Connection,
    payment: PaymentId,
    settled: &Settled,
) -> Result<(), StoreError> {
    if let Some(method) = &settled.method {
        set_card_in(connection, payment, &method.card).await?;
    }
    let updated = sqlx::query("update payments set fee_cents = $1 where id = $2")
        .bind(settled.fee.map(Cents::get))
        .bind(payment.to_string())
        .execute(connection)
        .await?;
    expect_one(updated.rows_affected(), "a payment's fee")
}

/// What the gateway keeps, where it says so only after the charge.
pub(crate) async fn set_fee_in(
    connection: &mut ledger::Connection,
    payment: PaymentId,
    fee: Cents,
) -> Result<(), StoreError> {
    let updated =
        sqlx::query("update payments set fee_cents = $1 where id = $2 and fee_cents is null")
            .bind(fee.get())
            .bind(payment.to_string())
            .execute(connection)
            .await?;
    expect_one(updated.rows_affected(), "a payment's fee")
}

/// A snapshot of the card that is or was charged: one that is replaced or removed later stays
/// readable here.
async fn set_card_in(
    connection: &mut ledger::Connection,
    payment: PaymentId,
    card: &Card,
) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "update payments set card_brand = $1, card_last_four = $2, card_expiry_month = $3,
             card_expiry_year = $4, card_country = $5
         where id = $6",
    )
    .bind(card.brand.as_str())
    .bind(card.last4.as_str())
    .bind(i64::from(card.expiry_month))
    .bind(i64::from(card.expiry_year))
    .bind(card.country.as_deref())
    .bind(payment.to_string())
    .execute(connection)
    .await?;
    expect_one(updated.rows_affected(), "a payment's card")
}

pub(super) fn read(row: &AnyRow) -> Result<TopUp, StoreError> {
    let intent: Option<String> = row.try_get("gateway_intent")?;
    Ok(TopUp {
        id: id(row, "id")?,
        organization: id(row, "organization_id")?,
        payment: id(row, "payment_id")?,
        amount: Cents::new(row.try_get("amount_cents")?),
        account: row.try_get("gateway_account")?,
        token: parse_stored(&row.try_get::<String, _>("gateway_method")?)?,
        saved: optional_id(row, "payment_method_id")?,
        state: read_state(row)?,
        state_since: time(row, "updated_at")?,
        intent: intent.map(|intent| parse_stored(&intent)).transpose()?,
        fee: row.try_get::<Option<i64>, _>("fee_cents")?.map(Cents::new),
        since: read_aftermath(row)?,
        card: card(row)?,
        created_at: time(row, "created_at")?,
    })
}

/// What became of a top-up, in a row's `amount_cents`, `refunded_cents`, `disputed_cents` and
/// `reversed_cents`.
pub(crate) fn read_aftermath(row: &AnyRow) -> Result<Aftermath, StoreError> {
    let taken = |column: &str| row.try_get::<i64, _>(column);
    Ok(super::state::aftermath(
        Cents::new(taken("amount_cents")?),
        Cents::new(taken("refunded_cents")?),
        Cents::new(taken("disputed_cents")?),
        Cents::new(taken("reversed_cents")?),
    ))
}

/// The state in a row's `state`, `decline_reason` and `action_url`.
pub(crate) fn read_state(row: &AnyRow) -> Result<State, StoreError> {
    let state: String = row.try_get("state")?;
    let reason: Option<String> = row.try_get("decline_reason")?;
    let reason = reason.as_deref().and_then(DeclineReason::parse);
    match (state.as_str(), reason) {
        ("processing", None) => Ok(State::Processing),
        ("requires_action", None) => Ok(State::RequiresAction {
            url: row.try_get("action_url")?,
        }),
        ("succeeded", None) => Ok(State::Succeeded),
        ("failed", Some(reason)) => Ok(State::Failed { reason }),
        ("canceled", None) => Ok(State::Canceled),
        _ => Err(StoreError::Inconsistent(format!("top-up state `{state}`"))),
    }
}

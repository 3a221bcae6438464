//! Top-ups among the rows: the click, what came of it, and what became of it since.

use chrono::TimeDelta;
use sqlx::Row;
use sqlx::any::AnyRow;
use types::history::{HistoryKind, HistoryRow, HistoryStatus};
use types::ids::{OrganizationId, TopUpId};
use types::money::{Cents, Money};
use types::refund::RefundOffer;
use types::time::Timestamp;

use super::{List, Place, Placed};
use crate::db::{id, micros, optional_time, time};
use crate::payments::method::card;
use crate::refunds::{Unused, offer, unreturned};
use crate::top_up::state::State;
use crate::top_up::store::{read_aftermath, read_state};
use crate::{Core, StoreError, chart};

/// Whoever waited longer for their bank knows two times: the click and the answer.
const NOTICEABLE: TimeDelta = TimeDelta::seconds(60);

pub(super) async fn top_ups_in(
    connection: &mut ledger::Connection,
    core: &Core,
    organization: OrganizationId,
    after: &Place,
    most: i64,
) -> Result<Vec<Placed>, StoreError> {
    let rows = sqlx::query(
        "select top_ups.id, top_ups.created_at, top_ups.amount_cents, top_ups.state,
                top_ups.decline_reason, top_ups.action_url, top_ups.updated_at,
                top_ups.refunded_cents, top_ups.disputed_cents, top_ups.reversed_cents,
                payments.gateway_account, lots.remaining_nano, batches.booked_at,
                batches.balance_nano - coalesce(previous.balance_nano, 0) as amount_nano,
                coalesce(payments.card_brand, payment_methods.brand) as brand,
                coalesce(payments.card_last_four, payment_methods.last_four) as last_four,
                coalesce(payments.card_expiry_month, payment_methods.expiry_month) as expiry_month,
                coalesce(payments.card_expiry_year, payment_methods.expiry_year) as expiry_year,
                coalesce(payments.card_country, payment_methods.country) as country
         from top_ups
         join payments on payments.organization_id = top_ups.organization_id
             and payments.top_up_id = top_ups.id
         left join payment_methods on payment_methods.organization_id = top_ups.organization_id
             and payment_methods.id = top_ups.payment_method_id
         left join lots on lots.id = top_ups.id
             and lots.organization_id = top_ups.organization_id
         left join batches on batches.source = 'topup:' || top_ups.id
             and batches.organization_id = top_ups.organization_id
         left join batches as previous
             on previous.organization_id = batches.organization_id
             and previous.sequence = batches.sequence - 1
         where top_ups.organization_id = $1 and top_ups.created_at <= $2
             and (top_ups.created_at < $2 or $3 = 1 or ($3 = 0 and top_ups.id < $4))
         order by top_ups.created_at desc, top_ups.id desc limit $5",
    )
    .bind(organization.to_string())
    .bind(after.at)
    .bind(after.ties(List::TopUps))
    .bind(&after.id)
    .bind(most)
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let now = core.now();
    let available = chart::balance_in(connection, organization, now)
        .await?
        .available()?;
    rows.iter()
        .map(|row| top_up(core, row, available, now))
        .collect()
}

fn top_up(
    core: &Core,
    row: &AnyRow,
    available: Money,
    now: Timestamp,
) -> Result<Placed, StoreError> {
    let status = match read_state(row)? {
        State::Processing => HistoryStatus::Processing,
        State::RequiresAction { .. } => HistoryStatus::RequiresAction,
        State::Failed { reason } => HistoryStatus::Failed { reason },
        State::Canceled => HistoryStatus::Canceled,
        State::Succeeded => HistoryStatus::Posted,
    };
    let created_at = time(row, "created_at")?;
    let asked = Cents::new(row.try_get("amount_cents")?).dollars();
    // What posted is told by the ledger alone.
    let (booked_later, amount) = if status == HistoryStatus::Posted {
        let booked = optional_time(row, "booked_at")?.ok_or_else(|| {
            StoreError::Inconsistent("a succeeded top-up that the ledger does not have".to_owned())
        })?;
        (
            Some(booked).filter(|booked| *booked - created_at >= NOTICEABLE),
            Money::from_nanos(row.try_get("amount_nano")?).dollars(),
        )
    } else {
        (None, asked)
    };
    let id: TopUpId = id(row, "id")?;
    let refund = match status {
        HistoryStatus::Posted => Some(refund_offer(core, row, available, now)?),
        HistoryStatus::Processing
        | HistoryStatus::RequiresAction
        | HistoryStatus::Failed { .. }
        | HistoryStatus::Canceled => None,
    };
    let kind = HistoryKind::Credit {
        card: card(row)?,
        since: read_aftermath(row)?,
        refund,
    };
    Ok(Placed {
        // By when it was asked for: that never changes, so no page skips a row that settles.
        place: Place {
            at: micros(created_at),
            list: List::TopUps,
            id: id.to_string(),
        },
        row: HistoryRow {
            id: id.to_string(),
            at: created_at,
            booked_later,
            kind,
            amount,
            status,
        },
    })
}

fn refund_offer(
    core: &Core,
    row: &AnyRow,
    available: Money,
    now: Timestamp,
) -> Result<RefundOffer, StoreError> {
    let remaining: Option<i64> = row.try_get("remaining_nano")?;
    let (disputed, reversed): (i64, i64) = (
        row.try_get("disputed_cents")?,
        row.try_get("reversed_cents")?,
    );
    let unused = Unused {
        settled_at: time(row, "updated_at")?,
        remaining: Money::from_nanos(remaining.unwrap_or(0)),
        available,
        unreturned: unreturned(row)?,
        is_disputed: disputed > 0 || reversed > 0,
        gateway_account: row.try_get("gateway_account")?,
    };
    Ok(offer(core, &unused, now))
}

//! Refunds among the rows: each once, at the click. One that failed has left the balance as it was,
//! and stays visible.

use sqlx::Row;
use sqlx::any::AnyRow;
use types::history::{HistoryKind, HistoryRow, HistoryStatus};
use types::ids::{OrganizationId, RefundId};
use types::money::{Cents, Dollars};
use types::refund::RefundState;

use super::{List, Place, Placed};
use crate::StoreError;
use crate::db::{id, micros, time};
use crate::payments::method::card;

pub(super) async fn refunds_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    after: &Place,
    most: i64,
) -> Result<Vec<Placed>, StoreError> {
    let rows = sqlx::query(
        "select refunds.id, refunds.amount_cents, refunds.state, refunds.requested_at,
                payments.card_brand as brand, payments.card_last_four as last_four,
                payments.card_expiry_month as expiry_month,
                payments.card_expiry_year as expiry_year, payments.card_country as country
         from refunds
         join payments on payments.top_up_id = refunds.top_up_id
             and payments.organization_id = refunds.organization_id
         where refunds.organization_id = $1 and refunds.requested_at <= $2
             and (refunds.requested_at < $2 or $3 = 1 or ($3 = 0 and refunds.id < $4))
         order by refunds.requested_at desc, refunds.id desc limit $5",
    )
    .bind(organization.to_string())
    .bind(after.at)
    .bind(after.ties(List::Refunds))
    .bind(&after.id)
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter().map(refund).collect()
}

fn refund(row: &AnyRow) -> Result<Placed, StoreError> {
    let (id, at): (RefundId, _) = (id(row, "id")?, time(row, "requested_at")?);
    let text: String = row.try_get("state")?;
    let state = RefundState::parse(&text)
        .ok_or_else(|| StoreError::Inconsistent(format!("refund state `{text}`")))?;
    let asked = Cents::new(row.try_get("amount_cents")?).dollars();
    // While it is under way its credit is out of the balance already.
    let (status, amount) = match state {
        RefundState::Processing | RefundState::Succeeded => {
            (HistoryStatus::Posted, Dollars::new(-asked.decimal()))
        }
        RefundState::Failed => (HistoryStatus::Canceled, asked),
    };
    Ok(Placed {
        place: Place {
            at: micros(at),
            list: List::Refunds,
            id: id.to_string(),
        },
        row: HistoryRow {
            id: id.to_string(),
            at,
            booked_later: None,
            kind: HistoryKind::Refund {
                card: card(row)?,
                state,
            },
            amount,
            status,
        },
    })
}

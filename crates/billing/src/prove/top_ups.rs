//! The proof of top-ups: each is credited once, and only when it was paid, and what the gateway kept
//! of it is booked.

use futures::TryStreamExt;
use ledger::{Check, Connection};
use sqlx::Row;

use crate::StoreError;

/// Each top-up that succeeded credited its amount once; none of the others did.
pub(super) async fn check_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("top-ups are credited once and only when paid");
    let mut rows = sqlx::query(
        "select top_ups.id, top_ups.state, payments.state as payment_state,
                cast(coalesce(sum(case when transfers.debit_account_id = 'platform:gateway_clearing'
                        and transfers.credit_account_id not like 'platform:%'
                    then transfers.amount_nano end), 0) as bigint) as credited,
                cast(coalesce(sum(case when transfers.debit_account_id = 'platform:gateway_fees'
                    then transfers.amount_nano end), 0) as bigint) as fee,
                top_ups.amount_cents, payments.amount_cents as payment_cents, payments.fee_cents
         from top_ups
         left join payments on payments.top_up_id = top_ups.id
             and payments.organization_id = top_ups.organization_id
         left join batches
             on batches.source in ('topup:' || top_ups.id, 'gateway_fee:' || top_ups.id)
             and batches.organization_id = top_ups.organization_id
         left join transfers on transfers.batch_id = batches.id
         group by top_ups.id, top_ups.state, payments.state, top_ups.amount_cents,
             payments.amount_cents, payments.fee_cents",
    )
    .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let (id, state): (String, String) = (row.try_get("id")?, row.try_get("state")?);
        let payment: Option<String> = row.try_get("payment_state")?;
        let (credited, fee, cents): (i64, i64, i64) = (
            row.try_get("credited")?,
            row.try_get("fee")?,
            row.try_get("amount_cents")?,
        );
        let expected = if state == "succeeded" { cents } else { 0 };
        let paired = match state.as_str() {
            "processing" | "requires_action" => "pending",
            definite => definite,
        };
        let asked: Option<i64> = row.try_get("payment_cents")?;
        let kept: Option<i64> = row.try_get("fee_cents")?;
        let is_paired = payment.as_deref() == Some(paired) && asked == Some(cents);
        let is_booked =
            i128::from(credited) == nano(expected) && i128::from(fee) == nano(kept.unwrap_or(0));
        if !is_paired || !is_booked {
            check.differs(format!(
                "top-up {id} is {state}, its payment {payment:?}, credited {credited} nano, fee {fee} nano"
            ));
        }
    }
    drop(rows);
    let mut strays = sqlx::query(
        "select batches.id from batches
         left join top_ups on top_ups.organization_id = batches.organization_id
             and batches.source in ('topup:' || top_ups.id, 'gateway_fee:' || top_ups.id)
         where batches.code in ('top_up', 'gateway_fee') and top_ups.id is null",
    )
    .fetch(connection);
    while let Some(row) = strays.try_next().await? {
        check.differs(format!(
            "batch {} credits no top-up",
            row.try_get::<String, _>("id")?
        ));
    }
    Ok(check)
}

pub(super) fn nano(cents: i64) -> i128 {
    i128::from(cents) * 10_000_000
}

//! The proof of money that goes back: refunds and disputes did to the ledger what they say, top-ups
//! say what was taken back of them, and of a payment that is finished nothing is on the clearing
//! account.

use futures::TryStreamExt;
use ledger::{Check, Connection};
use sqlx::Row;

use super::top_ups::nano;
use crate::StoreError;

/// Each refund took its amount once; gave it back once if it failed; and left with the gateway's
/// balance once if it was sent, and came back there if it failed after that.
pub(super) async fn check_refunds_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check =
        Check::new("refunds take their credit once and give it back only when they fail");
    let mut rows = sqlx::query(
        "select refunds.id, refunds.state, refunds.amount_cents, refunds.fee_cents,
                cast(coalesce(sum(case when batches.code <> 'refund' then 0
                    when transfers.credit_account_id = 'platform:gateway_clearing'
                    then transfers.amount_nano else -transfers.amount_nano end), 0) as bigint)
                    as taken,
                cast(coalesce(sum(case when batches.code = 'refund_sent'
                    and transfers.debit_account_id = 'platform:gateway_clearing'
                    then transfers.amount_nano end), 0) as bigint) as sent,
                cast(coalesce(sum(case when batches.code = 'refund_sent'
                    and transfers.debit_account_id = 'platform:gateway_fees'
                    then transfers.amount_nano end), 0) as bigint) as fee,
                cast(coalesce(sum(case when batches.code <> 'refund_failed'
                        or transfers.debit_account_id = 'platform:gateway_balance' then 0
                    when transfers.debit_account_id = 'platform:gateway_clearing'
                    then transfers.amount_nano else -transfers.amount_nano end), 0) as bigint)
                    as given_back,
                cast(coalesce(sum(case when batches.code = 'refund_failed'
                    and transfers.debit_account_id = 'platform:gateway_balance'
                    then transfers.amount_nano end), 0) as bigint) as returned
         from refunds
         left join batches on batches.organization_id = refunds.organization_id
             and batches.source in ('refund:' || refunds.id, 'refund:' || refunds.id || ':sent',
                 'refund:' || refunds.id || ':failed')
         left join transfers on transfers.batch_id = batches.id
         group by refunds.id, refunds.state, refunds.amount_cents, refunds.fee_cents",
    )
    .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let (id, state): (String, String) = (row.try_get("id")?, row.try_get("state")?);
        let amount = nano(row.try_get("amount_cents")?);
        let sum = |column: &str| row.try_get::<i64, _>(column).map(i128::from);
        let (taken, sent, given_back) = (sum("taken")?, sum("sent")?, sum("given_back")?);
        let (fee, kept) = (sum("fee")?, nano(row.try_get("fee_cents")?));
        let returned = sum("returned")?;
        let is_right = match state.as_str() {
            "processing" => sent == 0 && given_back == 0,
            "succeeded" => sent == amount && given_back == 0,
            _ => given_back == amount && sent == returned && (sent == 0 || sent == amount),
        };
        if taken != amount || fee != kept || !is_right {
            check.differs(format!(
                "refund {id} is {state}, took {taken} nano, sent {sent}, gave {given_back} back, \
                 fee {fee}"
            ));
        }
    }
    drop(rows);
    let mut strays = sqlx::query(
        "select batches.source from batches
         left join refunds on refunds.id = substr(batches.source, 8, 36)
             and refunds.organization_id = batches.organization_id
         where batches.code in ('refund', 'refund_sent', 'refund_failed') and refunds.id is null",
    )
    .fetch(connection);
    while let Some(row) = strays.try_next().await? {
        let source: String = row.try_get("source")?;
        check.differs(format!("{source} is no refund's"));
    }
    Ok(check)
}

/// What the bank took, what the gateway kept and what credit bears, by the ledger and by the row.
pub(super) async fn check_disputes_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("disputes moved what the bank took and credit bears");
    let mut rows = sqlx::query(
        "select disputes.id, disputes.withdrawn_cents, disputes.fee_cents,
                disputes.reversed_cents, disputes.movement_count,
                count(distinct batches.id) as batch_count,
                cast(coalesce(sum(case
                    when transfers.debit_account_id = 'platform:disputes'
                        and transfers.credit_account_id = 'platform:gateway_balance'
                        then transfers.amount_nano
                    when transfers.credit_account_id = 'platform:disputes'
                        and transfers.debit_account_id = 'platform:gateway_balance'
                        then -transfers.amount_nano end), 0) as bigint) as withdrawn,
                cast(coalesce(sum(case
                    when transfers.debit_account_id = 'platform:gateway_fees'
                        then transfers.amount_nano
                    when transfers.credit_account_id = 'platform:gateway_fees'
                        then -transfers.amount_nano end), 0) as bigint) as fee,
                cast(coalesce(sum(case
                    when transfers.credit_account_id = 'platform:disputes'
                        and transfers.debit_account_id not like 'platform:%'
                        then transfers.amount_nano
                    when transfers.debit_account_id = 'platform:disputes'
                        and transfers.credit_account_id not like 'platform:%'
                        then -transfers.amount_nano end), 0) as bigint) as reversed
         from disputes
         left join batches on batches.organization_id = disputes.organization_id
             and batches.code = 'dispute'
             and substr(batches.source, 9, 36) = disputes.id
         left join transfers on transfers.batch_id = batches.id
         group by disputes.id, disputes.withdrawn_cents, disputes.fee_cents,
             disputes.reversed_cents, disputes.movement_count",
    )
    .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let id: String = row.try_get("id")?;
        let counts: (i64, i64) = (row.try_get("batch_count")?, row.try_get("movement_count")?);
        let mut is_right = counts.0 == counts.1;
        for part in ["withdrawn", "fee", "reversed"] {
            let posted: i64 = row.try_get(part)?;
            let said: i64 = row.try_get(format!("{part}_cents").as_str())?;
            is_right &= i128::from(posted) == nano(said);
        }
        if !is_right {
            check.differs(format!("dispute {id} is not what the ledger has"));
        }
    }
    drop(rows);
    let mut strays = sqlx::query(
        "select batches.source from batches
         left join disputes on disputes.id = substr(batches.source, 9, 36)
             and disputes.organization_id = batches.organization_id
         where batches.code = 'dispute' and disputes.id is null",
    )
    .fetch(connection);
    while let Some(row) = strays.try_next().await? {
        let source: String = row.try_get("source")?;
        check.differs(format!("{source} is no dispute's"));
    }
    Ok(check)
}

/// What top-ups say of their refunds and disputes, and that both together reverse no more than was
/// paid.
pub(super) async fn check_top_ups_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("no more is taken back of a top-up than was paid");
    let mut rows = sqlx::query(
        "select id, amount_cents, refunded_cents, disputed_cents, reversed_cents,
                (select cast(coalesce(sum(refunds.amount_cents), 0) as bigint) from refunds
                 where refunds.organization_id = top_ups.organization_id
                     and refunds.top_up_id = top_ups.id and refunds.state <> 'failed') as refunded,
                (select cast(coalesce(sum(disputes.withdrawn_cents), 0) as bigint) from disputes
                 where disputes.organization_id = top_ups.organization_id
                     and disputes.top_up_id = top_ups.id
                     and disputes.stage <> 'lost') as disputed,
                (select cast(coalesce(sum(disputes.withdrawn_cents), 0) as bigint) from disputes
                 where disputes.organization_id = top_ups.organization_id
                     and disputes.top_up_id = top_ups.id and disputes.stage = 'lost') as reversed,
                (select cast(coalesce(sum(disputes.reversed_cents), 0) as bigint) from disputes
                 where disputes.organization_id = top_ups.organization_id
                     and disputes.top_up_id = top_ups.id) as borne
         from top_ups",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let cents = |column: &str| row.try_get::<i64, _>(column);
        let (refunded, borne) = (cents("refunded")?, cents("borne")?);
        let says = [
            (cents("refunded_cents")?, refunded),
            (cents("disputed_cents")?, cents("disputed")?),
            (cents("reversed_cents")?, cents("reversed")?),
        ];
        let is_within =
            i128::from(refunded) + i128::from(borne) <= i128::from(cents("amount_cents")?);
        if !is_within || says.iter().any(|(says, is)| says != is) {
            let id: String = row.try_get("id")?;
            check.differs(format!(
                "of top-up {id} {refunded} cents are refunded and {borne} disputed"
            ));
        }
    }
    Ok(check)
}

/// On the clearing account is a charge whose fee the gateway has not said, and a refund that it has
/// not sent. Nothing else.
pub(super) async fn check_clearing_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("of a finished payment nothing is on the clearing account");
    let mut rows = sqlx::query(
        "with moved as (
             select case batches.code
                     when 'top_up' then substr(batches.source, 7)
                     when 'gateway_fee' then substr(batches.source, 13)
                     else refunds.top_up_id end as top_up_id,
                 case when transfers.debit_account_id = 'platform:gateway_clearing'
                     then transfers.amount_nano else -transfers.amount_nano end as amount_nano
             from transfers
             join batches on batches.id = transfers.batch_id
             left join refunds on refunds.id = substr(batches.source, 8, 36)
                 and refunds.organization_id = batches.organization_id
             where transfers.debit_account_id = 'platform:gateway_clearing'
                 or transfers.credit_account_id = 'platform:gateway_clearing'
         ), cleared as (
             select top_up_id, cast(sum(amount_nano) as bigint) as amount_nano
             from moved group by top_up_id
         )
         select cleared.top_up_id, cleared.amount_nano, top_ups.amount_cents, payments.fee_cents,
             (select cast(coalesce(sum(refunds.amount_cents), 0) as bigint) from refunds
              where refunds.organization_id = top_ups.organization_id
                  and refunds.top_up_id = top_ups.id
                  and refunds.state = 'processing') as under_way_cents
         from cleared
         left join top_ups on top_ups.id = cleared.top_up_id
         left join payments on payments.top_up_id = top_ups.id
             and payments.organization_id = top_ups.organization_id",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let top_up: Option<String> = row.try_get("top_up_id")?;
        let is: i64 = row.try_get("amount_nano")?;
        let paid: Option<i64> = row.try_get("amount_cents")?;
        let fee: Option<i64> = row.try_get("fee_cents")?;
        let under_way: Option<i64> = row.try_get("under_way_cents")?;
        let unfinished = match (paid, fee) {
            (Some(paid), None) => nano(paid),
            (Some(_), Some(_)) | (None, _) => 0,
        };
        let expected = unfinished - nano(under_way.unwrap_or(0));
        if paid.is_none() || i128::from(is) != expected {
            check.differs(format!(
                "the clearing account has {is} nano of top-up {top_up:?}, not {expected}"
            ));
        }
    }
    Ok(check)
}

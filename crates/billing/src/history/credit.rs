//! Credit that was given, what was not used in time, and what disputes took and gave back: a row for
//! each of the ledger's batches.

use sqlx::Row;
use sqlx::any::AnyRow;
use types::dispute::DisputeStage;
use types::history::{HistoryKind, HistoryRow, HistoryStatus};
use types::ids::{BatchId, OrganizationId};
use types::money::Money;

use super::{List, Place, Placed};
use crate::StoreError;
use crate::db::{id, micros, time};
use crate::payments::method::card;

pub(super) async fn credit_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    after: &Place,
    most: i64,
) -> Result<Vec<Placed>, StoreError> {
    // The codes are those of the index that serves it. What a dispute took of us alone is not the
    // organization's to see.
    let rows = sqlx::query(
        "select batches.id, batches.code, batches.booked_at, disputes.stage,
                batches.balance_nano - coalesce(previous.balance_nano, 0) as amount_nano,
                payments.card_brand as brand, payments.card_last_four as last_four,
                payments.card_expiry_month as expiry_month,
                payments.card_expiry_year as expiry_year, payments.card_country as country
         from batches
         left join batches as previous
             on previous.organization_id = batches.organization_id
             and previous.sequence = batches.sequence - 1
         left join disputes on batches.code = 'dispute'
             and disputes.id = substr(batches.source, 9, 36)
             and disputes.organization_id = batches.organization_id
         left join payments on payments.top_up_id = disputes.top_up_id
             and payments.organization_id = disputes.organization_id
         where batches.organization_id = $1 and batches.code in ('grant', 'grant_expiry', 'dispute')
             and (batches.code <> 'dispute'
                 or batches.balance_nano <> coalesce(previous.balance_nano, 0))
             and batches.booked_at <= $2
             and (batches.booked_at < $2 or $3 = 1 or ($3 = 0 and batches.id < $4))
         order by batches.booked_at desc, batches.id desc limit $5",
    )
    .bind(organization.to_string())
    .bind(after.at)
    .bind(after.ties(List::Credit))
    .bind(&after.id)
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter().map(credit).collect()
}

fn credit(row: &AnyRow) -> Result<Placed, StoreError> {
    let code: String = row.try_get("code")?;
    let kind = match code.as_str() {
        "grant" => HistoryKind::PromotionalCredit,
        "grant_expiry" => HistoryKind::Expiry,
        "dispute" => HistoryKind::Dispute {
            card: card(row)?,
            stage: stage(row)?,
        },
        _ => return Err(StoreError::Inconsistent(format!("credit by `{code}`"))),
    };
    let (batch, at): (BatchId, _) = (id(row, "id")?, time(row, "booked_at")?);
    Ok(Placed {
        place: Place {
            at: micros(at),
            list: List::Credit,
            id: batch.to_string(),
        },
        row: HistoryRow {
            id: batch.to_string(),
            at,
            booked_later: None,
            kind,
            amount: Money::from_nanos(row.try_get("amount_nano")?).dollars(),
            status: HistoryStatus::Posted,
        },
    })
}

fn stage(row: &AnyRow) -> Result<DisputeStage, StoreError> {
    let text: Option<String> = row.try_get("stage")?;
    text.as_deref()
        .and_then(DisputeStage::parse)
        .ok_or_else(|| StoreError::Inconsistent(format!("a dispute's stage {text:?}")))
}

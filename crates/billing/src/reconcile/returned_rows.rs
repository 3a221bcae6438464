//! What our side of comparing refunds and disputes reads. Changes nothing.

use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{OrganizationId, TopUpId};
use types::time::Timestamp;

use super::report::Side;
use crate::StoreError;
use crate::db::{id, micros};
use crate::payments::gateway::{GatewayAccount, GatewayIntent};
use crate::payments::listed::ListedRefund;

/// Whose money went back, and of which top-up.
pub(super) type Owner = (OrganizationId, TopUpId);

#[derive(Debug, Clone)]
pub(super) struct OurRefund {
    pub(super) owner: Owner,
    /// The gateway's name for it, once it has one.
    pub(super) name: Option<String>,
    pub(super) cents: i64,
    pub(super) state: String,
}

impl OurRefund {
    pub(super) fn side(&self) -> Side {
        Side {
            cents: Some(self.cents),
            currency: Some("usd".to_owned()),
            state: Some(self.state.clone()),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct OurDispute {
    pub(super) owner: Owner,
    pub(super) stage: String,
    pub(super) withdrawn_cents: i64,
}

const REFUNDS: &str =
    "select organization_id, top_up_id, gateway_refund, amount_cents, state from refunds";

/// Ours for one of the gateway's: by its name, or by our mark.
pub(super) async fn refund_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    theirs: &ListedRefund,
) -> Result<Option<OurRefund>, StoreError> {
    let query = format!(
        "{REFUNDS} where gateway_account = $1 and (gateway_refund = $2 or id = $3)
         order by case when gateway_refund = $2 then 0 else 1 end limit 1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(account.as_str())
        .bind(&theirs.refund)
        .bind(theirs.ours.map(|ours| ours.to_string()))
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read_refund).transpose()
}

/// Ours since a time that were sent to the card as far as we know, oldest first.
pub(super) async fn sent_since_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<OurRefund>, StoreError> {
    let query = format!(
        "{REFUNDS} where gateway_account = $1 and requested_at >= $2 and state = 'succeeded'
         order by requested_at, id limit $3"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(account.as_str())
        .bind(micros(since))
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.iter().map(read_refund).collect()
}

fn read_refund(row: &AnyRow) -> Result<OurRefund, StoreError> {
    Ok(OurRefund {
        owner: read_owner(row)?,
        name: row.try_get("gateway_refund")?,
        cents: row.try_get("amount_cents")?,
        state: row.try_get("state")?,
    })
}

pub(super) async fn dispute_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    dispute: &str,
) -> Result<Option<OurDispute>, StoreError> {
    let row = sqlx::query(
        "select organization_id, top_up_id, stage, withdrawn_cents from disputes
         where gateway_account = $1 and gateway_dispute = $2",
    )
    .bind(account.as_str())
    .bind(dispute)
    .fetch_optional(connection)
    .await?;
    let read = |row: &AnyRow| {
        Ok(OurDispute {
            owner: read_owner(row)?,
            stage: row.try_get("stage")?,
            withdrawn_cents: row.try_get("withdrawn_cents")?,
        })
    };
    row.as_ref().map(read).transpose()
}

/// Whose a payment is; `None` when it is not ours.
pub(super) async fn owner_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    intent: Option<&GatewayIntent>,
) -> Result<Option<Owner>, StoreError> {
    let row = sqlx::query(
        "select organization_id, top_up_id from payments
         where gateway_account = $1 and gateway_intent = $2",
    )
    .bind(account.as_str())
    .bind(intent.map(GatewayIntent::as_str))
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(read_owner).transpose()
}

fn read_owner(row: &AnyRow) -> Result<Owner, StoreError> {
    Ok((id(row, "organization_id")?, id(row, "top_up_id")?))
}

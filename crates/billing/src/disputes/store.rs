//! Disputes and fraud warnings in the database, and what they come to for their top-ups.

use sqlx::Row;
use sqlx::any::AnyRow;
use types::dispute::{DisputeNotice, DisputeStage, DisputeSum};
use types::ids::{DisputeId, OrganizationId, TopUpId};
use types::money::Cents;
use types::time::Timestamp;

use crate::StoreError;
use crate::db::{expect_one, id, micros, optional_time, time};
use crate::payments::gateway::{DisputeWord, GatewayAccount, GatewayWarning};

/// A complaint of a card's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    pub id: DisputeId,
    pub top_up: TopUpId,
    /// The gateway's name for it: there evidence is handed in.
    pub gateway_dispute: String,
    /// The gateway's word for why, such as `fraudulent`.
    pub reason: String,
    pub stage: DisputeStage,
    /// What the card's owner wants back.
    pub amount: Cents,
    /// What the bank has taken by now.
    pub withdrawn: Cents,
    pub fee: Cents,
    /// What of it credit bears.
    pub reversed: Cents,
    pub opened_at: Timestamp,
    /// When the operator allowed automatic charges again.
    pub released_at: Option<Timestamp>,
    pub(super) movements: i64,
}

/// A charge that a card network holds for fraud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub gateway_warning: String,
    pub top_up: TopUpId,
    pub warned_at: Timestamp,
}

/// What a notice says of it.
pub(crate) struct FraudWarning {
    pub(crate) name: GatewayWarning,
    pub(crate) organization: OrganizationId,
    pub(crate) top_up: TopUpId,
    pub(crate) warned_at: Timestamp,
}

/// What disputes and refunds have taken back of a top-up, with the lock of its books held.
pub(super) struct Disputed {
    pub(super) paid: Cents,
    pub(super) refunded: Cents,
    /// Oldest first.
    pub(super) disputes: Vec<Dispute>,
}

const SELECT: &str = "select id, top_up_id, gateway_dispute, reason, stage, amount_cents,
        withdrawn_cents, fee_cents, reversed_cents, opened_at, released_at, movement_count
    from disputes";

/// Writes the gateway's word down, but for what it takes from credit. `None` where a newer one was
/// written before: two notices may be looked into at once. One that is lost is to be looked at, even
/// if it was released while it was open.
pub(super) async fn put_in(
    connection: &mut ledger::Connection,
    (organization, top_up): (OrganizationId, TopUpId),
    account: &GatewayAccount,
    word: &DisputeWord,
    now: Timestamp,
) -> Result<Option<DisputeId>, StoreError> {
    let found = sqlx::query(
        "select id, stage, gateway_movements from disputes where gateway_account = $1 and gateway_dispute = $2
             and organization_id = $3",
    )
    .bind(account.as_str())
    .bind(word.dispute.as_str())
    .bind(organization.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(row) = found {
        let dispute: DisputeId = id(&row, "id")?;
        let known = (row.try_get("gateway_movements")?, rank(stage(&row)?));
        if (i64::from(word.movements), rank(word.stage)) < known {
            return Ok(None);
        }
        let updated = sqlx::query(
            "update disputes set
                 released_at = case when $1 = 'lost' and stage <> 'lost' then null
                     else released_at end,
                 stage = $1, amount_cents = $2, reason = $3, updated_at = $4,
                 gateway_movements = $5
             where id = $6",
        )
        .bind(word.stage.as_str())
        .bind(word.amount.get())
        .bind(&word.reason)
        .bind(micros(now))
        .bind(i64::from(word.movements))
        .bind(dispute.to_string())
        .execute(connection)
        .await?;
        expect_one(updated.rows_affected(), "a dispute's stage")?;
        return Ok(Some(dispute));
    }
    let dispute = DisputeId::generate();
    sqlx::query(
        "insert into disputes
             (id, organization_id, top_up_id, gateway_account, gateway_dispute, reason, stage,
              amount_cents, withdrawn_cents, fee_cents, reversed_cents, gateway_movements,
              movement_count, opened_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, $9, 0, $10, $11)",
    )
    .bind(dispute.to_string())
    .bind(organization.to_string())
    .bind(top_up.to_string())
    .bind(account.as_str())
    .bind(word.dispute.as_str())
    .bind(&word.reason)
    .bind(word.stage.as_str())
    .bind(word.amount.get())
    .bind(i64::from(word.movements))
    .bind(micros(word.opened_at))
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(Some(dispute))
}

/// Whether the gateway's word says what is written already.
pub(super) async fn is_known_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    word: &DisputeWord,
) -> Result<bool, StoreError> {
    let found = sqlx::query(
        "select 1 from disputes
         where gateway_account = $1 and gateway_dispute = $2 and stage = $3
             and gateway_movements = $4 and withdrawn_cents = $5 and fee_cents = $6",
    )
    .bind(account.as_str())
    .bind(word.dispute.as_str())
    .bind(word.stage.as_str())
    .bind(i64::from(word.movements))
    .bind(word.withdrawn.get())
    .bind(word.fee.get())
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// Of two words that know of as many movements, the one that is further on is the newer.
const fn rank(stage: DisputeStage) -> u8 {
    match stage {
        DisputeStage::Inquiry => 0,
        DisputeStage::Open => 1,
        DisputeStage::Won | DisputeStage::Lost | DisputeStage::Closed => 2,
    }
}

pub(super) async fn disputed_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    top_up: TopUpId,
) -> Result<Disputed, StoreError> {
    let row = sqlx::query(
        "select amount_cents, refunded_cents from top_ups
         where id = $1 and organization_id = $2",
    )
    .bind(top_up.to_string())
    .bind(organization.to_string())
    .fetch_one(&mut *connection)
    .await?;
    let query = format!(
        "{SELECT} where organization_id = $1 and top_up_id = $2
         order by opened_at, gateway_dispute"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(organization.to_string())
        .bind(top_up.to_string())
        .fetch_all(connection)
        .await?;
    Ok(Disputed {
        paid: Cents::new(row.try_get("amount_cents")?),
        refunded: Cents::new(row.try_get("refunded_cents")?),
        disputes: rows.iter().map(read).collect::<Result<_, _>>()?,
    })
}

/// What a dispute comes to, once it is posted.
pub(super) struct CameTo {
    pub(super) withdrawn: i64,
    pub(super) fee: i64,
    pub(super) reversed: i64,
}

pub(super) async fn set_posted_in(
    connection: &mut ledger::Connection,
    dispute: &Dispute,
    came_to: &CameTo,
    now: Timestamp,
) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "update disputes set withdrawn_cents = $1, fee_cents = $2, reversed_cents = $3,
             movement_count = movement_count + 1, updated_at = $4
         where id = $5 and movement_count = $6",
    )
    .bind(came_to.withdrawn)
    .bind(came_to.fee)
    .bind(came_to.reversed)
    .bind(micros(now))
    .bind(dispute.id.to_string())
    .bind(dispute.movements)
    .execute(connection)
    .await?;
    expect_one(updated.rows_affected(), "what a dispute comes to")
}

/// Sums up on the top-up what its disputes have taken: until the bank decides, and for good.
pub(super) async fn sum_up_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    top_up: TopUpId,
) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "update top_ups set
             disputed_cents = (select cast(coalesce(sum(withdrawn_cents), 0) as bigint)
                 from disputes where organization_id = $1 and top_up_id = $2
                     and stage <> 'lost'),
             reversed_cents = (select cast(coalesce(sum(withdrawn_cents), 0) as bigint)
                 from disputes where organization_id = $1 and top_up_id = $2
                     and stage = 'lost')
         where id = $2 and organization_id = $1",
    )
    .bind(organization.to_string())
    .bind(top_up.to_string())
    .execute(connection)
    .await?;
    expect_one(updated.rows_affected(), "what was disputed of a top-up")
}

pub(super) async fn list_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
) -> Result<Vec<Dispute>, StoreError> {
    let query = format!("{SELECT} where organization_id = $1 order by opened_at desc, id desc");
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(organization.to_string())
        .fetch_all(connection)
        .await?;
    rows.iter().map(read).collect()
}

/// Those that hold automatic charges back, as one.
pub(super) async fn notice_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
) -> Result<Option<DisputeNotice>, StoreError> {
    let query = format!(
        "{SELECT} where organization_id = $1
             and (stage = 'open' or (stage = 'lost' and released_at is null))
         order by opened_at desc, id desc"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(organization.to_string())
        .fetch_all(connection)
        .await?;
    let disputes = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let Some(newest) = disputes.first() else {
        return Ok(None);
    };
    Ok(Some(DisputeNotice {
        top_up: newest.top_up,
        awaited: sum(&disputes, DisputeStage::Open, |open| open.withdrawn),
        // Beyond that the bank took what had been refunded before: no loss of the customer's.
        lost: sum(&disputes, DisputeStage::Lost, |lost| lost.reversed),
        opened_at: newest.opened_at,
        recharge_frozen: disputes.iter().any(|dispute| dispute.released_at.is_none()),
    }))
}

fn sum(disputes: &[Dispute], stage: DisputeStage, amount: fn(&Dispute) -> Cents) -> DisputeSum {
    let alike = disputes.iter().filter(|dispute| dispute.stage == stage);
    let amounts: Vec<i64> = alike.map(|dispute| amount(dispute).get()).collect();
    DisputeSum {
        count: u32::try_from(amounts.len()).unwrap_or(u32::MAX),
        amount: Cents::new(amounts.iter().sum()),
    }
}

pub(super) async fn release_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let updated = sqlx::query(
        "update disputes set released_at = $1
         where organization_id = $2 and released_at is null and stage in ('open', 'lost')",
    )
    .bind(micros(now))
    .bind(organization.to_string())
    .execute(connection)
    .await?;
    Ok(updated.rows_affected())
}

/// Keeps a warning; one that is kept already stays as it is.
pub(crate) async fn warn_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    warning: &FraudWarning,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into fraud_warnings
             (gateway_account, gateway_warning, organization_id, top_up_id, warned_at, received_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing",
    )
    .bind(account.as_str())
    .bind(warning.name.as_str())
    .bind(warning.organization.to_string())
    .bind(warning.top_up.to_string())
    .bind(micros(warning.warned_at))
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn warnings_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
) -> Result<Vec<Warning>, StoreError> {
    let rows = sqlx::query(
        "select gateway_warning, top_up_id, warned_at from fraud_warnings
         where organization_id = $1 order by warned_at desc, gateway_warning",
    )
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Warning {
                gateway_warning: row.try_get("gateway_warning")?,
                top_up: id(row, "top_up_id")?,
                warned_at: time(row, "warned_at")?,
            })
        })
        .collect()
}

fn read(row: &AnyRow) -> Result<Dispute, StoreError> {
    let cents = |column: &str| row.try_get(column).map(Cents::new);
    Ok(Dispute {
        id: id(row, "id")?,
        top_up: id(row, "top_up_id")?,
        gateway_dispute: row.try_get("gateway_dispute")?,
        reason: row.try_get("reason")?,
        stage: stage(row)?,
        amount: cents("amount_cents")?,
        withdrawn: cents("withdrawn_cents")?,
        fee: cents("fee_cents")?,
        reversed: cents("reversed_cents")?,
        opened_at: time(row, "opened_at")?,
        released_at: optional_time(row, "released_at")?,
        movements: row.try_get("movement_count")?,
    })
}

fn stage(row: &AnyRow) -> Result<DisputeStage, StoreError> {
    let text: String = row.try_get("stage")?;
    DisputeStage::parse(&text)
        .ok_or_else(|| StoreError::Inconsistent(format!("dispute stage `{text}`")))
}

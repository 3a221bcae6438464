//! Cards that the gateway is to forget.
//!
//! A card stays attached to a customer at the gateway, and can be charged, until it is detached
//! there. So each one that may be attached and is not a saved card here is on a list, from before
//! it can come to that until the gateway has said that it is forgotten. Whatever is lost in
//! between, the list has it.
//!
//! | what happens | on the list |
//! | --- | --- |
//! | a card is about to be attached | before the gateway is asked; due in an hour |
//! | it is saved | no longer, in the same transaction |
//! | it is removed, or the same card is entered again | in the same transaction, due at once |
//! | it paid and is not kept, such as for want of room | in the credit's transaction, due at once |
//! | what paid is no card, such as Stripe's Link | the same |

use chrono::TimeDelta;
use sqlx::Row;
use types::ids::OrganizationId;
use types::time::Timestamp;

use super::gateway::{GatewayAccount, GatewayMethod};
use super::method::store::Owner;
use super::parse_stored;
use super::patience::Pause;
use crate::crash::{CrashPoint, reach};
use crate::db::{id, micros, time};
use crate::{Core, StoreError};

/// Far longer than saving a card takes: past that it was given up half-way.
const SAVING: TimeDelta = TimeDelta::hours(1);
/// Cards in one run.
const MOST_CARDS: i64 = 50;

/// Whether a card came on the list just now, or is there for a reason of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    Now,
    Before,
}

/// Writes down that a card is about to be attached.
pub(crate) async fn announce(
    core: &Core,
    owner: Owner<'_>,
    token: &GatewayMethod,
) -> Result<Announced, StoreError> {
    let now = core.now();
    let inserted = sqlx::query(
        "insert into gateway_detachments
             (gateway_account, gateway_method, organization_id, detach_at, created_at)
         values ($1, $2, $3, $4, $5)
         on conflict (gateway_account, gateway_method) do nothing",
    )
    .bind(owner.account.as_str())
    .bind(token.as_str())
    .bind(owner.organization.to_string())
    .bind(micros(now + SAVING))
    .bind(micros(now))
    .execute(core.db.writers())
    .await?;
    Ok(if inserted.rows_affected() == 1 {
        Announced::Now
    } else {
        Announced::Before
    })
}

/// The gateway did not attach it.
pub(crate) async fn withdraw(
    core: &Core,
    announced: Announced,
    token: &GatewayMethod,
) -> Result<(), StoreError> {
    match announced {
        Announced::Now => {
            let mut connection = core.db.writers().acquire().await?;
            cross_out_in(&mut connection, core.gateway.account(), token).await
        }
        Announced::Before => Ok(()),
    }
}

/// Brings the list in line with the saved cards, for a card that is or was attached: under the lock
/// of its organization's books, in the transaction that saved, replaced or removed it.
pub(crate) async fn note_in(
    connection: &mut ledger::Connection,
    owner: Owner<'_>,
    token: &GatewayMethod,
    now: Timestamp,
) -> Result<(), StoreError> {
    if is_saved_in(connection, owner.account, token).await? {
        return cross_out_in(connection, owner.account, token).await;
    }
    sqlx::query(
        "insert into gateway_detachments
             (gateway_account, gateway_method, organization_id, detach_at, created_at)
         values ($1, $2, $3, $4, $4)
         on conflict (gateway_account, gateway_method) do update
             set organization_id = excluded.organization_id, detach_at = excluded.detach_at",
    )
    .bind(owner.account.as_str())
    .bind(token.as_str())
    .bind(owner.organization.to_string())
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Asks the gateway to forget a card that is on the list, and whether it has. If it does not
/// answer, the list has the card for later.
pub(crate) async fn detach(core: &Core, token: &GatewayMethod) -> Result<bool, StoreError> {
    if let Err(error) = core.gateway.detach(token).await {
        tracing::warn!(%error, "the gateway does not forget a card yet");
        return Ok(false);
    }
    reach(CrashPoint::RemovalAfterCall);
    let mut connection = core.db.writers().acquire().await?;
    cross_out_in(&mut connection, core.gateway.account(), token).await?;
    Ok(true)
}

/// The same for every card whose time has come; returns how many are forgotten.
pub(crate) async fn detach_due(core: &Core) -> Result<usize, StoreError> {
    let mut forgotten = 0;
    for due in due(core).await? {
        if claim(core, &due).await? && detach(core, &due.token).await? {
            forgotten += 1;
        }
    }
    Ok(forgotten)
}

struct Due {
    token: GatewayMethod,
    organization: OrganizationId,
    created_at: Timestamp,
}

async fn due(core: &Core) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query(
        "select gateway_method, organization_id, created_at from gateway_detachments
         where gateway_account = $1 and detach_at <= $2
         order by detach_at limit $3",
    )
    .bind(core.gateway.account().as_str())
    .bind(micros(core.now()))
    .bind(MOST_CARDS)
    .fetch_all(core.db.readers())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Due {
                token: parse_stored(&row.try_get::<String, _>("gateway_method")?)?,
                organization: id(row, "organization_id")?,
                created_at: time(row, "created_at")?,
            })
        })
        .collect()
}

/// Takes a card's turn, so that no other process asks at the same time. False when another did, or
/// when the card is saved after all, by whomever.
async fn claim(core: &Core, due: &Due) -> Result<bool, StoreError> {
    let (account, now) = (core.gateway.account(), core.now());
    let pause = Pause::CARDS.at_age(now - due.created_at);
    let mut tx = core.db.begin().await?;
    ledger::lock_books_in(&mut tx, due.organization).await?;
    let is_ours = if is_saved_in(&mut tx, account, &due.token).await? {
        cross_out_in(&mut tx, account, &due.token).await?;
        false
    } else {
        let claimed = sqlx::query(
            "update gateway_detachments set detach_at = $1
             where gateway_account = $2 and gateway_method = $3 and detach_at <= $4",
        )
        .bind(micros(now + pause))
        .bind(account.as_str())
        .bind(due.token.as_str())
        .bind(micros(now))
        .execute(&mut *tx)
        .await?;
        claimed.rows_affected() == 1
    };
    tx.commit().await?;
    Ok(is_ours)
}

async fn is_saved_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    token: &GatewayMethod,
) -> Result<bool, StoreError> {
    let saved: i64 = sqlx::query_scalar(
        "select count(*) from payment_methods
         where gateway_account = $1 and gateway_method = $2 and removed_at is null",
    )
    .bind(account.as_str())
    .bind(token.as_str())
    .fetch_one(connection)
    .await?;
    Ok(saved > 0)
}

async fn cross_out_in(
    connection: &mut ledger::Connection,
    account: &GatewayAccount,
    token: &GatewayMethod,
) -> Result<(), StoreError> {
    sqlx::query(
        "delete from gateway_detachments where gateway_account = $1 and gateway_method = $2",
    )
    .bind(account.as_str())
    .bind(token.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

//! Making the gateway's word on a dispute durable: what changed is posted, oldest dispute first.
//!
//! Order: the organization's books are locked first, then the disputes are read.

use chrono::TimeDelta;
use ledger::{Batch, Source};
use types::ids::{BatchId, DisputeId, OrganizationId, TopUpId};
use types::money::{Cents, Money, MoneyError};

use super::share::reversals;
use super::store::{self, CameTo, Dispute};
use crate::payments::gateway::{DisputeWord, GatewayError};
use crate::posting_rules::dispute::{Change, movement};
use crate::refunds::{bought_in, lot_of};
use crate::top_up::pending::{Noticed, find_payment_in};
use crate::top_up::settle;
use crate::{Core, StoreError};

/// A card's owner has 120 days, and the bank takes weeks.
const LOOK_BACK: TimeDelta = TimeDelta::days(240);
/// Of a hundred disputes each: one run ends, and what is newest was looked at.
const MOST_PAGES: u32 = 100;

/// What is withdrawn and kept for a dispute by the gateway's newest word.
struct Newest {
    dispute: DisputeId,
    withdrawn: Cents,
    fee: Cents,
}

/// Makes the gateway's word on a dispute of `top_up`, which was paid, durable.
pub(crate) async fn take_in(
    connection: &mut ledger::Connection,
    core: &Core,
    organization: OrganizationId,
    top_up: TopUpId,
    word: &DisputeWord,
) -> Result<(), StoreError> {
    let mut books = ledger::lock_books_in(connection, organization).await?;
    let owner = (organization, top_up);
    let account = core.gateway.account();
    let put = store::put_in(connection, owner, account, word, core.now()).await?;
    let Some(dispute) = put else { return Ok(()) };
    let newest = Newest {
        dispute,
        withdrawn: word.withdrawn,
        fee: word.fee,
    };
    post_in(connection, core, &mut books, owner, Some(&newest)).await?;
    store::sum_up_in(connection, organization, top_up).await
}

/// Shares again between refunds and disputes what was taken back of a top-up, after a refund of it
/// was made or has failed.
pub(crate) async fn rebalance_in(
    connection: &mut ledger::Connection,
    core: &Core,
    books: &mut ledger::Books,
    (organization, top_up): (OrganizationId, TopUpId),
) -> Result<(), StoreError> {
    post_in(connection, core, books, (organization, top_up), None).await
}

async fn post_in(
    connection: &mut ledger::Connection,
    core: &Core,
    books: &mut ledger::Books,
    (organization, top_up): (OrganizationId, TopUpId),
    newest: Option<&Newest>,
) -> Result<(), StoreError> {
    let disputed = store::disputed_in(connection, organization, top_up).await?;
    let of = |dispute: &Dispute| newest.filter(|newest| newest.dispute == dispute.id);
    let withdrawn: Vec<i64> = disputed
        .disputes
        .iter()
        .map(|dispute| of(dispute).map_or(dispute.withdrawn, |newest| newest.withdrawn))
        .map(Cents::get)
        .collect();
    let (paid, refunded) = (disputed.paid.get(), disputed.refunded.get());
    let reversed = reversals(paid, refunded, &withdrawn);
    let came_to: Vec<CameTo> = (disputed.disputes.iter().zip(withdrawn).zip(reversed))
        .map(|((dispute, withdrawn), reversed)| CameTo {
            withdrawn,
            fee: of(dispute).map_or(dispute.fee, |newest| newest.fee).get(),
            reversed,
        })
        .collect();
    for (dispute, came_to) in disputed.disputes.iter().zip(&came_to) {
        let change = change(dispute, came_to)?;
        if !change.is_nothing() {
            move_in(connection, core, books, (organization, dispute), change).await?;
            store::set_posted_in(connection, dispute, came_to, core.now()).await?;
        }
    }
    Ok(())
}

fn change(dispute: &Dispute, came_to: &CameTo) -> Result<Change, MoneyError> {
    let money = |now: i64, before: Cents| Cents::new(now).money()?.minus(before.money()?);
    Ok(Change {
        withdrawn: money(came_to.withdrawn, dispute.withdrawn)?,
        fee: money(came_to.fee, dispute.fee)?,
        reversed: money(came_to.reversed, dispute.reversed)?,
    })
}

async fn move_in(
    connection: &mut ledger::Connection,
    core: &Core,
    books: &mut ledger::Books,
    (organization, dispute): (OrganizationId, &Dispute),
    change: Change,
) -> Result<(), StoreError> {
    let now = core.now();
    let lot = lot_of(dispute.top_up);
    // Bought credit alone: what was given is not taken for what was paid.
    let bought = bought_in(connection, organization, lot).await?;
    let movement = movement(organization, &bought, lot, change)?;
    let batch = Batch {
        id: BatchId::generate(),
        source: source(dispute, change.withdrawn),
        code: "dispute",
        transfers: movement.transfers,
        opens: movement.opens,
        booked_at: now,
    };
    ledger::post_in(connection, books, &batch, now).await?;
    // Under the lock of the books nobody sees the old balance again.
    core.holds.gate.forget(organization);
    tracing::warn!(dispute = %dispute.id, top_up = %dispute.top_up, source = batch.source.as_str(),
        "a dispute moved money");
    Ok(())
}

/// `dispute:<id>:withdrawn`, `:reinstated` or `:adjusted`; from its second movement on with the
/// number of it, as no two sources are the same.
fn source(dispute: &Dispute, withdrawn: Money) -> Source {
    let verb = if withdrawn.is_positive() {
        "withdrawn"
    } else if withdrawn.is_negative() {
        "reinstated"
    } else {
        "adjusted"
    };
    let id = dispute.id;
    match dispute.movements {
        0 => Source::new("dispute", format!("{id}:{verb}")),
        before => Source::new("dispute", format!("{id}:{verb}:{}", before + 1)),
    }
}

/// See [`super::Disputes::sweep`].
pub(super) async fn sweep(core: &Core) -> Result<usize, StoreError> {
    let since = core.now() - LOOK_BACK;
    let (mut taken, mut after) = (0, None);
    for _ in 0..MOST_PAGES {
        let page = match core.gateway.list_disputes(since, after).await {
            Ok(page) => page,
            // What was listed before is taken up.
            Err(error) => {
                tracing::warn!(%error, "the gateway does not list its disputes");
                return Ok(taken);
            }
        };
        for word in &page.items {
            match sweep_one(core, word).await {
                Ok(is_ours) => taken += usize::from(is_ours),
                Err(error) => {
                    tracing::error!(dispute = %word.dispute, %error, "a dispute cannot be taken up");
                }
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(taken);
        }
    }
    tracing::warn!("older disputes are not looked at: the gateway has more than one run reads");
    Ok(taken)
}

/// Why a dispute was not taken up: the next run tries again.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Settle(#[from] settle::SettleError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether it is about a payment of ours.
async fn sweep_one(core: &Core, word: &DisputeWord) -> Result<bool, SweepError> {
    let Some(intent) = &word.intent else {
        return Ok(false);
    };
    let account = core.gateway.account();
    let mut connection = core
        .db
        .readers()
        .acquire()
        .await
        .map_err(StoreError::from)?;
    // Nearly all of them: nothing is asked or written again for what is known.
    if store::is_known_in(&mut connection, account, word).await? {
        return Ok(true);
    }
    let noticed = find_payment_in(&mut connection, account, intent, None).await?;
    drop(connection);
    let Some(Noticed::Payment(payment)) = noticed else {
        return Ok(false);
    };
    let outcome = core.gateway.find_intent(intent).await?;
    let mut tx = core.db.begin().await?;
    let settled = settle::settle_in(&mut tx, core, payment, &outcome).await?;
    let top_up = crate::top_up::store::get_by_payment_in(&mut tx, payment).await?;
    take_in(&mut tx, core, top_up.organization, top_up.id, word).await?;
    tx.commit().await.map_err(StoreError::from)?;
    settle::count(settled);
    Ok(true)
}

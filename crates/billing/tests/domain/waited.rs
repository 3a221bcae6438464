//! Calls that wait for the books while time goes by: what they say is what is true once they have
//! them.

use std::time::Duration;

use billing::credits::{Expiry, NewGrant};
use billing::{HoldState, Problem};
use sqlx::{AnyConnection, Connection, Executor};

use crate::credits::{dollars, gift};
use crate::gateway_side::VISA;
use crate::holds::{balances, capture, funded, open, release, request, used};
use crate::refunds::asking;
use crate::world::{World, event};

const MINUTE: Duration = Duration::from_secs(60);
/// Until a call that was started waits for the books.
const SOON: Duration = Duration::from_millis(200);

/// Somebody else has the books while `call` waits for them, and so much time goes by.
async fn late_by<T: Send + 'static>(
    world: &World,
    waited: Duration,
    call: impl Future<Output = T> + Send + 'static,
) -> T {
    let mut other = AnyConnection::connect(world.database_url()).await.unwrap();
    let mut lock = other.begin().await.unwrap();
    lock.execute("update books set batch_count = batch_count")
        .await
        .unwrap();
    let call = tokio::spawn(call);
    tokio::time::sleep(SOON).await;
    assert!(!call.is_finished(), "it did not wait for the books");
    world.clock.advance(waited);
    lock.rollback().await.unwrap();
    other.close().await.unwrap();
    call.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_granted_at_the_price_that_it_is_charged_by() {
    let world = funded().await;
    let dearer = billing::rates::SEED_JSON.replace("\"0.60\"", "\"6.00\"");
    let then = world.billing.now() + MINUTE;
    world.billing.rates().load(&dearer, then).await.unwrap();
    // The writer is at work and knows of both prices.
    let usage = world.billing.usage();
    usage.ingest(&world.caller, vec![event("0")]).await.unwrap();
    let before = open(&world, request()).await;
    assert_eq!(before.amount.dollars().exact(), "0.0000432");

    let (holds, caller) = (world.billing.holds(), world.caller);
    let opening = async move { holds.open(&caller, request()).await };
    let hold = late_by(&world, MINUTE, opening).await.unwrap();
    assert_eq!(hold.created_at, then);
    assert_eq!(hold.amount.dollars().exact(), "0.0002808");
    for (hold, cost) in [(hold, "0.0002808"), (before, "0.0000432")] {
        let captured = capture(&world, hold.id, used(112, 44)).await.unwrap();
        let HoldState::Captured { cost: charged, .. } = captured.state else {
            panic!("{captured:?}")
        };
        assert_eq!(charged.dollars().exact(), cost);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_is_given_when_the_books_are_there_and_not_before() {
    let world = World::new().await;
    let organization = world.owner.organization;
    let half_way = world.billing.now() + MINUTE;
    let credits = world.billing.credits();
    let giving = async move { credits.grant(organization, gift("late", dollars(1))).await };
    let given = late_by(&world, 2 * MINUTE, giving).await.unwrap();
    assert_eq!(given.granted_at, world.billing.now());
    let prepaid = world.billing.prepaid();
    let balance = prepaid.balance_at(organization, half_way).await.unwrap();
    assert!(balance.posted().unwrap().is_zero(), "what was told changed");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_that_expires_while_a_refund_waits_is_not_there_to_cover_what_is_held() {
    let world = World::new().await;
    let top_up = world.top_up(500, VISA).await.id;
    let organization = world.owner.organization;
    let grant = NewGrant {
        expiry: Expiry::At(world.billing.now() + MINUTE),
        ..gift("soon", dollars(1))
    };
    let credits = world.billing.credits();
    credits.grant(organization, grant).await.unwrap();
    let hold = open(&world, request()).await;

    let (refunds, viewer) = (world.billing.refunds(), world.owner.clone());
    let asking_for_all = async move { refunds.request(&viewer, asking(top_up, 500)).await };
    let refused = late_by(&world, MINUTE, asking_for_all).await.unwrap_err();
    assert_eq!(refused.code(), "above_unused");
    release(&world, hold.id).await.unwrap();
    credits.expire_due().await.unwrap();
    assert_eq!(balances(&world).await, ["5.00", "0.00", "5.00"]);
    world.finish().await;
}

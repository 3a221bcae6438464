//! Two processes on one database and one gateway: whoever is first settles, and the other finds it
//! done.

use std::time::Duration;

use billing::{Billing, Received, StartTopUp};
use futures::future::{join, join_all};
use types::ids::TopUpId;
use types::money::Cents;
use types::top_up::{PayWith, TopUpState};

use crate::gateway_side::{
    ASKS, VISA, another_process, attached, break_answers, deliver, heal, notice_of, notices_of,
    statuses,
};
use crate::world::World;

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn what_both_hear_and_ask_about_at_once_is_credited_once() {
    let world = World::with_gateway_timeout(Duration::from_secs(3)).await;
    let other = another_process(&world).await;
    let mut top_ups = Vec::new();
    for _ in 0..2 {
        let token = world.token(VISA).await;
        break_answers(&world, "answer_slow", "/v1/payment_intents").await;
        top_ups.push(world.top_up_with(1_000, &token).await);
        heal(&world).await;
    }
    let told = notices_of(&world, "payment_intent.succeeded").await;
    world.clock.advance(2 * DAY);
    let busy = async |billing: &Billing| {
        let reconciled = async { billing.reconciliation().settle_pending().await.unwrap() };
        let received = join_all(told.iter().map(async |notice| {
            let body = notice.to_string();
            deliver(&world, billing, &world.settings, body.as_bytes()).await
        }));
        let (_, received) = join(reconciled, received).await;
        received
    };
    let (ours, theirs) = join(busy(&world.billing), busy(&other)).await;
    for (ours, theirs) in ours.into_iter().zip(theirs) {
        let both = [ours.unwrap(), theirs.unwrap()];
        assert!(both.contains(&Received::Applied), "{both:?}");
        assert!(both.contains(&Received::AlreadyApplied), "{both:?}");
    }
    for top_up in &top_ups {
        let found = other.top_ups().find(&world.owner, top_up.id).await;
        let state = found.unwrap().unwrap().state;
        assert!(matches!(state, TopUpState::Succeeded { .. }), "{state:?}");
    }
    assert_eq!(world.charged_cents().await, [1_000, 1_000]);
    assert_eq!(world.balance().await, "20.00");
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn the_same_click_at_both_is_one_charge() {
    let world = World::new().await;
    let other = another_process(&world).await;
    let request = StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(2_500),
        pay_with: PayWith::NewCard(world.token(VISA).await),
    };
    let clicks = (0..20).map(|click| {
        let billing = if click % 2 == 0 {
            &world.billing
        } else {
            &other
        };
        let (top_ups, request) = (billing.top_ups(), request.clone());
        let owner = &world.owner;
        async move { top_ups.start(owner, request).await }
    });
    for click in join_all(clicks).await {
        assert_eq!(click.unwrap().id, request.id);
    }
    assert_eq!(world.charged_cents().await, [2_500]);
    assert_eq!(world.balance().await, "25.00");
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn the_same_card_saved_at_both_is_one_card() {
    let world = World::new().await;
    let other = another_process(&world).await;
    let tokens = [world.token(VISA).await, world.token(VISA).await];
    let (ours, theirs) = (world.billing.payment_methods(), other.payment_methods());
    let (one, two) = join(
        ours.add(&world.owner, &tokens[0]),
        theirs.add(&world.owner, &tokens[1]),
    )
    .await;
    assert_eq!(one.unwrap().id, two.unwrap().id);
    let (ours, theirs) = (world.billing.housekeeping(), other.housekeeping());
    let (ours, theirs) = join(ours.run(), theirs.run()).await;
    assert_eq!(ours.unwrap().cards + theirs.unwrap().cards, 1);
    assert_eq!(attached(&world).await.len(), 1);
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn a_payment_that_both_give_up_is_cancelled_once() {
    let world = World::new().await;
    let other = another_process(&world).await;
    world.top_up(2_500, ASKS).await;
    world.clock.advance(DAY);
    let (ours, theirs) = (world.billing.reconciliation(), other.reconciliation());
    let (ours, theirs) = join(ours.settle_pending(), theirs.settle_pending()).await;
    assert_eq!(ours.unwrap().settled + theirs.unwrap().settled, 1);
    assert_eq!(statuses(&world).await, ["canceled"]);
    notice_of(&world, "payment_intent.canceled").await;
    other.close().await;
    world.finish().await;
}

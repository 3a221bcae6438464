//! Payments that wait for a person at the bank's page, and what ends them.

use std::time::Duration;

use sqlx::{AnyConnection, Connection};
use types::top_up::{TopUpState, TopUpView};

use crate::gateway_side::{ASKS, break_answers, heal, notice_of, statuses, tell};
use crate::world::{World, confirm};

const HOUR: Duration = Duration::from_secs(3_600);

async fn asked(world: &World) -> (TopUpView, String) {
    let top_up = world.top_up(2_500, ASKS).await;
    let TopUpState::RequiresAction { url: Some(url) } = &top_up.state else {
        panic!("{top_up:?}");
    };
    let url = url.clone();
    (top_up, url)
}

async fn reconcile(world: &World) {
    let done = world.billing.reconciliation().settle_pending().await;
    done.unwrap();
}

async fn state(world: &World, top_up: &TopUpView) -> TopUpState {
    let found = world.billing.top_ups().find(&world.owner, top_up.id).await;
    found.unwrap().unwrap().state
}

#[tokio::test]
async fn a_payment_that_nobody_confirms_is_cancelled_after_a_day() {
    let world = World::new().await;
    let (top_up, _) = asked(&world).await;
    for _ in 0..23 {
        world.clock.advance(HOUR);
        reconcile(&world).await;
        assert_eq!(statuses(&world).await, ["requires_action"]);
    }
    world.clock.advance(HOUR);
    reconcile(&world).await;
    assert_eq!(statuses(&world).await, ["canceled"]);
    assert_eq!(state(&world, &top_up).await, TopUpState::Canceled);
    assert_eq!(world.balance().await, "0.00");
    // The gateway's own notice of it changes nothing any more.
    let notice = notice_of(&world, "payment_intent.canceled").await;
    tell(&world, &notice).await.unwrap();
    assert_eq!(state(&world, &top_up).await, TopUpState::Canceled);
    world.finish().await;
}

#[tokio::test]
async fn whoever_confirms_before_it_is_cancelled_has_paid() {
    let world = World::new().await;
    let (top_up, url) = asked(&world).await;
    confirm(&url, "approve").await;
    world.clock.advance(48 * HOUR);
    reconcile(&world).await;
    assert_eq!(statuses(&world).await, ["succeeded"]);
    let state = state(&world, &top_up).await;
    assert!(matches!(state, TopUpState::Succeeded { .. }), "{state:?}");
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn the_day_begins_when_the_bank_asked_and_not_when_it_was_last_looked_at() {
    let world = World::new().await;
    // The answer is lost, so that it is heard of only an hour later.
    let token = world.token(ASKS).await;
    break_answers(&world, "answer_lost_before", "/v1/payment_intents").await;
    let top_up = world.top_up_with(2_500, &token).await;
    assert_eq!(top_up.state, TopUpState::Processing);
    heal(&world).await;
    world.clock.advance(HOUR);
    reconcile(&world).await;
    assert_eq!(statuses(&world).await, ["requires_action"]);
    for _ in 0..23 {
        world.clock.advance(HOUR);
        reconcile(&world).await;
    }
    assert_eq!(statuses(&world).await, ["requires_action"]);
    world.clock.advance(HOUR);
    reconcile(&world).await;
    assert_eq!(statuses(&world).await, ["canceled"]);
    world.finish().await;
}

#[tokio::test]
async fn a_page_of_the_bank_that_moves_does_not_begin_the_day_anew() {
    let world = World::new().await;
    asked(&world).await;
    world.clock.advance(23 * HOUR);
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let moved = "update top_ups set action_url = 'https://bank.example/old'";
    sqlx::query(moved).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    reconcile(&world).await;
    world.clock.advance(HOUR);
    reconcile(&world).await;
    assert_eq!(statuses(&world).await, ["canceled"]);
    world.finish().await;
}

#[tokio::test]
async fn a_cancellation_whose_answer_is_lost_is_asked_for_again() {
    let world = World::new().await;
    let (top_up, url) = asked(&world).await;
    world.clock.advance(24 * HOUR);
    break_answers(&world, "answer_lost_before", "/v1/payment_intents").await;
    reconcile(&world).await;
    assert_eq!(statuses(&world).await, ["requires_action"]);
    assert_eq!(
        state(&world, &top_up).await,
        TopUpState::RequiresAction { url: Some(url) }
    );
    heal(&world).await;
    break_answers(&world, "answer_lost_after", "/v1/payment_intents").await;
    world.clock.advance(HOUR);
    reconcile(&world).await;
    assert_eq!(statuses(&world).await, ["canceled"]);
    heal(&world).await;
    world.clock.advance(HOUR);
    reconcile(&world).await;
    assert_eq!(state(&world, &top_up).await, TopUpState::Canceled);
    assert_eq!(world.balance().await, "0.00");
    world.finish().await;
}

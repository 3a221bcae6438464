//! Refunds whose answer is lost, and what is under way meanwhile.

use std::time::Duration;

use billing::{OpenHold, OperatorRefund, Problem, RefundError};
use types::money::Cents;
use types::refund::{RefundOffer, RefundRefusal, RefundState, RefundView};

use crate::credits::{DAY, costly};
use crate::gateway_side::{VISA, break_answers, heal, notices_of, tell};
use crate::holds::{open, request};
use crate::refunds::asking;
use crate::world::World;

/// Shorter than an answer that is slow takes.
const TIMEOUT: Duration = Duration::from_secs(2);

async fn found(world: &World, refund: &RefundView) -> RefundState {
    let organization = world.owner.organization;
    let found = world.billing.refunds().find(organization, refund.id).await;
    found.unwrap().unwrap().state
}

#[tokio::test]
async fn a_lost_request_leaves_the_credit_out_until_the_gateway_is_asked_again() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    break_answers(&world, "answer_lost_before", "/v1/refunds").await;
    let refund = world.ask(&asking(top_up, 2_000)).await.unwrap();
    assert_eq!(refund.state, RefundState::Processing);
    assert_eq!(world.balance().await, "5.00");
    // It can neither be asked for twice nor be used.
    assert_eq!(world.offer(top_up).await.most(), Some(Cents::new(500)));
    // Too young to be asked about, then asked in vain.
    assert_eq!(world.billing.refunds().ask_due().await.unwrap().asked, 0);
    world.clock.advance(Duration::from_secs(11));
    let asked = world.billing.refunds().ask_due().await.unwrap();
    assert_eq!((asked.asked, asked.failed), (1, 1));
    heal(&world).await;
    world.clock.advance(Duration::from_secs(60));
    world.billing.refunds().ask_due().await.unwrap();
    assert_eq!(found(&world, &refund).await, RefundState::Succeeded);
    assert_eq!(world.refunds_at_gateway().await.len(), 1);
    assert_eq!(world.balance().await, "5.00");
    world.finish().await;
}

#[tokio::test]
async fn a_silent_gateway_is_asked_about_one_refund_and_the_others_keep_their_turn() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    world.stop_gateway();
    for cents in [700, 800] {
        let refund = world.ask(&asking(top_up, cents)).await.unwrap();
        assert_eq!(refund.state, RefundState::Processing);
    }
    world.clock.advance(Duration::from_secs(11));
    // The second of them was not asked about, and so is due in the next round.
    for asked in [1, 1, 0] {
        let round = world.billing.refunds().ask_due().await.unwrap();
        assert_eq!((round.asked, round.failed), (asked, asked));
    }
    world.finish().await;
}

#[tokio::test]
async fn a_notice_settles_a_refund_whose_answer_was_lost() {
    let world = World::with_gateway_timeout(TIMEOUT).await;
    let top_up = world.top_up(2_500, VISA).await.id;
    break_answers(&world, "answer_slow", "/v1/refunds").await;
    let refund = world.ask(&asking(top_up, 2_000)).await.unwrap();
    heal(&world).await;
    let told = notices_of(&world, "refund.created").await;
    for notice in told.iter().chain(&told) {
        tell(&world, notice).await.unwrap();
    }
    assert_eq!(found(&world, &refund).await, RefundState::Succeeded);
    assert_eq!(world.refunds_at_gateway().await.len(), 1);
    assert_eq!(world.balance().await, "5.00");
    world.finish().await;
}

#[tokio::test]
async fn a_refund_that_never_arrived_gives_its_credit_back_after_a_day() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    break_answers(&world, "answer_lost_before", "/v1/refunds").await;
    let refund = world.ask(&asking(top_up, 2_000)).await.unwrap();
    heal(&world).await;
    // The key may be forgotten by now: it is not used again, and our mark is looked for.
    world.clock.advance(DAY + Duration::from_secs(1));
    world.billing.refunds().ask_due().await.unwrap();
    assert_eq!(found(&world, &refund).await, RefundState::Failed);
    assert!(world.refunds_at_gateway().await.is_empty());
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_refund_that_was_never_asked_for_is_sent_however_old_it_is() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    let refunds = world.billing.refunds();
    let organization = world.owner.organization;
    let request = OperatorRefund {
        key: "ticket-7".to_owned(),
        top_up,
        amount: Cents::new(700),
        reason: "Goodwill".to_owned(),
    };
    // The server that would ask the gateway is down for two days.
    let asked = refunds.request_as_operator(organization, request).await;
    let asked = asked.unwrap();
    world.clock.advance(2 * DAY);
    // Its first answer is lost: from here on the key has an age.
    break_answers(&world, "answer_lost_before", "/v1/refunds").await;
    refunds.ask_due().await.unwrap();
    heal(&world).await;
    assert_eq!(found(&world, &asked).await, RefundState::Processing);
    world.clock.advance(DAY - Duration::from_secs(2 * 3_600));
    refunds.ask_due().await.unwrap();
    assert_eq!(found(&world, &asked).await, RefundState::Succeeded);
    assert_eq!(world.refunds_at_gateway().await.len(), 1);
    assert_eq!(world.balance().await, "18.00");
    world.finish().await;
}

#[tokio::test]
async fn a_refund_that_arrived_is_found_by_our_mark_after_a_day() {
    let world = World::with_gateway_timeout(TIMEOUT).await;
    let top_up = world.top_up(2_500, VISA).await.id;
    break_answers(&world, "answer_slow", "/v1/refunds").await;
    let refund = world.ask(&asking(top_up, 2_000)).await.unwrap();
    heal(&world).await;
    world.clock.advance(DAY + Duration::from_secs(1));
    world.billing.refunds().ask_due().await.unwrap();
    assert_eq!(found(&world, &refund).await, RefundState::Succeeded);
    assert_eq!(world.refunds_at_gateway().await.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn what_is_held_for_a_running_request_is_not_given_back() {
    let world = World::new().await;
    let top_up = world.top_up(500, VISA).await.id;
    // Three requests that may cost $1.50 each are running.
    for _ in 0..3 {
        let request = OpenHold {
            input_tokens: 10_000_000,
            max_output_tokens: Some(1),
            ..request()
        };
        open(&world, request).await;
    }
    assert_eq!(world.offer(top_up).await.most(), Some(Cents::new(49)));
    let refused = world.ask(&asking(top_up, 500)).await.unwrap_err();
    assert!(matches!(refused, RefundError::AboveUnused { most } if most == Cents::new(49)));
    world.ask(&asking(top_up, 49)).await.unwrap();
    let why = RefundRefusal::Held;
    assert_eq!(world.offer(top_up).await, RefundOffer::Refused { why });
    let refused = world.ask(&asking(top_up, 1)).await.unwrap_err();
    assert_eq!(refused.code(), "credit_held");
    world.finish().await;
}

#[tokio::test]
async fn usage_that_comes_in_while_a_refund_is_under_way_is_owed() {
    let world = World::new().await;
    let top_up = world.top_up(500, VISA).await.id;
    break_answers(&world, "answer_lost_before", "/v1/refunds").await;
    let refund = world.ask(&asking(top_up, 500)).await.unwrap();
    world.use_up(vec![costly("meanwhile")]).await;
    assert_eq!(world.balance().await, "-1.50");
    heal(&world).await;
    world.clock.advance(Duration::from_secs(11));
    world.billing.refunds().ask_due().await.unwrap();
    assert_eq!(found(&world, &refund).await, RefundState::Succeeded);
    assert_eq!(world.balance().await, "-1.50");
    world.finish().await;
}

//! Notices of the gateway: repeated, early, reordered, late, about nothing of ours, about other
//! money, and not to be read at all.

use std::time::Duration;

use billing::{GatewayEventError, Problem, ProblemKind, Received, Reconciled, StartTopUp};
use serde_json::Value;
use sqlx::{AnyConnection, Connection};
use types::ids::TopUpId;
use types::money::Cents;
use types::refund::Aftermath;
use types::top_up::{PayWith, TopUpState, TopUpView};

use crate::gateway_side::{
    ASKS, VISA, break_answers, deliver, heal, notice_of, notices, notices_of, tell,
};
use crate::world::{World, confirm};

pub const SUCCEEDED: &str = "payment_intent.succeeded";
const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn now(world: &World, top_up: TopUpId) -> TopUpView {
    let found = world.billing.top_ups().find(&world.owner, top_up).await;
    found.unwrap().unwrap()
}

/// A top-up whose answer does not come in time, though the card was charged.
async fn charged_unheard(world: &World) -> TopUpView {
    let token = world.token(VISA).await;
    break_answers(world, "answer_slow", "/v1/payment_intents").await;
    let top_up = world.top_up_with(2_500, &token).await;
    heal(world).await;
    assert_eq!(top_up.state, TopUpState::Processing);
    top_up
}

/// Pays at the gateway without us, marked as if it were for a top-up of ours.
pub async fn pay_behind_our_back(world: &World, cents: &str, top_up: &str) {
    let form = [
        ("amount", cents),
        ("currency", "usd"),
        ("confirm", "true"),
        ("payment_method", "pm_card_visa"),
        ("payment_method_types[]", "card"),
        ("metadata[top_up_id]", top_up),
    ];
    world.post_to_gateway("/v1/payment_intents", &form).await;
}

/// What the database keeps of a notice.
pub async fn recorded(world: &World, notice: &str) -> Option<String> {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let outcome = sqlx::query_scalar("select outcome from gateway_events where id = $1")
        .bind(notice)
        .fetch_optional(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    outcome
}

pub fn id(notice: &Value) -> &str {
    notice["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_notice_that_is_quicker_than_the_answer_credits_and_the_rest_find_it_done() {
    let world = World::with_gateway_timeout(Duration::from_secs(3)).await;
    let top_up = charged_unheard(&world).await;
    let notice = notice_of(&world, SUCCEEDED).await;
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Applied);
    assert_eq!(world.balance().await, "25.00");
    // Again by the gateway, and by our own asking.
    for _ in 0..2 {
        let again = tell(&world, &notice).await.unwrap();
        assert_eq!(again, Received::AlreadyApplied);
    }
    world.clock.advance(Duration::from_secs(60));
    let reconciliation = world.billing.reconciliation();
    let nothing = reconciliation.settle_pending().await.unwrap();
    assert_eq!(nothing, Reconciled::default());
    let after = now(&world, top_up.id).await;
    assert!(matches!(after.state, TopUpState::Succeeded { .. }));
    assert_eq!(world.balance().await, "25.00");
    assert_eq!(world.charged_cents().await, [2_500]);
    world.finish().await;
}

#[tokio::test]
async fn notices_in_any_order_lead_to_the_same_state() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, ASKS).await;
    let TopUpState::RequiresAction { url: Some(url) } = &top_up.state else {
        panic!("{top_up:?}");
    };
    confirm(url, "approve").await;
    // Newest first: that it succeeded, then that it asks, then that it was made.
    let mut told = notices(&world).await;
    told.reverse();
    for notice in &told {
        let is_ours = notice["type"]
            .as_str()
            .unwrap()
            .starts_with("payment_intent.");
        let expected = if is_ours {
            Received::Applied
        } else {
            Received::Ignored
        };
        assert_eq!(tell(&world, notice).await.unwrap(), expected, "{notice}");
        if notice["type"] == SUCCEEDED {
            assert_eq!(world.balance().await, "25.00");
        }
    }
    let after = now(&world, top_up.id).await;
    assert!(matches!(after.state, TopUpState::Succeeded { .. }));
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn money_that_arrives_after_the_top_up_failed_is_credited() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, "4000000000000002").await;
    assert!(matches!(top_up.state, TopUpState::Failed { .. }));
    let failed = notice_of(&world, "payment_intent.payment_failed").await;
    let intent = failed["data"]["object"]["id"].as_str().unwrap();
    let path = format!("/v1/payment_intents/{intent}/confirm");
    let form = [
        ("payment_method", "pm_card_visa"),
        ("return_url", "http://127.0.0.1/"),
    ];
    world.post_to_gateway(&path, &form).await;
    let notice = notice_of(&world, SUCCEEDED).await;
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Applied);
    // The older word comes last and changes nothing.
    assert_eq!(tell(&world, &failed).await.unwrap(), Received::Applied);
    let after = now(&world, top_up.id).await;
    assert!(matches!(after.state, TopUpState::Succeeded { .. }));
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_notice_about_nothing_of_ours_is_recorded_and_changes_nothing() {
    let world = World::new().await;
    let nobodys = TopUpId::generate().to_string();
    for mark in ["", "nonsense", &nobodys] {
        pay_behind_our_back(&world, "2500", mark).await;
    }
    let told = notices_of(&world, SUCCEEDED).await;
    assert_eq!(told.len(), 3);
    for notice in &told {
        assert_eq!(tell(&world, notice).await.unwrap(), Received::Ignored);
        let again = tell(&world, notice).await.unwrap();
        assert_eq!(again, Received::AlreadyApplied);
        let outcome = recorded(&world, id(notice)).await;
        assert_eq!(outcome.as_deref(), Some("ignored"));
    }
    assert_eq!(world.balance().await, "0.00");
    world.finish().await;
}

#[tokio::test]
async fn a_second_charge_for_one_top_up_is_an_alarm_and_no_credit() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await;
    let own = notice_of(&world, SUCCEEDED).await;
    pay_behind_our_back(&world, "2500", &top_up.id.to_string()).await;
    let mut told = notices_of(&world, SUCCEEDED).await;
    let second = told.pop().unwrap();
    assert_ne!(id(&own), id(&second));
    assert_eq!(tell(&world, &second).await.unwrap(), Received::Conflicting);
    assert_eq!(tell(&world, &own).await.unwrap(), Received::Applied);
    let outcome = recorded(&world, id(&second)).await;
    assert_eq!(outcome.as_deref(), Some("conflicting"));
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_charge_of_another_amount_is_an_alarm_and_no_credit() {
    let world = World::with_gateway_timeout(Duration::from_secs(3)).await;
    let token = world.token(VISA).await;
    break_answers(&world, "answer_lost_before", "/v1/payment_intents").await;
    let top_up = world.top_up_with(2_500, &token).await;
    heal(&world).await;
    pay_behind_our_back(&world, "9900", &top_up.id.to_string()).await;
    let notice = notice_of(&world, SUCCEEDED).await;
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Conflicting);
    let again = tell(&world, &notice).await.unwrap();
    assert_eq!(again, Received::AlreadyApplied);
    assert_eq!(world.balance().await, "0.00");
    assert_eq!(now(&world, top_up.id).await.state, TopUpState::Processing);
    // Nothing of it sticks: the payment's own charge is still the one that counts.
    world.clock.advance(Duration::from_secs(60));
    let reconciliation = world.billing.reconciliation();
    reconciliation.settle_pending().await.unwrap();
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_signed_notice_that_cannot_be_read_is_kept_and_taken_and_a_forgery_is_neither() {
    let world = World::new().await;
    let hand_over =
        async |body: &[u8]| deliver(&world, &world.billing, &world.settings, body).await;
    for body in [&b"{}"[..], b"\xff\xfe", br#"{"id":"evt_1","type":7}"#] {
        assert_eq!(hand_over(body).await.unwrap(), Received::Unreadable);
        assert_eq!(hand_over(body).await.unwrap(), Received::AlreadyApplied);
    }
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let kept: i64 =
        sqlx::query_scalar("select count(*) from gateway_events where outcome = 'unreadable'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(kept, 3);
    let time = world.billing.now().timestamp();
    let forged = format!("t={time},v1={}", "0".repeat(64));
    let refused = world.billing.gateway_events().receive(b"{}", &forged).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, GatewayEventError::Signature(_)), "{error}");
    assert_eq!(error.kind(), ProblemKind::Invalid);
    connection.close().await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn notices_are_forgotten_once_they_are_too_old_to_be_sent_again() {
    let world = World::new().await;
    world.top_up(2_500, VISA).await;
    let notice = notice_of(&world, SUCCEEDED).await;
    tell(&world, &notice).await.unwrap();
    let housekeeping = world.billing.housekeeping();
    world.clock.advance(30 * DAY);
    assert_eq!(housekeeping.run().await.unwrap().notices, 0);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(housekeeping.run().await.unwrap().notices, 1);
    assert_eq!(recorded(&world, id(&notice)).await, None);
    // Even if it came again, its effect is there.
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Applied);
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_notice_whose_effect_cannot_be_found_out_is_to_be_sent_again() {
    let world = World::new().await;
    let request = StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(2_500),
        pay_with: PayWith::NewCard(world.token(ASKS).await),
    };
    let started = world.billing.top_ups().start(&world.owner, request).await;
    started.unwrap();
    let notice = notice_of(&world, "payment_intent.requires_action").await;
    world.stop_gateway();
    let error = tell(&world, &notice).await.unwrap_err();
    assert_eq!(error.kind(), ProblemKind::Unknown);
    assert_eq!(recorded(&world, id(&notice)).await, None);
    world.finish().await;
}

#[tokio::test]
async fn a_second_refund_is_taken_over_even_if_nobody_told_that_the_first_had_failed() {
    let world = World::new().await;
    // Its refunds succeed and fail later.
    let top_up = world.top_up(2_500, "4000000000005126").await.id;
    let intent = world.intent_of(SUCCEEDED).await;
    let form = [("payment_intent", intent.as_str())];
    world.post_to_gateway("/v1/refunds", &form).await;
    let first = notice_of(&world, "refund.created").await;
    assert_eq!(tell(&world, &first).await.unwrap(), Received::Applied);
    assert_eq!(world.balance().await, "0.00");
    world.gateway_time_goes_by("11").await;
    world.post_to_gateway("/v1/refunds", &form).await;
    let second = notices_of(&world, "refund.created").await.pop().unwrap();
    assert_ne!(id(&first), id(&second));
    assert_eq!(tell(&world, &second).await.unwrap(), Received::Applied);
    assert_eq!(world.balance().await, "0.00");
    assert_eq!(world.since(top_up).await, Aftermath::Refunded);
    world.finish().await;
}

#[tokio::test]
async fn a_notice_that_is_late_by_days_is_applied() {
    let world = World::with_gateway_timeout(Duration::from_secs(3)).await;
    let top_up = charged_unheard(&world).await;
    let mut notice = notice_of(&world, SUCCEEDED).await;
    let long_ago = (world.billing.now() - 3 * DAY).timestamp();
    notice["created"] = long_ago.into();
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Applied);
    let after = now(&world, top_up.id).await;
    assert!(matches!(after.state, TopUpState::Succeeded { .. }));
    world.finish().await;
}

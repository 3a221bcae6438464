//! Notices of the gateway that cannot be applied: they wait for people, and keep nothing else waiting.

use std::time::Duration;

use billing::{Problem, ProblemKind, Received, StartTopUp};
use sqlx::{AnyConnection, Connection};
use types::ids::{DisputeId, TopUpId};
use types::money::Cents;
use types::refund::Aftermath;
use types::top_up::PayWith;

use crate::gateway_events::{SUCCEEDED, id, pay_behind_our_back, recorded};
use crate::gateway_side::{ASKS, VISA, break_answers, heal, notice_of, notices_of, tell};
use crate::refunds::asking;
use crate::world::World;

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn a_notice_for_people_is_kept_until_somebody_has_dealt_with_it() {
    let world = World::new().await;
    let paid = world.top_up(2_500, VISA).await;
    pay_behind_our_back(&world, "700", &paid.id.to_string()).await;
    let notice = notices_of(&world, SUCCEEDED).await.pop().unwrap();
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Conflicting);
    let (events, housekeeping) = (world.billing.gateway_events(), world.billing.housekeeping());
    world.clock.advance(31 * DAY);
    assert_eq!(housekeeping.run().await.unwrap().notices, 0);
    assert_eq!(events.parked(10).await.unwrap().len(), 1);
    assert!(events.dismiss(id(&notice)).await.unwrap());
    assert_eq!(housekeeping.run().await.unwrap().notices, 1);
    assert_eq!(recorded(&world, id(&notice)).await, None);
    world.finish().await;
}

#[tokio::test]
async fn a_notice_that_fails_again_and_again_is_parked_and_shown_until_it_is_dismissed() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, ASKS).await;
    // What it is about cannot be read any more: the row says what no row may say.
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let broken = format!(
        "update payments set gateway_intent = 'pi_gone' where top_up_id = '{}'",
        top_up.id
    );
    sqlx::query(sqlx::AssertSqlSafe(broken))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let mut notice = notice_of(&world, "payment_intent.requires_action").await;
    notice["data"]["object"]["id"] = "pi_gone".into();
    let events = world.billing.gateway_events();
    for attempt in 1..5 {
        tell(&world, &notice).await.unwrap_err();
        let shown = events.parked(10).await.unwrap();
        assert_eq!(
            (shown[0].outcome.as_str(), shown[0].attempts),
            ("failing", attempt)
        );
    }
    // Often, and within a minute: that may be a moment's trouble.
    tell(&world, &notice).await.unwrap_err();
    assert_eq!(events.count_parked().await.unwrap(), 0);
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Parked);
    assert_eq!(
        recorded(&world, id(&notice)).await.as_deref(),
        Some("parked")
    );
    let shown = events.parked(10).await.unwrap();
    assert_eq!((shown.len(), shown[0].id.as_str()), (1, id(&notice)));
    assert!(shown[0].error.is_some());
    assert!(events.dismiss(id(&notice)).await.unwrap());
    assert!(!events.dismiss(id(&notice)).await.unwrap());
    assert_eq!(events.parked(10).await.unwrap(), []);
    world.finish().await;
}

/// Another organization has a row under the name that the dispute is to be written under.
async fn take_the_name(world: &World, dispute: &str) {
    let (other, ..) = world.another().await;
    let request = StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(2_500),
        pay_with: PayWith::NewCard(world.token(VISA).await),
    };
    let top_up = world.billing.top_ups().start(&other, request).await;
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    sqlx::query(
        "insert into disputes
             (id, organization_id, top_up_id, gateway_account, gateway_dispute, reason, stage,
              amount_cents, withdrawn_cents, fee_cents, reversed_cents, gateway_movements,
              movement_count, opened_at, updated_at)
         select $1, organization_id, top_up_id, gateway_account, $2, 'general', 'inquiry',
             2500, 0, 0, 0, 0, 0, 0, 0
         from payments where top_up_id = $3",
    )
    .bind(DisputeId::generate().to_string())
    .bind(dispute)
    .bind(top_up.unwrap().id.to_string())
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_notice_that_the_database_refuses_for_what_it_says_is_parked_and_seen_meanwhile() {
    let world = World::new().await;
    world.top_up(2_500, "4000000000000259").await;
    world.gateway_time_goes_by("2").await;
    let notice = notice_of(&world, "charge.dispute.created").await;
    take_the_name(&world, notice["data"]["object"]["id"].as_str().unwrap()).await;
    let events = world.billing.gateway_events();
    for attempt in 1..5 {
        let error = tell(&world, &notice).await.unwrap_err();
        assert_eq!(error.kind(), ProblemKind::Broken, "{error}");
        let shown = events.parked(10).await.unwrap();
        assert_eq!((shown.len(), shown[0].attempts), (1, attempt));
    }
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Parked);
    // Nothing of it was posted.
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn money_that_leaves_for_a_refund_that_had_failed_is_an_alarm() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    break_answers(&world, "answer_lost_before", "/v1/refunds").await;
    let refund = world.ask(&asking(top_up, 1_000)).await.unwrap();
    heal(&world).await;
    world.clock.advance(DAY + Duration::from_secs(1));
    world.billing.refunds().ask_due().await.unwrap();
    assert_eq!(world.balance().await, "25.00");
    // It never arrived, and now somebody makes it under our mark.
    let intent = world.intent_of(SUCCEEDED).await;
    let mark = refund.id.to_string();
    let form = [
        ("payment_intent", intent.as_str()),
        ("amount", "1000"),
        ("metadata[refund_id]", &mark),
    ];
    world.post_to_gateway("/v1/refunds", &form).await;
    let notice = notice_of(&world, "refund.created").await;
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Conflicting);
    let outcome = recorded(&world, id(&notice)).await;
    assert_eq!(outcome.as_deref(), Some("conflicting"));
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_refund_that_contradicts_keeps_no_later_one_of_its_charge_waiting() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    let intent = world.intent_of(SUCCEEDED).await;
    break_answers(&world, "answer_lost_before", "/v1/refunds").await;
    let refund = world.ask(&asking(top_up, 500)).await.unwrap();
    heal(&world).await;
    world.clock.advance(DAY + Duration::from_secs(1));
    world.billing.refunds().ask_due().await.unwrap();
    // It never arrived, and now somebody gives other money back under our mark.
    let mark = refund.id.to_string();
    let form = [
        ("payment_intent", intent.as_str()),
        ("amount", "300"),
        ("metadata[refund_id]", &mark),
    ];
    world.post_to_gateway("/v1/refunds", &form).await;
    let form = [("payment_intent", intent.as_str()), ("amount", "1000")];
    world.post_to_gateway("/v1/refunds", &form).await;
    for notice in notices_of(&world, "refund.created").await {
        assert_eq!(tell(&world, &notice).await.unwrap(), Received::Conflicting);
    }
    // The ten dollars are known; the three are for people.
    assert_eq!(world.balance().await, "15.00");
    let refunded = Cents::new(1_000);
    let since = world.since(top_up).await;
    assert_eq!(since, Aftermath::PartiallyRefunded { refunded });
    world.finish().await;
}

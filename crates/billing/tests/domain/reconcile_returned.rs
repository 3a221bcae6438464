//! The same of money that went back: refunds and disputes on both sides, and refunds that wait.

use std::time::Duration;

use billing::reconcile::Kind;
use billing::{OperatorRefund, StartRefund};
use types::ids::RefundId;
use types::money::Cents;
use types::refund::{RefundState, RefundView};
use types::top_up::TopUpView;

use crate::credits::DAY;
use crate::gateway_side::{VISA, another_process, notices, notices_of, tell};
use crate::reconcile::{
    ask_for_less, compare, execute, found, intent_of, paid, pay_after_all, select,
};
use crate::world::World;

const DISPUTED: &str = "4000000000000259";
const REFUND_FAILS_LATER: &str = "4000000000005126";
const REFUND_SETTLES_LATER: &str = "4000000000007726";

/// Hands over everything that the gateway has to tell.
async fn tell_all(world: &World) {
    for notice in notices(world).await {
        tell(world, &notice).await.unwrap();
    }
}

/// Gives back a part of a top-up as its owner does.
async fn refund(world: &World, top_up: &TopUpView, cents: i64) -> RefundView {
    let request = StartRefund {
        id: RefundId::generate(),
        top_up: top_up.id,
        amount: Cents::new(cents),
    };
    let refunds = world.billing.refunds();
    refunds.request(&world.owner, request).await.unwrap()
}

/// What the gateway calls a refund or a dispute of ours.
async fn named(world: &World, table: &str, column: &str, top_up: &TopUpView) -> String {
    let id = top_up.id;
    let query = format!("select {column} from {table} where top_up_id = '{id}'");
    select(world, query).await
}

#[tokio::test]
async fn each_planted_disagreement_of_what_went_back_is_found_exactly() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for number in [VISA, REFUND_FAILS_LATER] {
        let given_back = world.top_up(2_500, number).await;
        refund(&world, &given_back, 1_000).await;
    }
    world.top_up(2_500, DISPUTED).await;
    world.gateway_time_goes_by("86400").await;
    tell_all(&world).await;
    assert_eq!(found(&world).await, []);

    // Nothing can be taken back of what cannot be credited.
    let failed = world.top_up(2_500, "4000000000000002").await;
    let (intent, kept) = pay_after_all(&world, &failed).await;
    ask_for_less(&world, &failed).await;
    let name = refund_behind_our_back(&world, &intent, "500").await;
    expected.push((Kind::PaidNotCredited, intent));
    expected.push((Kind::CardUnknown, kept));
    expected.push((Kind::RefundUnknown, name));
    let top_up = paid(&world).await;
    refund(&world, &top_up, 600).await;
    change(&world, "refunds", "gateway_refund = 're_gone'", &top_up).await;
    expected.push((Kind::RefundMissing, "re_gone".to_owned()));
    for planted in ["amount_cents = 600", "state = 'failed', failure_code = 'x'"] {
        let top_up = paid(&world).await;
        refund(&world, &top_up, 700).await;
        change(&world, "refunds", planted, &top_up).await;
        let name = named(&world, "refunds", "gateway_refund", &top_up).await;
        expected.push((Kind::RefundDiffers, name));
    }
    for kind in [Kind::DisputeDiffers, Kind::DisputeUnknown] {
        let top_up = world.top_up(2_500, DISPUTED).await;
        world.gateway_time_goes_by("86400").await;
        let told = notices_of(&world, "charge.dispute.created").await;
        let newest = told.last().unwrap();
        let name = newest["data"]["object"]["id"].as_str().unwrap();
        expected.push((kind, name.to_owned()));
        if kind == Kind::DisputeDiffers {
            tell(&world, newest).await.unwrap();
            change(&world, "disputes", "stage = 'inquiry'", &top_up).await;
        }
    }
    expected.sort();
    assert_eq!(found(&world).await, expected);
    world.finish_broken().await;
}

/// Changes the row that belongs to a top-up.
async fn change(world: &World, table: &str, change: &str, top_up: &TopUpView) {
    let id = top_up.id;
    let statement = format!("update {table} set {change} where top_up_id = '{id}'");
    execute(world, statement).await;
}

/// Gives money back in the gateway's own pages; answers the refund's name.
async fn refund_behind_our_back(world: &World, intent: &str, cents: &str) -> String {
    let form = [("payment_intent", intent), ("amount", cents)];
    let made = world.post_to_gateway("/v1/refunds", &form).await;
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refund_made_at_the_gateway_whose_notice_is_lost_is_taken_up() {
    let world = World::new().await;
    let top_up = paid(&world).await;
    let intent = intent_of(&world, &top_up).await;
    refund_behind_our_back(&world, &intent, "500").await;
    assert_eq!(world.balance().await, "25.00");
    let report = compare(&world).await;
    assert_eq!((report.settled, report.agrees()), (1, true), "{report:?}");
    assert_eq!(world.balance().await, "20.00");
    let rows = world.rows().await;
    let refunds = rows.iter().filter(|(what, ..)| what == "Refund");
    assert_eq!(refunds.count(), 1);
    // Its notice comes after all, and changes nothing any more.
    tell_all(&world).await;
    assert_eq!(world.balance().await, "20.00");
    let report = compare(&world).await;
    assert_eq!((report.settled, report.agrees()), (0, true), "{report:?}");
    world.finish().await;
}

#[tokio::test]
async fn the_job_takes_up_what_two_processes_find_at_once_only_once() {
    let world = World::new().await;
    let top_up = paid(&world).await;
    let intent = intent_of(&world, &top_up).await;
    refund_behind_our_back(&world, &intent, "500").await;
    let other = another_process(&world).await;
    let since = world.billing.now() - 7 * DAY;
    let (here, there) = (world.billing.reconciliation(), other.reconciliation());
    let (one, two) = tokio::join!(here.compare(since), there.compare(since));
    assert!(one.unwrap().agrees() && two.unwrap().agrees());
    assert_eq!(world.balance().await, "20.00");
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn a_refund_that_fails_at_the_gateway_gives_its_credit_back_without_its_notice() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, REFUND_FAILS_LATER).await;
    refund(&world, &top_up, 1_000).await;
    assert_eq!(world.balance().await, "15.00");
    world.gateway_time_goes_by("86400").await;
    let report = compare(&world).await;
    assert_eq!((report.settled, report.agrees()), (1, true), "{report:?}");
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_second_refund_is_taken_up_though_nobody_told_that_the_first_had_failed() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, REFUND_FAILS_LATER).await;
    let intent = intent_of(&world, &top_up).await;
    refund_behind_our_back(&world, &intent, "2500").await;
    assert_eq!(compare(&world).await.settled, 1);
    assert_eq!(world.balance().await, "0.00");
    // The newest is listed first, and has room only once the other has failed.
    world.gateway_time_goes_by("11").await;
    refund_behind_our_back(&world, &intent, "2500").await;
    let report = compare(&world).await;
    assert!(report.agrees(), "{report:?}");
    assert_eq!(world.balance().await, "0.00");
    world.finish().await;
}

#[tokio::test]
async fn a_refund_that_is_under_way_for_a_day_is_listed_until_it_ends() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, REFUND_SETTLES_LATER).await;
    let pending = refund(&world, &top_up, 1_000).await;
    assert_eq!(pending.state, RefundState::Processing);
    let name = named(&world, "refunds", "gateway_refund", &top_up).await;
    world.clock.advance(DAY - Duration::from_secs(60));
    assert_eq!(found(&world).await, []);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(found(&world).await, [(Kind::RefundStuck, name)]);
    // It is asked about once more before it is listed.
    world.gateway_time_goes_by("86400").await;
    let report = compare(&world).await;
    assert_eq!((report.settled, report.agrees()), (1, true), "{report:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_refund_of_an_account_that_is_not_connected_is_seen_and_sent_when_it_is() {
    let world = World::new().await;
    let top_up = paid(&world).await;
    change(
        &world,
        "payments",
        "gateway_account = 'test:elsewhere'",
        &top_up,
    )
    .await;
    let request = OperatorRefund {
        key: "ticket-7".to_owned(),
        top_up: top_up.id,
        amount: Cents::new(700),
        reason: "Goodwill".to_owned(),
    };
    let refunds = world.billing.refunds();
    let organization = world.owner.organization;
    let asked = refunds.request_as_operator(organization, request).await;
    let asked = asked.unwrap();
    let house = world.billing.housekeeping();
    assert_eq!(house.run().await.unwrap().refunds_elsewhere, 1);
    world.clock.advance(2 * DAY);
    assert_eq!(refunds.ask_due().await.unwrap().asked, 0);
    let stuck = |found: &[(Kind, String)]| found.iter().any(|(kind, _)| *kind == Kind::RefundStuck);
    assert!(stuck(&found(&world).await));
    // Its account's keys are here now: nobody had asked, so two days are no age.
    let query = "select gateway_account from gateway_customers".to_owned();
    let account = select(&world, query).await;
    for table in ["payments", "refunds"] {
        let back = format!("gateway_account = '{account}'");
        change(&world, table, &back, &top_up).await;
    }
    refunds.ask_due().await.unwrap();
    let after = refunds.find(organization, asked.id).await.unwrap().unwrap();
    assert_eq!(after.state, RefundState::Succeeded);
    assert_eq!(house.run().await.unwrap().refunds_elsewhere, 0);
    assert_eq!(found(&world).await, []);
    assert_eq!(world.balance().await, "18.00");
    world.finish().await;
}

//! All that a gateway tells of one payment, in every order there is, each notice delivered one to
//! three times: the ledger and the top-up end the same.
//!
//! The gateway's side of every payment is at its end before the first notice is handed over, while
//! ours still waits for the bank: so the notices alone bring it about, whichever comes first.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AnyConnection, Connection};
use types::ids::TopUpId;
use types::refund::Aftermath;
use types::top_up::TopUpState;

use crate::gateway_side::tell;
use crate::world::{World, confirm};

/// The bank asks, its owner approves, and then there is not enough money.
const ASKS_THEN_DECLINES: &str = "4000008260003178";

/// What every account has gained on its debit side, in nano-dollars.
type Moved = BTreeMap<String, i64>;

struct Payment {
    top_up: TopUpId,
    intent: String,
}

/// A first card that the bank asks about and then declines, and a second one that pays.
async fn make_payment(world: &World, paid_with: &str) -> Payment {
    let top_up = world.top_up(2_500, ASKS_THEN_DECLINES).await;
    let TopUpState::RequiresAction { url: Some(url) } = &top_up.state else {
        panic!("{top_up:?}");
    };
    confirm(url, "approve").await;
    let (_, page) = url.split_once("/3ds/").unwrap();
    let (intent, _) = page.split_once('?').unwrap();
    let path = format!("/v1/payment_intents/{intent}/confirm");
    let form = [
        ("payment_method", paid_with),
        ("return_url", "http://127.0.0.1/"),
    ];
    world.post_to_gateway(&path, &form).await;
    Payment {
        top_up: top_up.id,
        intent: intent.to_owned(),
    }
}

/// Everything that the gateway told, of each payment, oldest first.
async fn told_of_each(world: &World) -> BTreeMap<String, Vec<Value>> {
    let client = reqwest::Client::new();
    let mut told: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut after = String::new();
    loop {
        let url = format!("{}/v1/events?limit=100{after}", world.gateway_url);
        let answer = client.get(url).bearer_auth(&world.gateway_key).send().await;
        let page: Value = answer.unwrap().json().await.unwrap();
        let events = page["data"].as_array().unwrap();
        for event in events {
            let object = &event["data"]["object"];
            let intent = object["payment_intent"].as_str().or(object["id"].as_str());
            let of_payment = told.entry(intent.unwrap().to_owned()).or_default();
            of_payment.insert(0, event.clone());
        }
        if page["has_more"] != true {
            return told;
        }
        let last = events.last().unwrap()["id"].as_str().unwrap();
        after = format!("&starting_after={last}");
    }
}

/// Every order of the first `count` numbers.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        let longer = all.iter().flat_map(|order: &Vec<usize>| {
            let next = (0..count).filter(|n| !order.contains(n));
            next.map(|n| [order.as_slice(), &[n]].concat())
        });
        all = longer.collect();
    }
    all
}

/// One comes three times and one twice, other ones in every order, and the repeats come late.
fn with_repeats(order: &[usize], number: usize) -> Vec<usize> {
    let count = order.len();
    let thrice = order[number % count];
    let twice = order[(number + 1 + number / count % (count - 1)) % count];
    let repeats = [thrice, twice, thrice];
    [&order[..2], &repeats[..1], &order[2..], &repeats[1..]].concat()
}

/// What was posted after a batch, and the newest batch's number.
async fn moved_since(connection: &mut AnyConnection, sequence: i64) -> (Moved, i64) {
    let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
        "select debit_account_id, credit_account_id, amount_nano, batches.sequence
         from transfers join batches on batches.id = batch_id
         where batches.sequence > $1 order by batches.sequence",
    )
    .bind(sequence)
    .fetch_all(connection)
    .await
    .unwrap();
    let mut moved = Moved::new();
    for (debit, credit, amount, _) in &rows {
        *moved.entry(debit.clone()).or_default() += amount;
        *moved.entry(credit.clone()).or_default() -= amount;
    }
    moved.retain(|_, amount| *amount != 0);
    (moved, rows.last().map_or(sequence, |row| row.3))
}

/// Tells of one payment in each order of `kinds`; all must move the same money and end in `since`.
async fn tell_in_every_order(
    world: &World,
    payments: &[Payment],
    kinds: &[&str],
    since: Aftermath,
) {
    let orders = orders(kinds.len());
    assert_eq!(orders.len(), payments.len());
    let told = told_of_each(world).await;
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let (mut first, mut sequence) = (None, 0);
    for (number, (payment, order)) in payments.iter().zip(&orders).enumerate() {
        let notice = |place: &usize| {
            let kind = kinds[*place];
            let mut notices = told[&payment.intent].iter();
            notices.find(|notice| notice["type"] == kind).unwrap()
        };
        for place in &with_repeats(order, number) {
            tell(world, notice(place)).await.unwrap();
        }
        let (moved, newest) = moved_since(&mut connection, sequence).await;
        sequence = newest;
        assert!(!moved.is_empty(), "{order:?}");
        assert_eq!(first.get_or_insert(moved.clone()), &moved, "{order:?}");
        let top_ups = world.billing.top_ups();
        let found = top_ups.find(&world.owner, payment.top_up).await.unwrap();
        let TopUpState::Succeeded { since: after, .. } = found.unwrap().state else {
            panic!("{order:?}");
        };
        assert_eq!(after, since, "{order:?}");
    }
    connection.close().await.unwrap();
}

#[test]
fn every_order_is_there_once_and_every_notice_comes_one_to_three_times() {
    let mut all = orders(6);
    assert_eq!(all.len(), 720);
    for (number, order) in all.iter().enumerate() {
        let told = with_repeats(order, number);
        for place in 0..6 {
            let times = told.iter().filter(|told| **told == place).count();
            assert!((1..=3).contains(&times), "{told:?}");
        }
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 720);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_ends_the_same_in_all_720_orders_of_its_six_notices() {
    let world = World::new().await;
    let mut payments = Vec::new();
    for _ in 0..720 {
        payments.push(make_payment(&world, "pm_card_visa").await);
    }
    let kinds = [
        "payment_intent.created",
        "payment_intent.requires_action",
        "charge.failed",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "payment_intent.succeeded",
    ];
    tell_in_every_order(&world, &payments, &kinds, Aftermath::Kept).await;
    assert_eq!(world.balance().await, "18000.00");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_won_dispute_ends_the_same_in_all_orders_of_its_notices_and_its_payments() {
    let world = World::new().await;
    let mut payments = Vec::new();
    for _ in 0..120 {
        payments.push(make_payment(&world, "pm_card_createDispute").await);
    }
    let wait = [("advance", "2")];
    world.post_to_gateway("/_control/clock", &wait).await;
    for (intent, told) in told_of_each(&world).await {
        let opened = told
            .iter()
            .find(|notice| notice["type"] == "charge.dispute.created");
        let Some(opened) = opened else {
            assert!(!intent.starts_with("pi_"), "{intent} is not disputed");
            continue;
        };
        let dispute = opened["data"]["object"]["id"].as_str().unwrap();
        let path = format!("/v1/disputes/{dispute}");
        let evidence = [("evidence[uncategorized_text]", "winning_evidence")];
        world.post_to_gateway(&path, &evidence).await;
    }
    world.post_to_gateway("/_control/clock", &wait).await;
    let kinds = [
        "payment_intent.succeeded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ];
    tell_in_every_order(&world, &payments, &kinds, Aftermath::Kept).await;
    assert_eq!(world.balance().await, "3000.00");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_ends_the_same_in_all_orders_of_its_notices_and_its_payments() {
    let world = World::new().await;
    let mut payments = Vec::new();
    for _ in 0..120 {
        let payment = make_payment(&world, "pm_card_pendingRefund").await;
        let form = [("payment_intent", payment.intent.as_str())];
        world.post_to_gateway("/v1/refunds", &form).await;
        payments.push(payment);
    }
    let wait = [("advance", "11")];
    world.post_to_gateway("/_control/clock", &wait).await;
    let kinds = [
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "charge.refund.updated",
    ];
    tell_in_every_order(&world, &payments, &kinds, Aftermath::Refunded).await;
    assert_eq!(world.balance().await, "0.00");
    world.finish().await;
}

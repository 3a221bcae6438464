//! The gateway, the ledger and our payments side by side: every disagreement that is planted is
//! found, each as what it is, and where nothing was planted nothing is found.

use std::time::Duration;

use billing::reconcile::{Kind, Report};
use billing::{Received, StartTopUp};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use types::ids::TopUpId;
use types::money::Cents;
use types::top_up::{PayWith, TopUpState, TopUpView};

use crate::credits::DAY;
use crate::gateway_side::{
    ASKS, DECLINES_CHARGES, MASTERCARD, VISA, break_answers, deliver, heal, notices_of, tell,
};
use crate::world::{World, confirm};

const INTENTS: &str = "/v1/payment_intents";

pub async fn compare(world: &World) -> Report {
    let since = world.billing.now() - 7 * DAY;
    let compared = world.billing.reconciliation().compare(since).await;
    compared.unwrap()
}

/// What was found: its kind and what it is about, in one order.
pub async fn found(world: &World) -> Vec<(Kind, String)> {
    let report = compare(world).await;
    assert_eq!((report.unlisted, report.left_out.len()), (0, 0));
    let about = |found: &billing::reconcile::Disagreement| {
        let reference = found.reference.clone();
        (found.kind, reference.unwrap_or_default())
    };
    let mut found: Vec<_> = report.disagreements.iter().map(about).collect();
    found.sort();
    found
}

pub async fn execute(world: &World, statement: String) {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let changed = sqlx::query(AssertSqlSafe(statement.clone()))
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 1, "{statement}");
    connection.close().await.unwrap();
}

pub async fn select(world: &World, statement: String) -> String {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let text = sqlx::query_scalar(AssertSqlSafe(statement))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    text
}

/// What the gateway calls the payment of a top-up.
pub async fn intent_of(world: &World, top_up: &TopUpView) -> String {
    let id = top_up.id;
    let query = format!("select gateway_intent from payments where top_up_id = '{id}'");
    select(world, query).await
}

async fn customer(world: &World) -> String {
    let organization = world.owner.organization;
    let query = format!(
        "select gateway_customer from gateway_customers where organization_id = '{organization}'"
    );
    select(world, query).await
}

pub async fn paid(world: &World) -> TopUpView {
    let top_up = world.top_up(2_500, VISA).await;
    assert!(matches!(top_up.state, TopUpState::Succeeded { .. }));
    top_up
}

/// A top-up whose charge never reaches the gateway.
async fn unheard(world: &World) -> TopUpView {
    let token = world.token(VISA).await;
    break_answers(world, "answer_lost_before", INTENTS).await;
    let top_up = world.top_up_with(2_500, &token).await;
    heal(world).await;
    assert_eq!(top_up.state, TopUpState::Processing);
    top_up
}

/// Pays at the gateway without us, marked as if it were for a top-up; answers the payment's name.
async fn pay_behind_our_back(world: &World, currency: &str, top_up: &str) -> String {
    let customer = customer(world).await;
    let form = [
        ("amount", "2500"),
        ("currency", currency),
        ("confirm", "true"),
        ("customer", &customer),
        ("payment_method", "pm_card_visa"),
        ("payment_method_types[]", "card"),
        ("metadata[top_up_id]", top_up),
    ];
    let made = world.post_to_gateway(INTENTS, &form).await;
    made["id"].as_str().unwrap().to_owned()
}

fn bank_page(top_up: &TopUpView) -> String {
    let TopUpState::RequiresAction { url: Some(url) } = &top_up.state else {
        panic!("{top_up:?}");
    };
    url.clone()
}

#[tokio::test]
async fn after_every_ordinary_outcome_nothing_disagrees() {
    let world = World::with_gateway_timeout(Duration::from_secs(3)).await;
    assert_eq!(found(&world).await, []);
    paid(&world).await;
    for number in [
        "4000000000000002",
        "4000000000009995",
        DECLINES_CHARGES,
        MASTERCARD,
        // The answer is lost after the charge, and before it.
        "4000009900000012",
        "4000009900000020",
    ] {
        world.top_up(1_000, number).await;
        assert_eq!(found(&world).await, [], "{number}");
    }
    // Three whose bank asks: one is confirmed, one is refused, one is given up.
    for outcome in ["approve", "fail"] {
        let asked = world.top_up(1_500, ASKS).await;
        assert_eq!(found(&world).await, [], "{outcome}: while the bank asks");
        confirm(&bank_page(&asked), outcome).await;
        assert_eq!(found(&world).await, [], "{outcome}");
    }
    let given_up = world.top_up(1_500, ASKS).await;
    let top_ups = world.billing.top_ups();
    top_ups.cancel(&world.owner, given_up.id).await.unwrap();
    let open = world.top_up(1_500, ASKS).await;
    let saved = world.billing.payment_methods();
    let cards = saved.list(world.owner.organization).await.unwrap();
    saved.remove(&world.owner, cards[0].id).await.unwrap();
    world.billing.housekeeping().run().await.unwrap();
    assert_eq!(found(&world).await, []);
    // A day later the last one is taken back, and what never arrived is known.
    world.clock.advance(DAY + Duration::from_secs(1));
    assert_eq!(found(&world).await, []);
    let after = top_ups.find(&world.owner, open.id).await.unwrap().unwrap();
    assert_eq!(after.state, TopUpState::Canceled);
    world.finish().await;
}

#[tokio::test]
async fn what_is_simply_pending_is_settled_and_does_not_disagree() {
    let world = World::with_gateway_timeout(Duration::from_secs(3)).await;
    let token = world.token(VISA).await;
    break_answers(&world, "answer_slow", INTENTS).await;
    let top_up = world.top_up_with(2_500, &token).await;
    heal(&world).await;
    assert_eq!(top_up.state, TopUpState::Processing);
    let report = compare(&world).await;
    assert_eq!((report.settled, report.agrees()), (1, true), "{report:?}");
    assert_eq!(world.balance().await, "25.00");
    assert_eq!(compare(&world).await.settled, 0);
    world.finish().await;
}

/// Pays what was declined, as a page that had kept the payment's secret could; answers the names of
/// the payment and of the card.
pub async fn pay_after_all(world: &World, failed: &TopUpView) -> (String, String) {
    let intent = intent_of(world, failed).await;
    let form = [
        ("payment_method", "pm_card_visa"),
        ("return_url", "http://127.0.0.1/"),
    ];
    let path = format!("{INTENTS}/{intent}/confirm");
    let confirmed = world.post_to_gateway(&path, &form).await;
    let card = confirmed["payment_method"].as_str().unwrap().to_owned();
    (intent, card)
}

/// What the gateway took is from now on another amount than was asked for.
pub async fn ask_for_less(world: &World, top_up: &TopUpView) {
    let id = top_up.id;
    let less = format!("update top_ups set amount_cents = 2400 where id = '{id}'");
    execute(world, less).await;
}

#[tokio::test]
async fn a_payment_that_is_made_after_it_had_failed_is_credited_without_its_notice() {
    let world = World::new().await;
    let failed = world.top_up(2_500, "4000000000000002").await;
    pay_after_all(&world, &failed).await;
    let report = compare(&world).await;
    assert_eq!((report.settled, report.agrees()), (1, true), "{report:?}");
    assert_eq!(world.balance().await, "25.00");
    let found = world.billing.top_ups().find(&world.owner, failed.id).await;
    let state = found.unwrap().unwrap().state;
    assert!(matches!(state, TopUpState::Succeeded { .. }), "{state:?}");
    for notice in notices_of(&world, "payment_intent.succeeded").await {
        tell(&world, &notice).await.unwrap();
    }
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn each_planted_disagreement_of_money_is_found_exactly() {
    let world = World::with_gateway_timeout(Duration::from_secs(3)).await;
    let mut expected = Vec::new();
    paid(&world).await;

    // Paid after it had failed, and more than the person was asked for.
    let failed = world.top_up(2_500, "4000000000000002").await;
    let (intent, kept) = pay_after_all(&world, &failed).await;
    ask_for_less(&world, &failed).await;
    expected.push((Kind::PaidNotCredited, intent));
    // As a new card it was to be kept: so it is attached, and nobody here knows.
    expected.push((Kind::CardUnknown, kept));

    // Credited, and the payment that we name is none; the one that was made is nobody's.
    let credited = paid(&world).await;
    let intent = intent_of(&world, &credited).await;
    let path = format!("{INTENTS}/{intent}");
    let form = [("metadata[top_up_id]", "")];
    world.post_to_gateway(&path, &form).await;
    set(&world, &credited, "gateway_intent = 'pi_gone'").await;
    expected.push((Kind::CreditedNotPaid, "pi_gone".to_owned()));
    expected.push((Kind::UnknownPayment, intent));
    let stray = pay_behind_our_back(&world, "usd", "").await;
    expected.push((Kind::UnknownPayment, stray));

    for (kind, change) in [
        (Kind::AmountDiffers, "amount_cents = 2400"),
        (Kind::FeeMissing, "fee_cents = null"),
        (Kind::FeeDiffers, "fee_cents = 1"),
        (Kind::StateDiffers, "state = 'failed'"),
    ] {
        let top_up = paid(&world).await;
        set(&world, &top_up, change).await;
        expected.push((kind, intent_of(&world, &top_up).await));
    }
    let euros = unheard(&world).await;
    let intent = pay_behind_our_back(&world, "eur", &euros.id.to_string()).await;
    expected.push((Kind::CurrencyDiffers, intent));
    let twice = paid(&world).await;
    let intent = pay_behind_our_back(&world, "usd", &twice.id.to_string()).await;
    expected.push((Kind::PaidTwice, intent));

    // Another customer than ours paid, and the one that we know for an organization is gone.
    let (other, _, _) = world.another().await;
    let request = StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(1_000),
        pay_with: PayWith::NewCard(world.token(VISA).await),
    };
    let strangers = world
        .billing
        .top_ups()
        .start(&other, request)
        .await
        .unwrap();
    let organization = other.organization;
    execute(
        &world,
        format!(
            "update gateway_customers set gateway_customer = 'cus_gone'
             where organization_id = '{organization}'"
        ),
    )
    .await;
    set(&world, &strangers, "gateway_customer = 'cus_other'").await;
    let intent = intent_of(&world, &strangers).await;
    expected.push((Kind::CustomerUnknown, intent));
    expected.push((Kind::CustomerUnknown, "cus_gone".to_owned()));

    expected.sort();
    assert_eq!(found(&world).await, expected);
    // Finding repairs nothing.
    assert_eq!(found(&world).await, expected);
    world.finish_broken().await;
}

#[tokio::test]
async fn a_payment_of_a_customer_that_was_made_anew_is_still_known() {
    let world = World::new().await;
    paid(&world).await;
    let customers = crate::gateway_side::customers(&world).await;
    let path = format!("/v1/customers/{}", customers[0]);
    world.delete_at_gateway(&path).await;
    // This one finds it gone, and the next one is another customer's.
    world.top_up(2_500, VISA).await;
    paid(&world).await;
    let found = found(&world).await;
    let kinds: Vec<Kind> = found.iter().map(|(kind, _)| *kind).collect();
    // The card that went with it, which was entered again, is the new customer's.
    assert_eq!(kinds, []);
    world.finish().await;
}

/// Changes the row of a top-up's payment.
async fn set(world: &World, top_up: &TopUpView, change: &str) {
    let id = top_up.id;
    let statement = format!("update payments set {change} where top_up_id = '{id}'");
    execute(world, statement).await;
}

#[tokio::test]
async fn a_new_expiry_of_a_saved_card_is_taken_over_without_its_notice() {
    let world = World::new().await;
    paid(&world).await;
    let query = "select gateway_method from payment_methods where removed_at is null";
    let saved = select(&world, query.to_owned()).await;
    let path = format!("/_control/payment_methods/{saved}/automatic_update");
    let form = [("card[exp_month]", "11"), ("card[exp_year]", "2039")];
    world.post_to_gateway(&path, &form).await;
    let report = compare(&world).await;
    assert_eq!((report.settled, report.agrees()), (1, true), "{report:?}");
    let methods = world.billing.payment_methods();
    let cards = methods.list(world.owner.organization).await.unwrap();
    let card = &cards[0].card;
    assert_eq!((card.expiry_month, card.expiry_year), (11, 2039));
    assert_eq!(compare(&world).await.settled, 0);
    world.finish().await;
}

#[tokio::test]
async fn each_planted_disagreement_of_cards_and_of_what_waits_is_found_exactly() {
    let world = World::with_gateway_timeout(Duration::from_secs(3)).await;
    let mut expected = Vec::new();
    paid(&world).await;
    let customer = customer(&world).await;
    let form = [("customer", customer.as_str())];
    let stranger = world.token(MASTERCARD).await;
    let path = format!("/v1/payment_methods/{stranger}/attach");
    world.post_to_gateway(&path, &form).await;
    expected.push((Kind::CardUnknown, stranger));
    let query = "select gateway_method from payment_methods where removed_at is null";
    let saved = select(&world, query.to_owned()).await;
    let path = format!("/v1/payment_methods/{saved}/detach");
    world.post_to_gateway(&path, &[]).await;
    expected.push((Kind::CardDetached, saved));

    let stuck = unheard(&world).await;
    set(&world, &stuck, "gateway_account = 'test:elsewhere'").await;
    world.clock.advance(DAY);
    expected.push((Kind::TopUpStuck, String::new()));
    let unreadable = deliver(&world, &world.billing, &world.settings, b"{}").await;
    assert_eq!(unreadable.unwrap(), Received::Unreadable);
    let query = "select id from gateway_events where outcome = 'unreadable'";
    expected.push((Kind::NoticeParked, select(&world, query.to_owned()).await));

    expected.sort();
    assert_eq!(found(&world).await, expected);
    world.finish().await;
}

#[tokio::test]
async fn an_account_that_settles_in_other_money_than_dollars_is_named() {
    let world = World::new().await;
    pay_behind_our_back_for_nobody(&world, "eur").await;
    let found = found(&world).await;
    let kinds: Vec<Kind> = found.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [Kind::SettlesElsewhere, Kind::UnknownPayment]);
    pay_behind_our_back_for_nobody(&world, "usd").await;
    assert_eq!(compare(&world).await.count(Kind::SettlesElsewhere), 0);
    world.finish().await;
}

#[tokio::test]
async fn more_than_a_page_is_compared_to_its_end() {
    let world = World::new().await;
    paid(&world).await;
    let mut expected = Vec::new();
    for _ in 0..101 {
        let stray = pay_behind_our_back(&world, "usd", "").await;
        expected.push((Kind::UnknownPayment, stray));
    }
    expected.sort();
    assert_eq!(found(&world).await, expected);
    world.finish().await;
}

pub async fn pay_behind_our_back_for_nobody(world: &World, currency: &str) {
    let form = [
        ("amount", "2500"),
        ("currency", currency),
        ("confirm", "true"),
        ("payment_method", "pm_card_visa"),
        ("payment_method_types[]", "card"),
    ];
    world.post_to_gateway(INTENTS, &form).await;
}

#[tokio::test]
async fn a_stray_payment_that_went_back_to_its_card_is_no_disagreement_any_more() {
    let world = World::new().await;
    paid(&world).await;
    let stray = pay_behind_our_back(&world, "usd", "").await;
    assert_eq!(found(&world).await, [(Kind::UnknownPayment, stray.clone())]);
    let form = [("payment_intent", stray.as_str())];
    world.post_to_gateway("/v1/refunds", &form).await;
    assert_eq!(found(&world).await, []);
    world.finish().await;
}

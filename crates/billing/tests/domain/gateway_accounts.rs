//! The same database with another account of the gateway: what one knows, the other is not asked
//! about, does not show and does not charge.

use std::time::Duration;

use billing::{PaymentMethodError, Received, Reconciled, StartTopUp, TopUpError};
use types::ids::{PaymentMethodId, TopUpId};
use types::money::Cents;
use types::top_up::{PayWith, TopUpState};

use crate::gateway_side::{
    ASKS, Elsewhere, VISA, break_answers, deliver, heal, notice_of, statuses,
};
use crate::world::{World, confirm};

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn with(pay_with: PayWith) -> StartTopUp {
    StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(1_000),
        pay_with,
    }
}

async fn cards(billing: &billing::Billing, world: &World) -> Vec<(PaymentMethodId, bool)> {
    let methods = billing.payment_methods();
    let list = methods.list(world.owner.organization).await.unwrap();
    list.into_iter()
        .map(|method| (method.id, method.is_default))
        .collect()
}

#[tokio::test]
async fn cards_and_customers_of_another_account_are_neither_listed_nor_charged() {
    let world = World::new().await;
    world.top_up(2_500, VISA).await;
    let [(here, true)] = cards(&world.billing, &world).await[..] else {
        panic!("one card, the default");
    };
    let other = Elsewhere::open(&world).await;
    assert_eq!(cards(&other.billing, &world).await, []);
    let methods = other.billing.payment_methods();
    let unknown = methods.remove(&world.owner, here).await;
    assert!(matches!(unknown, Err(PaymentMethodError::NotFound)));
    let unknown = methods.set_default(&world.owner, here).await;
    assert!(matches!(unknown, Err(PaymentMethodError::NotFound)));
    let top_ups = other.billing.top_ups();
    let refused = top_ups
        .start(&world.owner, with(PayWith::Saved(here)))
        .await;
    assert!(matches!(refused, Err(TopUpError::PaymentMethodNotFound)));
    // The same number there is a card, a customer and a default of its own.
    let token = other.token(VISA).await;
    let paid = top_ups
        .start(&world.owner, with(PayWith::NewCard(token)))
        .await;
    let paid = paid.unwrap();
    assert!(
        matches!(paid.state, TopUpState::Succeeded { .. }),
        "{paid:?}"
    );
    let [(there, true)] = cards(&other.billing, &world).await[..] else {
        panic!("one card, the default");
    };
    assert_ne!(here, there);
    assert_eq!(cards(&world.billing, &world).await, [(here, true)]);
    // Back at the first account its card pays as before, and the money is one balance.
    let top_ups = world.billing.top_ups();
    let again = top_ups
        .start(&world.owner, with(PayWith::Saved(here)))
        .await;
    let again = again.unwrap();
    assert!(matches!(again.state, TopUpState::Succeeded { .. }));
    assert_eq!(world.charged_cents().await.len(), 2);
    assert_eq!(other.payments().await, 1);
    assert_eq!(world.balance().await, "45.00");
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn an_open_payment_waits_for_the_account_that_knows_it() {
    let world = World::with_gateway_timeout(Duration::from_secs(3)).await;
    // One whose charge is known by name, and one of which nothing was heard.
    let asked = world.top_up(2_500, ASKS).await;
    let token = world.token(VISA).await;
    break_answers(&world, "answer_slow", "/v1/payment_intents").await;
    let unheard = world.top_up_with(1_000, &token).await;
    heal(&world).await;
    let TopUpState::RequiresAction { url: Some(url) } = &asked.state else {
        panic!("{asked:?}");
    };
    confirm(url, "approve").await;

    let other = Elsewhere::open(&world).await;
    world.clock.advance(2 * DAY);
    let asked_nobody = other.billing.reconciliation().settle_pending().await;
    assert_eq!(asked_nobody.unwrap(), Reconciled::default());
    for top_up in [&asked, &unheard] {
        let found = other.billing.top_ups().find(&world.owner, top_up.id).await;
        assert_eq!(found.unwrap().unwrap().state, top_up.state);
    }
    let tidied = other.billing.housekeeping().run().await.unwrap();
    assert_eq!(tidied.payments_elsewhere, 2);
    assert_eq!(world.balance().await, "0.00");

    let settled = world.billing.reconciliation().settle_pending().await;
    assert_eq!(settled.unwrap().settled, 2);
    assert_eq!(world.balance().await, "35.00");
    let tidied = other.billing.housekeeping().run().await.unwrap();
    assert_eq!(tidied.payments_elsewhere, 0);
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn a_notice_finds_no_payment_of_another_account() {
    let world = World::new().await;
    world.top_up(2_500, ASKS).await;
    let notice = notice_of(&world, "payment_intent.requires_action").await;
    let other = Elsewhere::open(&world).await;
    let body = notice.to_string();
    let received = deliver(&world, &other.billing, &other.settings, body.as_bytes()).await;
    assert_eq!(received.unwrap(), Received::Ignored);
    assert_eq!(statuses(&world).await, ["requires_action"]);
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn a_card_that_is_to_be_forgotten_is_asked_of_its_own_account() {
    let world = World::new().await;
    world.top_up(2_500, VISA).await;
    world.top_up(2_500, VISA).await;
    let other = Elsewhere::open(&world).await;
    assert_eq!(other.billing.housekeeping().run().await.unwrap().cards, 0);
    assert_eq!(world.billing.housekeeping().run().await.unwrap().cards, 1);
    other.close().await;
    world.finish().await;
}

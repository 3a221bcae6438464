//! What stays attached at the gateway: the saved cards and nothing else, whatever is lost on the
//! way; and what old payments say about a card that has changed since.

use std::time::Duration;

use billing::{Billing, PaymentMethodError, StartTopUp};
use futures::future::join_all;
use sqlx::{AnyConnection, Connection};
use types::history::{HistoryKind, HistoryRow};
use types::ids::{PaymentMethodId, TopUpId};
use types::money::Cents;
use types::payment::{Card, PaymentMethodView};
use types::top_up::{PayWith, TopUpState, TopUpView};

use crate::gateway_side::{
    ASKS, DECLINES_CHARGES, MASTERCARD, VISA, attached, break_answers, heal,
};
use crate::world::{World, confirm};

const METHODS: &str = "/v1/payment_methods";
const HOUR: Duration = Duration::from_secs(3_600);

async fn cards(world: &World) -> Vec<PaymentMethodView> {
    let methods = world.billing.payment_methods();
    methods.list(world.owner.organization).await.unwrap()
}

async fn add(world: &World, token: &str) -> Result<PaymentMethodView, PaymentMethodError> {
    let methods = world.billing.payment_methods();
    methods.add(&world.owner, token).await
}

async fn pay_with(world: &World, card: PaymentMethodId) -> TopUpView {
    let request = StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(1_000),
        pay_with: PayWith::Saved(card),
    };
    let started = world.billing.top_ups().start(&world.owner, request).await;
    started.unwrap()
}

async fn keep_house(billing: &Billing) -> usize {
    billing.housekeeping().run().await.unwrap().cards
}

#[tokio::test]
async fn the_same_card_entered_again_leaves_its_newest_token_alone_at_the_gateway() {
    let world = World::new().await;
    let first = add(&world, &world.token(VISA).await).await.unwrap();
    let newer = world.token(VISA).await;
    assert_eq!(add(&world, &newer).await.unwrap().id, first.id);
    assert_eq!(keep_house(&world.billing).await, 1);
    assert_eq!(attached(&world).await, [newer]);
    // Paying with the number once more is entering it again as well.
    let newest = world.token(VISA).await;
    world.top_up_with(2_500, &newest).await;
    assert_eq!(keep_house(&world.billing).await, 1);
    assert_eq!(attached(&world).await, [newest]);
    let paid = pay_with(&world, first.id).await;
    assert!(
        matches!(paid.state, TopUpState::Succeeded { .. }),
        "{paid:?}"
    );
    assert_eq!(keep_house(&world.billing).await, 0);
    assert_eq!(cards(&world).await.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn the_same_token_twice_is_one_card_and_stays_attached() {
    let world = World::new().await;
    let token = world.token(VISA).await;
    let [first, second] = [add(&world, &token).await, add(&world, &token).await];
    assert_eq!(first.unwrap().id, second.unwrap().id);
    world.clock.advance(2 * HOUR);
    assert_eq!(keep_house(&world.billing).await, 0);
    assert_eq!(attached(&world).await, [token]);
    world.finish().await;
}

#[tokio::test]
async fn a_saved_card_is_crossed_out_and_not_detached_when_its_turn_comes() {
    let world = World::new().await;
    let token = world.token(VISA).await;
    add(&world, &token).await.unwrap();
    // As a process leaves it that was ended while it saved the same token again.
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    sqlx::query(
        "insert into gateway_detachments
             (gateway_account, gateway_method, organization_id, detach_at, created_at)
         select gateway_account, gateway_method, organization_id, 0, 0 from payment_methods",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    assert_eq!(keep_house(&world.billing).await, 0);
    let left: i64 = sqlx::query_scalar("select count(*) from gateway_detachments")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 0);
    assert_eq!(attached(&world).await, [token]);
    connection.close().await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn a_removed_card_is_forgotten_by_the_gateway_at_once_or_as_soon_as_it_answers() {
    let world = World::new().await;
    let visa = add(&world, &world.token(VISA).await).await.unwrap();
    let mastercard = add(&world, &world.token(MASTERCARD).await).await.unwrap();
    let methods = world.billing.payment_methods();
    methods.remove(&world.owner, visa.id).await.unwrap();
    assert_eq!(attached(&world).await.len(), 1);

    break_answers(&world, "answer_lost_before", METHODS).await;
    methods.remove(&world.owner, mastercard.id).await.unwrap();
    assert!(cards(&world).await.is_empty());
    assert_eq!(attached(&world).await.len(), 1);
    assert_eq!(keep_house(&world.billing).await, 0);
    heal(&world).await;
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(keep_house(&world.billing).await, 1);
    assert!(attached(&world).await.is_empty());
    assert_eq!(keep_house(&world.billing).await, 0);
    world.finish().await;
}

#[tokio::test]
async fn a_card_whose_saving_was_given_up_half_way_does_not_stay_at_the_gateway() {
    let world = World::with_gateway_timeout(Duration::from_secs(3)).await;
    let token = world.token(VISA).await;
    // The customer is made before the answers get slow.
    assert!(add(&world, "pm_unknown").await.is_err());
    break_answers(&world, "answer_slow", METHODS).await;
    let unheard = add(&world, &token).await;
    assert!(matches!(unheard, Err(PaymentMethodError::Gateway(_))));
    heal(&world).await;
    assert!(cards(&world).await.is_empty());
    assert_eq!(attached(&world).await, [token]);
    // It may still be under way; after an hour it is not.
    assert_eq!(keep_house(&world.billing).await, 0);
    world.clock.advance(HOUR);
    assert_eq!(keep_house(&world.billing).await, 1);
    assert!(attached(&world).await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_card_of_another_organization_cannot_be_taken_over_or_detached_by_its_token() {
    let world = World::new().await;
    let token = world.token(VISA).await;
    add(&world, &token).await.unwrap();
    let (stranger, ..) = world.another().await;
    let methods = world.billing.payment_methods();
    let refused = methods.add(&stranger, &token).await;
    assert!(matches!(refused, Err(PaymentMethodError::Token)));
    let request = StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(1_000),
        pay_with: PayWith::NewCard(token.clone()),
    };
    let top_up = world.billing.top_ups().start(&stranger, request).await;
    let top_up = top_up.unwrap();
    assert!(matches!(top_up.state, TopUpState::Failed { .. }));
    world.clock.advance(2 * HOUR);
    assert_eq!(keep_house(&world.billing).await, 0);
    assert_eq!(attached(&world).await, [token]);
    assert!(world.charged_cents().await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_card_removed_while_its_payment_waited_does_not_come_back() {
    let world = World::new().await;
    let token = world.token(ASKS).await;
    let top_up = world.top_up_with(2_500, &token).await;
    let TopUpState::RequiresAction { url: Some(url) } = &top_up.state else {
        panic!("{top_up:?}");
    };
    let saved = add(&world, &token).await.unwrap();
    confirm(url, "approve").await;
    break_answers(&world, "answer_lost_before", METHODS).await;
    let methods = world.billing.payment_methods();
    methods.remove(&world.owner, saved.id).await.unwrap();
    heal(&world).await;
    // The gateway still has it: it paid, and is attached.
    assert_eq!(attached(&world).await, [token]);
    let found = world.billing.top_ups().find(&world.owner, top_up.id).await;
    let state = found.unwrap().unwrap().state;
    assert!(matches!(state, TopUpState::Succeeded { .. }), "{state:?}");
    assert_eq!(world.balance().await, "25.00");
    assert!(cards(&world).await.is_empty());
    assert_eq!(keep_house(&world.billing).await, 1);
    assert!(attached(&world).await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn old_top_ups_keep_their_cards_label_when_it_is_entered_again_or_removed() {
    let world = World::new().await;
    let visa = add(&world, &world.token(VISA).await).await.unwrap();
    let refused = add(&world, &world.token(DECLINES_CHARGES).await)
        .await
        .unwrap();
    let paid = pay_with(&world, visa.id).await;
    let failed = pay_with(&world, refused.id).await;
    assert!(matches!(failed.state, TopUpState::Failed { .. }));
    add(&world, &world.token(VISA).await).await.unwrap();
    add(&world, &world.token(DECLINES_CHARGES).await)
        .await
        .unwrap();
    for card in cards(&world).await {
        let methods = world.billing.payment_methods();
        methods.remove(&world.owner, card.id).await.unwrap();
    }
    for (top_up, label) in [(&paid, "Visa ···· 4242"), (&failed, "Visa ···· 0341")] {
        let found = world.billing.top_ups().find(&world.owner, top_up.id).await;
        let card = found.unwrap().unwrap().card;
        assert_eq!(card.map(|card| card.label()).as_deref(), Some(label));
    }
    let history = world.billing.history();
    let page = history
        .page(world.owner.organization, None, 10)
        .await
        .unwrap();
    let label = |row: &HistoryRow| match &row.kind {
        HistoryKind::Credit { card, .. } => card.as_ref().map(Card::label),
        HistoryKind::PromotionalCredit
        | HistoryKind::Usage { .. }
        | HistoryKind::Refund { .. }
        | HistoryKind::Dispute { .. }
        | HistoryKind::Expiry
        | HistoryKind::Adjustment => None,
    };
    let labels: Vec<_> = page.rows.iter().map(label).collect();
    assert_eq!(labels.len(), 2);
    assert!(
        labels.contains(&Some("Visa ···· 4242".to_owned())),
        "{labels:?}"
    );
    assert!(
        labels.contains(&Some("Visa ···· 0341".to_owned())),
        "{labels:?}"
    );
    world.finish().await;
}

/// Saves cards of which the gateway knows nothing.
async fn fill(world: &World, count: u32) {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    for number in 0..count {
        sqlx::query(
            "insert into payment_methods
                 (id, organization_id, gateway_account, gateway_method, brand, last_four,
                  expiry_month, expiry_year, fingerprint, is_default, created_at)
             select $1, organization_id, gateway_account, $2, brand, last_four, expiry_month,
                 expiry_year, $2, 0, created_at
             from payment_methods where is_default = 1",
        )
        .bind(PaymentMethodId::generate().to_string())
        .bind(format!("pm_filler_{number}"))
        .execute(&mut connection)
        .await
        .unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn twenty_cards_fit_and_whoever_comes_too_late_pays_all_the_same() {
    let world = World::new().await;
    let first = add(&world, &world.token(VISA).await).await.unwrap();
    fill(&world, 18).await;
    // Three at once for the one place that is left.
    let mut tokens = Vec::new();
    for number in [MASTERCARD, "3566002020360505", "6011111111111117"] {
        tokens.push(world.token(number).await);
    }
    let added = join_all(tokens.iter().map(|token| add(&world, token))).await;
    assert_eq!(added.iter().filter(|added| added.is_ok()).count(), 1);
    let full = |added: &&Result<_, _>| matches!(added, Err(PaymentMethodError::TooMany));
    assert_eq!(added.iter().filter(full).count(), 2);
    assert_eq!(cards(&world).await.len(), 20);
    // A card that is saved already has its place.
    assert_eq!(
        add(&world, &world.token(VISA).await).await.unwrap().id,
        first.id
    );
    let paid = world.top_up(2_500, "6200000000000005").await;
    assert!(matches!(paid.state, TopUpState::Succeeded { .. }));
    assert_eq!(cards(&world).await.len(), 20);
    keep_house(&world.billing).await;
    assert_eq!(attached(&world).await.len(), 2);
    world.finish().await;
}

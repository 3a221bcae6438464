//! What is lost between us and the gateway, and how it is found again.

use std::time::Duration;

use billing::{Reconciled, StartTopUp};
use types::ids::TopUpId;
use types::money::Cents;
use types::top_up::{PayWith, TopUpState};

use crate::world::World;

async fn start(world: &World, cents: i64, token: &str) -> types::top_up::TopUpView {
    let pay_with = PayWith::NewCard(token.to_owned());
    let request = StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(cents),
        pay_with,
    };
    world
        .billing
        .top_ups()
        .start(&world.owner, request)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_silent_gateway_leaves_a_payment_pending_and_nothing_credited() {
    let world = World::new().await;
    // Warm up: the customer exists before the wire is cut.
    world.top_up(500, "4242424242424242").await;
    let token = world.token("4242424242424242").await;
    let id = TopUpId::generate();
    let request = StartTopUp {
        id,
        amount: Cents::new(2_500),
        pay_with: PayWith::NewCard(token.clone()),
    };
    world.stop_gateway();
    let started = world
        .billing
        .top_ups()
        .start(&world.owner, request)
        .await
        .unwrap();
    assert_eq!(started.state, TopUpState::Processing);
    assert_eq!(world.balance().await, "5.00");
    // Too young to be asked about, then asked and still silent.
    let none = world
        .billing
        .reconciliation()
        .settle_pending()
        .await
        .unwrap();
    assert_eq!(none, Reconciled::default());
    world.clock.advance(Duration::from_secs(11));
    let silent = world
        .billing
        .reconciliation()
        .settle_pending()
        .await
        .unwrap();
    assert_eq!(
        silent,
        Reconciled {
            asked: 1,
            settled: 0,
            still_pending: 1
        }
    );
    assert_eq!(world.balance().await, "5.00");
    world.finish().await;
}

#[tokio::test]
async fn a_silent_gateway_is_asked_about_one_payment_and_the_others_keep_their_turn() {
    let world = World::new().await;
    world.top_up(500, "4242424242424242").await;
    let tokens = [
        world.token("4242424242424242").await,
        world.token("5555555555554444").await,
    ];
    world.stop_gateway();
    for token in &tokens {
        let started = start(&world, 2_500, token).await;
        assert_eq!(started.state, TopUpState::Processing);
    }
    world.clock.advance(Duration::from_secs(11));
    let jobs = world.billing.reconciliation();
    // The second of them was not asked about, and so is due in the next round.
    for asked in [1, 1, 0] {
        let round = jobs.settle_pending().await.unwrap();
        assert_eq!((round.asked, round.still_pending), (asked, asked));
    }
    world.finish().await;
}

#[tokio::test]
async fn answers_lost_after_and_before_the_charge_both_end_in_one_charge() {
    let world = World::new().await;
    // The sandbox's own numbers: the answer is lost after the charge, and before it.
    for (number, cents) in [("4000009900000012", 1_000), ("4000009900000020", 2_000)] {
        let token = world.token(number).await;
        let top_up = start(&world, cents, &token).await;
        world.clock.advance(Duration::from_secs(60));
        world
            .billing
            .reconciliation()
            .settle_pending()
            .await
            .unwrap();
        let after = world
            .billing
            .top_ups()
            .find(&world.owner, top_up.id)
            .await
            .unwrap()
            .unwrap();
        assert!(
            matches!(after.state, TopUpState::Succeeded { .. }),
            "{number}: {after:?}"
        );
    }
    let mut charged = world.charged_cents().await;
    charged.sort_unstable();
    assert_eq!(charged, [1_000, 2_000]);
    assert_eq!(world.balance().await, "30.00");
    world.finish().await;
}

/// Loses every answer to a charge until [`heal`].
async fn lose_charges(world: &World, fault: &str) {
    let order = [
        ("fault", fault),
        ("count", "1000"),
        ("seconds", if fault == "answer_slow" { "30" } else { "0" }),
        ("target", "/v1/payment_intents"),
    ];
    world.post_to_gateway("/_control/faults", &order).await;
}

async fn heal(world: &World) {
    world.delete_at_gateway("/_control/faults").await;
}

#[tokio::test]
async fn the_same_key_finds_what_was_charged_before_the_answers_were_lost() {
    let world = World::new().await;
    // Where the answer alone is lost, the adapter's own repeat under the key finds the charge.
    for (fault, is_found_at_once) in [
        ("answer_lost_after", true),
        ("answer_broken", true),
        ("answer_lost_before", false),
    ] {
        let token = world.token("4242424242424242").await;
        lose_charges(&world, fault).await;
        let top_up = start(&world, 1_000, &token).await;
        let is_settled = matches!(top_up.state, TopUpState::Succeeded { .. });
        assert_eq!(is_settled, is_found_at_once, "{fault}: {top_up:?}");
        heal(&world).await;
        world.clock.advance(Duration::from_secs(60));
        world
            .billing
            .reconciliation()
            .settle_pending()
            .await
            .unwrap();
    }
    assert_eq!(world.charged_cents().await, [1_000, 1_000, 1_000]);
    assert_eq!(world.balance().await, "30.00");
    world.finish().await;
}

#[tokio::test]
async fn past_the_gateways_memory_a_payment_is_looked_up_and_never_repeated() {
    let world = World::with_gateway_timeout(Duration::from_secs(2)).await;
    for (fault, charged, balance) in [
        ("answer_lost_before", vec![], "0.00"),
        ("answer_slow", vec![1_000], "10.00"),
    ] {
        let token = world.token("4242424242424242").await;
        lose_charges(&world, fault).await;
        let top_up = start(&world, 1_000, &token).await;
        assert_eq!(top_up.state, TopUpState::Processing, "{fault}");
        heal(&world).await;
        world.clock.advance(Duration::from_secs(25 * 3_600));
        let done = world
            .billing
            .reconciliation()
            .settle_pending()
            .await
            .unwrap();
        assert_eq!(
            done,
            Reconciled {
                asked: 1,
                settled: 1,
                still_pending: 0
            },
            "{fault}"
        );
        assert_eq!(world.charged_cents().await, charged, "{fault}");
        assert_eq!(world.balance().await, balance, "{fault}");
        let after = world
            .billing
            .top_ups()
            .find(&world.owner, top_up.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            matches!(after.state, TopUpState::Succeeded { .. }),
            !charged.is_empty()
        );
    }
    world.finish().await;
}

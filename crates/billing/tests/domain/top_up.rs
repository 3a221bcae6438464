use billing::{Problem, StartTopUp, TopUpError};
use types::ids::{PaymentMethodId, TopUpId};
use types::money::Cents;
use types::payment::DeclineReason;
use types::tenancy::Role;
use types::top_up::{PayWith, TopUpState, TopUpView};

use crate::gateway_side::{ASKS, MASTERCARD, VISA};
use crate::world::{World, confirm};

#[tokio::test]
async fn a_top_up_with_a_new_card_credits_the_balance_and_saves_the_card() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await;
    assert!(
        matches!(top_up.state, TopUpState::Succeeded { .. }),
        "{top_up:?}"
    );
    assert_eq!(top_up.balance.dollars().exact(), "25.00");
    let methods = world
        .billing
        .payment_methods()
        .list(world.owner.organization)
        .await
        .unwrap();
    assert_eq!(methods.len(), 1);
    assert!(methods[0].is_default);
    assert_eq!(methods[0].card.label(), "Visa ···· 4242");
    assert_eq!(world.charged_cents().await, [2_500]);
    world.finish().await;
}

#[tokio::test]
async fn the_saved_card_pays_again_and_is_not_saved_twice() {
    let world = World::new().await;
    world.top_up(2_500, VISA).await;
    let methods = world
        .billing
        .payment_methods()
        .list(world.owner.organization)
        .await
        .unwrap();
    let request = StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(1_000),
        pay_with: PayWith::Saved(methods[0].id),
    };
    let top_up = world
        .billing
        .top_ups()
        .start(&world.owner, request)
        .await
        .unwrap();
    assert!(matches!(top_up.state, TopUpState::Succeeded { .. }));
    world.top_up(500, VISA).await;
    assert_eq!(world.balance().await, "40.00");
    let methods = world
        .billing
        .payment_methods()
        .list(world.owner.organization)
        .await
        .unwrap();
    assert_eq!(methods.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_declined_card_leaves_the_balance_alone() {
    let world = World::new().await;
    for (number, reason) in [
        ("4000000000000002", DeclineReason::Generic),
        ("4000000000009995", DeclineReason::InsufficientFunds),
        ("4000000000009987", DeclineReason::LostOrStolen),
        ("4000000000009979", DeclineReason::LostOrStolen),
        ("4000000000000069", DeclineReason::ExpiredCard),
        ("4000000000000127", DeclineReason::IncorrectCvc),
        ("4000000000000119", DeclineReason::ProcessingError),
        ("4000000000006975", DeclineReason::VelocityExceeded),
        ("4100000000000019", DeclineReason::Fraudulent),
        ("4000000000000341", DeclineReason::Generic),
    ] {
        let top_up = world.top_up(2_500, number).await;
        assert_eq!(top_up.state, TopUpState::Failed { reason }, "{number}");
        assert!(top_up.balance.is_zero());
    }
    assert!(world.charged_cents().await.is_empty());
    let methods = world
        .billing
        .payment_methods()
        .list(world.owner.organization)
        .await
        .unwrap();
    assert!(methods.is_empty(), "{methods:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_top_up_that_the_bank_asks_about_is_credited_once_confirmed() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, "4000000000003220").await;
    let TopUpState::RequiresAction { url: Some(url) } = &top_up.state else {
        panic!("{top_up:?}");
    };
    assert!(url.contains("3ds"), "{url}");
    assert_eq!(world.balance().await, "0.00");
    confirm(url, "approve").await;
    let after = world
        .billing
        .top_ups()
        .find(&world.owner, top_up.id)
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(after.state, TopUpState::Succeeded { .. }),
        "{after:?}"
    );
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_top_up_that_the_person_does_not_confirm_fails_and_nothing_is_charged() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, "4000000000003220").await;
    let TopUpState::RequiresAction { url: Some(url) } = &top_up.state else {
        panic!("{top_up:?}");
    };
    confirm(url, "fail").await;
    let after = world
        .billing
        .top_ups()
        .find(&world.owner, top_up.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        after.state,
        TopUpState::Failed {
            reason: DeclineReason::AuthenticationFailed
        }
    );
    assert_eq!(world.balance().await, "0.00");
    world.finish().await;
}

/// Clicks a hundred times at the same moment; answers what each one was told.
async fn click_a_hundred_times(world: &World, request: &StartTopUp) -> Vec<TopUpView> {
    let clicks: Vec<_> = (0..100)
        .map(|_| {
            let (top_ups, owner) = (world.billing.top_ups(), world.owner.clone());
            let request = request.clone();
            tokio::spawn(async move { top_ups.start(&owner, request).await })
        })
        .collect();
    let mut answers = Vec::new();
    for click in clicks {
        answers.push(click.await.unwrap().unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_click_a_hundred_times_is_one_charge_and_one_answer_in_each_of_twenty_rounds() {
    let world = World::new().await;
    for round in 1..=20 {
        let request = StartTopUp {
            id: TopUpId::generate(),
            amount: Cents::new(2_500),
            pay_with: PayWith::NewCard(world.token(VISA).await),
        };
        let answers = click_a_hundred_times(&world, &request).await;
        let settled = matches!(answers[0].state, TopUpState::Succeeded { .. });
        assert!(settled, "round {round}: {:?}", answers[0]);
        for answer in &answers {
            assert_eq!(*answer, answers[0], "round {round}");
        }
        assert_eq!(world.charged_cents().await, vec![2_500; round]);
    }
    assert_eq!(world.balance().await, "500.00");
    world.finish().await;
}

#[tokio::test]
async fn whoever_may_not_pay_is_not_shown_where_the_bank_asks() {
    let world = World::new().await;
    let asked = world.top_up(2_500, ASKS).await;
    let top_ups = world.billing.top_ups();
    for role in Role::ALL {
        let viewer = if role == Role::Owner {
            world.owner.clone()
        } else {
            world.viewer_with(role).await
        };
        let found = top_ups.find(&viewer, asked.id).await.unwrap().unwrap();
        let TopUpState::RequiresAction { url } = found.state else {
            panic!("{role:?}: {:?}", found.state);
        };
        assert_eq!(url.is_some(), role.may_change_money(), "{role:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_customer_that_was_deleted_at_the_gateway_is_made_anew_and_pays_again() {
    let world = World::new().await;
    world.top_up(2_500, VISA).await;
    delete_customer(&world).await;
    let refused = world.top_up(2_500, MASTERCARD).await;
    let reason = DeclineReason::ProcessingError;
    assert_eq!(refused.state, TopUpState::Failed { reason });
    // What went wrong is mended by now.
    let paid = world.top_up(2_500, MASTERCARD).await;
    assert!(
        matches!(paid.state, TopUpState::Succeeded { .. }),
        "{paid:?}"
    );
    assert_eq!(world.balance().await, "50.00");
    // The same when a card is added.
    delete_customer(&world).await;
    let token = world.token(VISA).await;
    let methods = world.billing.payment_methods();
    methods.set_up(&world.owner, &token).await.unwrap_err();
    methods.set_up(&world.owner, &token).await.unwrap();
    world.finish().await;
}

async fn delete_customer(world: &World) {
    let customers = crate::gateway_side::customers(world).await;
    let newest = &customers[0];
    world
        .delete_at_gateway(&format!("/v1/customers/{newest}"))
        .await;
}

#[tokio::test]
async fn an_id_with_another_amount_or_card_or_organization_is_refused() {
    let world = World::new().await;
    let token = world.token(VISA).await;
    let id = TopUpId::generate();
    let request = |cents, token: &str| StartTopUp {
        id,
        amount: Cents::new(cents),
        pay_with: PayWith::NewCard(token.to_owned()),
    };
    let top_ups = world.billing.top_ups();
    top_ups
        .start(&world.owner, request(2_500, &token))
        .await
        .unwrap();
    let other = world.token(VISA).await;
    let (stranger, ..) = world.another().await;
    for refused in [
        top_ups.start(&world.owner, request(1_000, &token)).await,
        top_ups.start(&world.owner, request(2_500, &other)).await,
        top_ups.start(&stranger, request(2_500, &token)).await,
    ] {
        assert!(matches!(refused, Err(TopUpError::IdReused)), "{refused:?}");
    }
    assert!(top_ups.find(&stranger, id).await.unwrap().is_none());
    assert_eq!(world.charged_cents().await, [2_500]);
    world.finish().await;
}

#[tokio::test]
async fn amounts_outside_the_limits_and_roles_without_money_are_refused() {
    let world = World::new().await;
    let token = world.token(VISA).await;
    let request = |cents| StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(cents),
        pay_with: PayWith::NewCard(token.clone()),
    };
    let top_ups = world.billing.top_ups();
    for cents in [-500, 0, 499, 50_001] {
        let refused = top_ups
            .start(&world.owner, request(cents))
            .await
            .unwrap_err();
        assert_eq!(refused.field().as_deref(), Some("amount"), "{cents}");
    }
    for role in [Role::Member, Role::Finance] {
        let viewer = world.viewer_with(role).await;
        let refused = top_ups.start(&viewer, request(2_500)).await;
        assert!(matches!(refused, Err(TopUpError::NotAllowed)), "{role:?}");
    }
    let admin = world.viewer_with(Role::BillingAdmin).await;
    assert!(top_ups.start(&admin, request(2_500)).await.is_ok());
    assert_eq!(world.charged_cents().await, [2_500]);
    world.finish().await;
}

#[tokio::test]
async fn a_card_of_another_organization_cannot_pay() {
    let world = World::new().await;
    world.top_up(2_500, VISA).await;
    let methods = world
        .billing
        .payment_methods()
        .list(world.owner.organization)
        .await
        .unwrap();
    let (stranger, ..) = world.another().await;
    for id in [methods[0].id, PaymentMethodId::generate()] {
        let request = StartTopUp {
            id: TopUpId::generate(),
            amount: Cents::new(2_500),
            pay_with: PayWith::Saved(id),
        };
        let refused = world.billing.top_ups().start(&stranger, request).await;
        assert!(matches!(refused, Err(TopUpError::PaymentMethodNotFound)));
    }
    for token in ["", "pm_1/../x", "4242 4242"] {
        let pay_with = PayWith::NewCard(token.to_owned());
        let request = StartTopUp {
            id: TopUpId::generate(),
            amount: Cents::new(2_500),
            pay_with,
        };
        let refused = world.billing.top_ups().start(&world.owner, request).await;
        assert!(matches!(refused, Err(TopUpError::Token)), "{token:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_repeat_is_answered_as_before_even_when_its_card_was_removed_since() {
    let world = World::new().await;
    world.top_up(2_500, VISA).await;
    let methods = world.billing.payment_methods();
    let card = methods.list(world.owner.organization).await.unwrap()[0].id;
    let request = StartTopUp {
        id: TopUpId::generate(),
        amount: Cents::new(1_000),
        pay_with: PayWith::Saved(card),
    };
    let first = world
        .billing
        .top_ups()
        .start(&world.owner, request.clone())
        .await
        .unwrap();
    methods.remove(&world.owner, card).await.unwrap();
    let again = world
        .billing
        .top_ups()
        .start(&world.owner, request)
        .await
        .unwrap();
    assert_eq!((first.state, first.id), (again.state, again.id));
    assert_eq!(world.charged_cents().await.len(), 2);
    world.finish().await;
}

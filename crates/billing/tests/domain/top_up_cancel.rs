//! A person who gives a payment up that their bank asks about.

use billing::{Problem, ProblemKind, TopUpError};
use types::ids::TopUpId;
use types::tenancy::Role;
use types::top_up::{TopUpState, TopUpView};

use crate::gateway_side::{ASKS, statuses};
use crate::world::{World, confirm};

const VISA: &str = "4242424242424242";

async fn asked(world: &World) -> (TopUpView, String) {
    let top_up = world.top_up(2_500, ASKS).await;
    let TopUpState::RequiresAction { url: Some(url) } = &top_up.state else {
        panic!("{top_up:?}");
    };
    let url = url.clone();
    (top_up, url)
}

#[tokio::test]
async fn a_payment_that_is_given_up_can_never_be_paid_and_another_card_can_pay() {
    let world = World::new().await;
    let (waiting, url) = asked(&world).await;
    let top_ups = world.billing.top_ups();
    for _ in 0..2 {
        let given_up = top_ups.cancel(&world.owner, waiting.id).await.unwrap();
        assert_eq!(given_up.unwrap().state, TopUpState::Canceled);
    }
    assert_eq!(statuses(&world).await, ["canceled"]);
    // Whoever still has the bank's page open pays nothing.
    confirm(&url, "approve").await;
    let after = top_ups.find(&world.owner, waiting.id).await.unwrap();
    assert_eq!(after.unwrap().state, TopUpState::Canceled);
    assert!(world.charged_cents().await.is_empty());

    world.top_up(2_500, VISA).await;
    assert_eq!(world.charged_cents().await, [2_500]);
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_payment_that_was_confirmed_before_it_is_given_up_is_credited() {
    let world = World::new().await;
    let (waiting, url) = asked(&world).await;
    confirm(&url, "approve").await;
    let top_ups = world.billing.top_ups();
    let given_up = top_ups.cancel(&world.owner, waiting.id).await.unwrap();
    assert!(matches!(
        given_up.unwrap().state,
        TopUpState::Succeeded { .. }
    ));
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_payment_that_waits_for_its_bank_is_found_behind_newer_ones_until_it_ends() {
    let world = World::new().await;
    let top_ups = world.billing.top_ups();
    let organization = world.owner.organization;
    assert_eq!(top_ups.waiting(organization).await.unwrap(), None);
    let (waiting, _) = asked(&world).await;
    for _ in 0..6 {
        world.top_up(2_500, VISA).await;
    }
    let found = top_ups.waiting(organization).await.unwrap();
    assert_eq!(found, Some((waiting.id, waiting.amount)));
    let others = types::ids::OrganizationId::generate();
    assert_eq!(top_ups.waiting(others).await.unwrap(), None);
    top_ups.cancel(&world.owner, waiting.id).await.unwrap();
    assert_eq!(top_ups.waiting(organization).await.unwrap(), None);
    world.finish().await;
}

#[tokio::test]
async fn a_gateway_that_is_silent_leaves_the_payment_waiting() {
    let world = World::new().await;
    let (waiting, _) = asked(&world).await;
    world.stop_gateway();
    let top_ups = world.billing.top_ups();
    let after = top_ups.cancel(&world.owner, waiting.id).await.unwrap();
    assert_eq!(after.unwrap().state, waiting.state);
    world.finish().await;
}

#[tokio::test]
async fn what_has_ended_is_left_as_it_is() {
    let world = World::new().await;
    let paid = world.top_up(2_500, VISA).await;
    let top_ups = world.billing.top_ups();
    let after = top_ups.cancel(&world.owner, paid.id).await.unwrap();
    assert_eq!(after.unwrap().state, paid.state);
    assert_eq!(world.balance().await, "25.00");
    let nothing = top_ups.cancel(&world.owner, TopUpId::generate()).await;
    assert!(nothing.unwrap().is_none());
    world.finish().await;
}

#[tokio::test]
async fn only_whoever_may_pay_may_give_a_payment_up_and_only_their_own() {
    let world = World::new().await;
    let (waiting, _) = asked(&world).await;
    let top_ups = world.billing.top_ups();
    for role in [Role::Member, Role::Finance] {
        let viewer = world.viewer_with(role).await;
        let refused = top_ups.cancel(&viewer, waiting.id).await.unwrap_err();
        assert!(matches!(refused, TopUpError::NotAllowed), "{refused}");
        assert_eq!(refused.kind(), ProblemKind::NotAllowed);
    }
    let (stranger, ..) = world.another().await;
    let theirs = top_ups.cancel(&stranger, waiting.id).await.unwrap();
    assert!(theirs.is_none());
    assert_eq!(statuses(&world).await, ["requires_action"]);
    world.finish().await;
}

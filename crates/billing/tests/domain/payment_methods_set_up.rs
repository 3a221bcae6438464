//! Adding a card while its owner is at the page, whose bank may ask; and cards that their banks
//! have replaced.

use std::time::Duration;

use billing::{Clock, PaymentMethodError, Problem, Received};
use types::payment::{AddedCard, CardQuestion, DeclineReason, PaymentMethodView};
use types::tenancy::Role;
use types::time::Timestamp;

use crate::gateway_side::{ASKS, VISA, attached, break_answers, heal, notice_of, tell};
use crate::world::{World, confirm};

const DECLINED: &str = "4000000000000002";

async fn set_up(world: &World, token: &str) -> Result<AddedCard, PaymentMethodError> {
    let methods = world.billing.payment_methods();
    methods.set_up(&world.owner, token).await
}

async fn finish(world: &World, setup: &str) -> Result<AddedCard, PaymentMethodError> {
    let methods = world.billing.payment_methods();
    methods.finish_set_up(&world.owner, setup).await
}

async fn cards(world: &World) -> Vec<PaymentMethodView> {
    let methods = world.billing.payment_methods();
    methods.list(world.owner.organization).await.unwrap()
}

/// What the bank of a card asks before it lets the card be saved.
async fn question(world: &World, number: &str) -> CardQuestion {
    let token = world.token(number).await;
    match set_up(world, &token).await.unwrap() {
        AddedCard::RequiresAction(question) => question,
        added @ (AddedCard::Saved(_) | AddedCard::SavedBefore(_)) => {
            panic!("its bank was to ask: {added:?}")
        }
    }
}

#[tokio::test]
async fn a_card_whose_bank_does_not_ask_is_saved_at_once_and_not_charged() {
    let world = World::new().await;
    let added = set_up(&world, &world.token(VISA).await).await.unwrap();
    assert!(matches!(&added, AddedCard::Saved(card) if card.is_default));
    assert_eq!(cards(&world).await.len(), 1);
    assert_eq!(world.charged_cents().await, [0_i64; 0]);
    world.finish().await;
}

#[tokio::test]
async fn a_card_whose_bank_asks_is_saved_once_its_owner_has_confirmed() {
    let world = World::new().await;
    let question = question(&world, ASKS).await;
    // The bank's page is enough: no secret leaves the server beside it.
    assert_eq!(question.client_secret, None);
    let waiting = finish(&world, &question.setup).await.unwrap();
    assert_eq!(waiting, AddedCard::RequiresAction(question.clone()));
    assert!(cards(&world).await.is_empty());

    confirm(&question.url.unwrap(), "approve").await;
    let added = finish(&world, &question.setup).await.unwrap();
    let AddedCard::Saved(card) = added else {
        panic!("{added:?}");
    };
    // Asked again, as by another tab, it is the same card.
    let again = finish(&world, &question.setup).await.unwrap();
    assert_eq!(again, AddedCard::Saved(card));
    // It is off the list of what is to be forgotten.
    world.clock.advance(Duration::from_secs(2 * 3_600));
    assert_eq!(world.billing.housekeeping().run().await.unwrap().cards, 0);
    assert_eq!(attached(&world).await.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_card_whose_owner_does_not_confirm_is_not_saved() {
    let world = World::new().await;
    let question = question(&world, ASKS).await;
    confirm(&question.url.unwrap(), "fail").await;
    let refused = finish(&world, &question.setup).await.unwrap_err();
    assert!(matches!(
        refused,
        PaymentMethodError::Declined {
            reason: DeclineReason::AuthenticationFailed
        }
    ));
    assert!(cards(&world).await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn whoever_never_comes_back_from_their_bank_leaves_no_card_behind() {
    let world = World::new().await;
    let question = question(&world, ASKS).await;
    confirm(&question.url.unwrap(), "approve").await;
    assert_eq!(attached(&world).await.len(), 1);
    world.clock.advance(Duration::from_secs(2 * 3_600));
    assert_eq!(world.billing.housekeeping().run().await.unwrap().cards, 1);
    assert!(attached(&world).await.is_empty());
    assert!(finish(&world, &question.setup).await.is_err());
    assert!(cards(&world).await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn the_same_number_entered_again_is_said_to_be_saved_before() {
    let world = World::new().await;
    let token = world.token(VISA).await;
    let AddedCard::Saved(first) = set_up(&world, &token).await.unwrap() else {
        panic!("it was to be new");
    };
    // The same request again is the same act.
    let repeated = set_up(&world, &token).await.unwrap();
    assert!(matches!(repeated, AddedCard::Saved(card) if card.id == first.id));
    let again = set_up(&world, &world.token(VISA).await).await.unwrap();
    assert!(matches!(again, AddedCard::SavedBefore(card) if card.id == first.id));
    assert_eq!(cards(&world).await.len(), 1);
    world.billing.housekeeping().run().await.unwrap();
    assert_eq!(attached(&world).await.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_card_that_its_bank_declines_is_not_saved_and_said_so() {
    let world = World::new().await;
    let error = set_up(&world, &world.token(DECLINED).await)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "card_declined");
    for token in ["", "pm_unknown", "../x"] {
        assert!(set_up(&world, token).await.is_err(), "{token:?}");
    }
    assert!(cards(&world).await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_card_is_saved_once_whatever_answer_was_lost() {
    let world = World::new().await;
    let token = world.token(VISA).await;
    break_answers(&world, "answer_lost_before", "/v1/setup_intents").await;
    let error = set_up(&world, &token).await.unwrap_err();
    assert!(matches!(error, PaymentMethodError::Gateway(_)), "{error:?}");
    heal(&world).await;
    // It was done and not heard of: the same again under the same key finds it.
    break_answers(&world, "answer_lost_after", "/v1/setup_intents").await;
    let added = set_up(&world, &token).await.unwrap();
    assert!(matches!(added, AddedCard::Saved(_)), "{added:?}");
    assert_eq!(cards(&world).await.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn nobody_finishes_what_another_organization_began_nor_without_the_role() {
    let world = World::new().await;
    let question = question(&world, ASKS).await;
    confirm(&question.url.unwrap(), "approve").await;
    let methods = world.billing.payment_methods();
    let (stranger, ..) = world.another().await;
    // With cards of their own, too.
    for _ in 0..2 {
        let refused = methods.finish_set_up(&stranger, &question.setup).await;
        assert!(matches!(refused, Err(PaymentMethodError::Token)));
        let token = world.token(VISA).await;
        methods.set_up(&stranger, &token).await.unwrap();
    }
    for role in [Role::Member, Role::Finance] {
        let viewer = world.viewer_with(role).await;
        let refused = methods.finish_set_up(&viewer, &question.setup).await;
        assert!(matches!(refused, Err(PaymentMethodError::NotAllowed)));
        let refused = methods.set_up(&viewer, &world.token(VISA).await).await;
        assert!(matches!(refused, Err(PaymentMethodError::NotAllowed)));
    }
    for setup in ["seti_unknown", "", "../payment_methods"] {
        assert!(finish(&world, setup).await.is_err(), "{setup:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_card_that_its_bank_replaced_has_the_new_expiry_without_anybody_doing_anything() {
    let world = World::new().await;
    let token = world.token(VISA).await;
    let AddedCard::Saved(before) = set_up(&world, &token).await.unwrap() else {
        panic!("it was to be saved");
    };
    let renewed = [("card[exp_month]", "9"), ("card[exp_year]", "2039")];
    world
        .post_to_gateway(&format!("/v1/payment_methods/{token}"), &renewed)
        .await;
    let notice = notice_of(&world, "payment_method.updated").await;
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Applied);
    let again = tell(&world, &notice).await.unwrap();
    assert_eq!(again, Received::AlreadyApplied);
    let [card] = cards(&world).await.try_into().unwrap();
    assert_eq!(card.id, before.id);
    assert_eq!((card.card.expiry_month, card.card.expiry_year), (9, 2_039));
    assert!(card.is_default && !card.expires_soon);
    world.finish().await;
}

#[tokio::test]
async fn a_card_that_its_network_renews_is_about_to_expire_and_expired_by_its_new_expiry() {
    let world = World::new().await;
    let token = world.token(VISA).await;
    set_up(&world, &token).await.unwrap();
    let renew = format!("/_control/payment_methods/{token}/automatic_update");
    let later = [("card[exp_month]", "9"), ("card[exp_year]", "2039")];
    world.post_to_gateway(&renew, &later).await;
    let notice = notice_of(&world, "payment_method.automatically_updated").await;
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Applied);
    let stands = [
        ("2039-07-31T00:00:00Z", false, false),
        ("2039-08-01T00:00:00Z", true, false),
        ("2039-09-30T00:00:00Z", true, false),
        ("2039-10-01T00:00:00Z", false, true),
    ];
    for (day, expires_soon, is_expired) in stands {
        let day: Timestamp = day.parse().unwrap();
        world
            .clock
            .advance((day - world.clock.now()).to_std().unwrap());
        let [card] = cards(&world).await.try_into().unwrap();
        let standing = (card.expires_soon, card.is_expired);
        assert_eq!(standing, (expires_soon, is_expired), "{day}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_notice_about_a_card_that_is_not_saved_here_changes_nothing() {
    let world = World::new().await;
    let token = world.token(VISA).await;
    set_up(&world, &token).await.unwrap();
    let card = cards(&world).await[0].clone();
    let renewed = [("card[exp_month]", "9"), ("card[exp_year]", "2039")];
    world
        .post_to_gateway(&format!("/v1/payment_methods/{token}"), &renewed)
        .await;
    let notice = notice_of(&world, "payment_method.updated").await;
    let methods = world.billing.payment_methods();
    methods.remove(&world.owner, card.id).await.unwrap();
    assert_eq!(tell(&world, &notice).await.unwrap(), Received::Ignored);
    assert!(cards(&world).await.is_empty());
    world.finish().await;
}

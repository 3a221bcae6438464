use billing::{PaymentMethodError, Problem};
use types::ids::PaymentMethodId;
use types::tenancy::Role;

use crate::world::World;

const VISA: &str = "4242424242424242";
const MASTERCARD: &str = "5555555555554444";

#[tokio::test]
async fn the_first_card_is_the_default_until_another_is_chosen() {
    let world = World::new().await;
    let methods = world.billing.payment_methods();
    let visa = methods
        .add(&world.owner, &world.token(VISA).await)
        .await
        .unwrap();
    let mastercard = methods
        .add(&world.owner, &world.token(MASTERCARD).await)
        .await
        .unwrap();
    assert!(visa.is_default && !mastercard.is_default);
    methods
        .set_default(&world.owner, mastercard.id)
        .await
        .unwrap();
    let list = methods.list(world.owner.organization).await.unwrap();
    let defaults: Vec<_> = list
        .iter()
        .map(|method| (method.id, method.is_default))
        .collect();
    assert_eq!(defaults, [(mastercard.id, true), (visa.id, false)]);
    world.finish().await;
}

#[tokio::test]
async fn a_removed_default_passes_to_the_newest_of_the_others() {
    let world = World::new().await;
    let methods = world.billing.payment_methods();
    let visa = methods
        .add(&world.owner, &world.token(VISA).await)
        .await
        .unwrap();
    let mastercard = methods
        .add(&world.owner, &world.token(MASTERCARD).await)
        .await
        .unwrap();
    methods.remove(&world.owner, visa.id).await.unwrap();
    let list = methods.list(world.owner.organization).await.unwrap();
    assert_eq!(list.len(), 1);
    assert!(list[0].id == mastercard.id && list[0].is_default);
    let gone = methods.remove(&world.owner, visa.id).await;
    assert!(matches!(gone, Err(PaymentMethodError::NotFound)));
    methods.remove(&world.owner, mastercard.id).await.unwrap();
    assert!(
        methods
            .list(world.owner.organization)
            .await
            .unwrap()
            .is_empty()
    );
    world.finish().await;
}

#[tokio::test]
async fn the_same_card_again_is_not_saved_twice_and_may_come_back_after_removal() {
    let world = World::new().await;
    let methods = world.billing.payment_methods();
    let first = methods
        .add(&world.owner, &world.token(VISA).await)
        .await
        .unwrap();
    let again = methods
        .add(&world.owner, &world.token(VISA).await)
        .await
        .unwrap();
    assert_eq!(first.id, again.id);
    methods.remove(&world.owner, first.id).await.unwrap();
    let back = methods
        .add(&world.owner, &world.token(VISA).await)
        .await
        .unwrap();
    assert!(back.is_default && back.id != first.id);
    world.finish().await;
}

#[tokio::test]
async fn a_card_that_the_bank_declines_is_not_saved() {
    let world = World::new().await;
    let methods = world.billing.payment_methods();
    let refused = methods
        .add(&world.owner, &world.token("4000000000000127").await)
        .await;
    let error = refused.unwrap_err();
    assert_eq!(
        (error.code(), error.field().as_deref()),
        ("card_declined", Some("security_code"))
    );
    for token in ["", "pm_unknown", "../x"] {
        assert!(methods.add(&world.owner, token).await.is_err(), "{token:?}");
    }
    assert!(
        methods
            .list(world.owner.organization)
            .await
            .unwrap()
            .is_empty()
    );
    world.finish().await;
}

#[tokio::test]
async fn only_those_who_may_change_money_change_cards_and_only_their_own() {
    let world = World::new().await;
    let methods = world.billing.payment_methods();
    let visa = methods
        .add(&world.owner, &world.token(VISA).await)
        .await
        .unwrap();
    let token = world.token(MASTERCARD).await;
    for role in [Role::Member, Role::Finance] {
        let viewer = world.viewer_with(role).await;
        assert!(matches!(
            methods.add(&viewer, &token).await,
            Err(PaymentMethodError::NotAllowed)
        ));
        let refused = methods.set_default(&viewer, visa.id).await;
        assert!(matches!(refused, Err(PaymentMethodError::NotAllowed)));
        let refused = methods.remove(&viewer, visa.id).await;
        assert!(matches!(refused, Err(PaymentMethodError::NotAllowed)));
    }
    let (stranger, ..) = world.another().await;
    for id in [visa.id, PaymentMethodId::generate()] {
        let refused = methods.set_default(&stranger, id).await;
        assert!(matches!(refused, Err(PaymentMethodError::NotFound)));
        let refused = methods.remove(&stranger, id).await;
        assert!(matches!(refused, Err(PaymentMethodError::NotFound)));
    }
    assert!(
        methods
            .list(stranger.organization)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        methods.list(world.owner.organization).await.unwrap().len(),
        1
    );
    world.finish().await;
}

#[tokio::test]
async fn expiry_is_told_by_the_last_day_of_its_month() {
    let world = World::new().await;
    let methods = world.billing.payment_methods();
    methods
        .add(&world.owner, &world.token(VISA).await)
        .await
        .unwrap();
    for (now, is_expired, expires_soon) in [
        ("2031-02-28T23:59:59Z", false, false),
        ("2031-03-01T00:00:00Z", false, true),
        ("2031-04-30T23:59:59Z", false, true),
        ("2031-05-01T00:00:00Z", true, false),
    ] {
        world.clock.set(now.parse().unwrap());
        let list = methods.list(world.owner.organization).await.unwrap();
        assert_eq!(
            (list[0].is_expired, list[0].expires_soon),
            (is_expired, expires_soon),
            "{now}"
        );
    }
    world.finish().await;
}

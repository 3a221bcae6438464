use billing::payments::gateway::{ChargeRequest, GatewaySetup, Presence, SetupOutcome};
use types::ids::OrganizationId;
use types::payment::DeclineReason;

use crate::support::{ASKS, Counterpart, DECLINED, GOOD, settled};

const RETURN_URL: &str = "https://billing.example/billing/confirmed";

#[tokio::test]
async fn a_card_that_is_set_up_is_charged_in_its_owners_absence() {
    let at = Counterpart::open().await;
    let method = at.method(GOOD).await;
    let set_up = async || {
        let outcome = at.gateway.set_up(&at.customer, &method, Some(RETURN_URL));
        let SetupOutcome::SetUp(kept) = outcome.await.unwrap() else {
            panic!("it was to be set up");
        };
        kept
    };
    let kept = set_up().await;
    assert!(kept.attached && kept.fingerprint.is_some());
    assert_eq!(kept.card.last4, "4242");
    // The same once more is the same card.
    assert_eq!(set_up().await, kept);
    let request = ChargeRequest {
        presence: Presence::OffSession,
        ..at.request_with(kept.method)
    };
    settled(at.gateway.charge(&request).await.unwrap());
}

#[tokio::test]
async fn a_bank_that_asks_about_a_card_has_a_page_and_the_setup_is_found_by_its_customer_alone() {
    let at = Counterpart::open().await;
    let method = at.method(ASKS).await;
    let asked = at.gateway.set_up(&at.customer, &method, Some(RETURN_URL));
    let asked = asked.await.unwrap();
    let SetupOutcome::RequiresAction {
        setup,
        url: Some(page),
        client_secret: Some(secret),
    } = &asked
    else {
        panic!("the bank was to ask");
    };
    assert!(page.starts_with("http"), "{page}");
    assert!(secret.starts_with(setup.as_str()));
    let found = at.gateway.find_setup(&at.customer, setup).await;
    assert!(matches!(
        found,
        Ok(Some(SetupOutcome::RequiresAction { setup: found, .. })) if found == *setup
    ));
    let stranger = OrganizationId::generate();
    let stranger = at
        .gateway
        .create_customer(stranger, "Stranger", "s@example.com", None);
    let stranger = stranger.await.unwrap();
    assert_eq!(at.gateway.find_setup(&stranger, setup).await, Ok(None));
    let nothing: GatewaySetup = "seti_1NothingOfThatName".parse().unwrap();
    assert_eq!(
        at.gateway.find_setup(&at.customer, &nothing).await,
        Ok(None)
    );
}

#[tokio::test]
async fn a_card_that_its_bank_declines_or_that_does_not_exist_is_not_set_up() {
    let at = Counterpart::open().await;
    let declined = at.method(DECLINED).await;
    let reason = DeclineReason::Generic;
    assert_eq!(
        at.gateway.set_up(&at.customer, &declined, None).await,
        Ok(SetupOutcome::Declined { reason })
    );
    let nothing = "pm_1NothingOfThatName".parse().unwrap();
    let refused = SetupOutcome::Refused {
        code: "resource_missing".to_owned(),
    };
    let outcome = at.gateway.set_up(&at.customer, &nothing, None).await;
    assert_eq!(outcome, Ok(refused));
}

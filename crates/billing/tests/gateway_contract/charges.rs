use std::time::Duration;

use billing::payments::gateway::{ChargeRequest, GatewayError, Outcome, Presence};
use futures::future::join_all;
use types::ids::TopUpId;
use types::money::Cents;
use types::payment::{CardBrand, DeclineReason};

use crate::support::{
    AMOUNT, ASKS, Counterpart, DECLINED, GOOD, TestCard, an_hour_ago, bank_page, settled,
};

#[tokio::test]
async fn a_good_card_is_charged() {
    let at = Counterpart::open().await;
    let charge = at.gateway.charge(&at.request(GOOD).await).await.unwrap();
    let settled = settled(charge);
    assert_eq!(settled.amount, AMOUNT);
    let fee = settled.fee.expect("what is kept is known at once");
    assert!(fee > Cents::new(0) && fee < AMOUNT, "{fee}");
    let method = settled.method.expect("it was paid with a card");
    assert_eq!(
        (method.card.brand, method.card.last4.as_str()),
        (CardBrand::Visa, "4242")
    );
    assert!(method.fingerprint.is_some());
    assert!(!method.attached);
}

#[tokio::test]
async fn every_decline_has_its_reason_and_takes_nothing() {
    let cases = [
        (
            "4000000000000002",
            "pm_card_visa_chargeDeclined",
            DeclineReason::Generic,
        ),
        (
            "4000000000009995",
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            DeclineReason::InsufficientFunds,
        ),
        (
            "4000000000009987",
            "pm_card_visa_chargeDeclinedLostCard",
            DeclineReason::LostOrStolen,
        ),
        (
            "4000000000009979",
            "pm_card_visa_chargeDeclinedStolenCard",
            DeclineReason::LostOrStolen,
        ),
        (
            "4000000000000069",
            "pm_card_chargeDeclinedExpiredCard",
            DeclineReason::ExpiredCard,
        ),
        (
            "4000000000000127",
            "pm_card_chargeDeclinedIncorrectCvc",
            DeclineReason::IncorrectCvc,
        ),
        (
            "4000000000000119",
            "pm_card_chargeDeclinedProcessingError",
            DeclineReason::ProcessingError,
        ),
        (
            "4000000000006975",
            "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
            DeclineReason::VelocityExceeded,
        ),
        (
            "4100000000000019",
            "pm_card_radarBlock",
            DeclineReason::Fraudulent,
        ),
    ];
    let at = Counterpart::open().await;
    for (number, token, expected) in cases {
        let request = at.request(TestCard { number, token }).await;
        let Ok(Outcome::Declined {
            intent: Some(intent),
            reason,
        }) = at.gateway.charge(&request).await
        else {
            panic!("{token} was to be declined");
        };
        assert_eq!(reason, expected, "{token}");
        let still = at.gateway.find_intent(&intent).await;
        assert_eq!(
            still,
            Ok(Outcome::Declined {
                intent: Some(intent),
                reason
            }),
            "{token}"
        );
    }
}

#[tokio::test]
async fn the_same_request_again_is_the_same_charge() {
    let at = Counterpart::open().await;
    for card in [GOOD, DECLINED] {
        let before = at.payments().await;
        let request = at.request(card).await;
        let first = at.gateway.charge(&request).await.unwrap();
        let again = at.gateway.charge(&request).await.unwrap();
        assert_eq!(first, again);
        assert_eq!(at.payments().await, before + 1);
    }
}

#[tokio::test]
async fn ten_at_once_under_one_key_are_one_charge() {
    let at = Counterpart::open().await;
    let request = at.request(GOOD).await;
    let answers = join_all((0..10).map(|_| at.gateway.charge(&request))).await;
    // One that was told to wait too long knows nothing; none may know something else.
    let known: Vec<_> = answers
        .into_iter()
        .filter_map(Result::ok)
        .map(settled)
        .collect();
    assert!(!known.is_empty());
    assert!(known.iter().all(|settled| *settled == known[0]));
    assert_eq!(at.payments().await, 1);
}

#[tokio::test]
async fn a_key_that_is_used_for_another_amount_answers_nothing() {
    let at = Counterpart::open().await;
    let request = at.request(GOOD).await;
    settled(at.gateway.charge(&request).await.unwrap());
    let other = ChargeRequest {
        amount: Cents::new(9_900),
        ..request
    };
    assert_eq!(
        at.gateway.charge(&other).await,
        Err(GatewayError::KeyReused)
    );
    assert_eq!(at.payments().await, 1);
}

#[tokio::test]
async fn a_bank_that_asks_has_a_page() {
    let at = Counterpart::open().await;
    let (intent, page) = bank_page(at.gateway.charge(&at.request(ASKS).await).await.unwrap());
    assert!(page.starts_with("http"), "{page}");
    let still = at.gateway.find_intent(&intent).await.unwrap();
    assert_eq!(bank_page(still).0, intent);
}

#[tokio::test]
async fn a_charge_that_waits_for_its_owner_is_cancelled_and_stays_so() {
    let at = Counterpart::open().await;
    let (intent, _) = bank_page(at.gateway.charge(&at.request(ASKS).await).await.unwrap());
    let canceled = Outcome::Canceled {
        intent: intent.clone(),
    };
    assert_eq!(at.gateway.cancel(&intent).await.as_ref(), Ok(&canceled));
    assert_eq!(at.gateway.cancel(&intent).await.as_ref(), Ok(&canceled));
    assert_eq!(at.gateway.find_intent(&intent).await, Ok(canceled));
}

#[tokio::test]
async fn a_charge_that_was_paid_is_not_cancelled() {
    let at = Counterpart::open().await;
    let charge = at.gateway.charge(&at.request(GOOD).await).await.unwrap();
    let intent = settled(charge.clone()).intent;
    assert_eq!(at.gateway.cancel(&intent).await, Ok(charge));
}

#[tokio::test]
async fn without_a_way_back_a_bank_that_asks_has_no_page_to_show() {
    let at = Counterpart::open().await;
    let request = ChargeRequest {
        return_url: None,
        ..at.request(ASKS).await
    };
    let charge = at.gateway.charge(&request).await.unwrap();
    assert!(
        matches!(charge, Outcome::RequiresAction { url: None, .. }),
        "{charge:?}"
    );
}

#[tokio::test]
async fn a_bank_that_asks_declines_when_nobody_is_there() {
    let at = Counterpart::open().await;
    let request = ChargeRequest {
        presence: Presence::OffSession,
        ..at.request(ASKS).await
    };
    let charge = at.gateway.charge(&request).await.unwrap();
    let reason = DeclineReason::AuthenticationRequired;
    assert!(
        matches!(&charge, Outcome::Declined { reason: told, .. } if *told == reason),
        "{charge:?}"
    );
}

#[tokio::test]
async fn a_card_that_does_not_exist_is_refused() {
    let at = Counterpart::open().await;
    let request = at.request_with("pm_1NothingOfThatName".parse().unwrap());
    let refused = Outcome::Refused {
        code: "resource_missing".to_owned(),
    };
    assert_eq!(at.gateway.charge(&request).await, Ok(refused));
}

#[tokio::test]
async fn a_charge_is_found_by_its_top_up() {
    let at = Counterpart::open().await;
    let since = an_hour_ago();
    let paid = at.request(GOOD).await;
    let declined = at.request(DECLINED).await;
    let charged = at.gateway.charge(&paid).await.unwrap();
    let refused = at.gateway.charge(&declined).await.unwrap();
    settled(at.gateway.charge(&at.request(GOOD).await).await.unwrap());
    let find = async |top_up| {
        at.gateway
            .find_by_top_up(&at.customer, top_up, since)
            .await
            .unwrap()
    };
    assert_eq!(find(paid.top_up).await, Some(charged));
    assert_eq!(find(declined.top_up).await, Some(refused));
    assert_eq!(find(TopUpId::generate()).await, None);
}

#[tokio::test]
async fn a_charge_says_which_top_up_it_is_for_and_what_a_browser_needs() {
    let at = Counterpart::open().await;
    let request = at.request(ASKS).await;
    let (intent, _) = bank_page(at.gateway.charge(&request).await.unwrap());
    assert_eq!(
        at.gateway.top_up_of(&intent).await,
        Ok(Some(request.top_up))
    );
    let secret = at.gateway.client_secret(&intent).await.unwrap().unwrap();
    assert!(secret.starts_with(intent.as_str()));
    let nothing = "pi_1NothingOfThatName".parse().unwrap();
    assert_eq!(at.gateway.top_up_of(&nothing).await, Ok(None));
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let at = Counterpart::open().await;
    let missing = GatewayError::Refused {
        code: "resource_missing".to_owned(),
    };
    let intent = "pi_1NothingOfThatName".parse().unwrap();
    assert_eq!(at.gateway.find_intent(&intent).await, Err(missing.clone()));
    assert_eq!(at.gateway.cancel(&intent).await, Err(missing));
}

#[tokio::test]
async fn a_wrong_key_is_told_apart_from_a_wrong_request() {
    let at = Counterpart::open().await;
    let request = at.request(GOOD).await;
    let stranger = at.gateway_with(Some("sk_test_somebody_elses"), Duration::from_secs(30));
    assert_eq!(
        stranger.charge(&request).await,
        Err(GatewayError::Unauthorized)
    );
}

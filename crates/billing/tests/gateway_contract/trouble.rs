//! Answers that are lost, late or broken, and what becomes of a payment later: on the sandbox,
//! which does such things on request.

use std::time::{Duration, Instant};

use billing::payments::gateway::{Gateway, GatewayError, Outcome};
use types::payment::DeclineReason;
use types::time::Timestamp;

use crate::support::{ASKS, Counterpart, GOOD, TestCard, bank_page, settings, settled};

/// More than one call tries.
const EVERY_TRY: &str = "3";

const fn by_number(number: &'static str) -> TestCard {
    TestCard { number, token: "" }
}

const LOST_AFTERWARDS: TestCard = by_number("4000009900000012");
const LOST_BEFORE: TestCard = by_number("4000009900000020");
const SETTLES_LATER: TestCard = by_number("4000009900000038");
const FAILS_LATER: TestCard = by_number("4000009900000046");

#[tokio::test]
async fn a_card_whose_answer_is_lost_is_made_good_by_asking_again_under_the_key() {
    for card in [LOST_AFTERWARDS, LOST_BEFORE] {
        let at = Counterpart::sandbox().await;
        let request = at.request(card).await;
        let paid = settled(at.gateway.charge(&request).await.unwrap());
        assert_eq!(
            at.gateway.find_intent(&paid.intent).await,
            Ok(Outcome::Succeeded(paid))
        );
        assert_eq!(at.payments().await, 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_on_its_way_is_made_good_as_well() {
    for fault in ["answer_lost_before", "answer_lost_after", "answer_broken"] {
        let at = Counterpart::sandbox().await;
        let request = at.request(GOOD).await;
        at.order_fault(fault, "1", "0").await;
        let paid = settled(at.gateway.charge(&request).await.unwrap());
        assert_eq!(
            at.gateway.find_intent(&paid.intent).await,
            Ok(Outcome::Succeeded(paid))
        );
        assert_eq!(at.payments().await, 1, "{fault}");
    }
}

#[tokio::test]
async fn a_charge_that_never_arrived_is_not_found_and_can_be_made_under_its_key() {
    let at = Counterpart::sandbox().await;
    let request = at.request(GOOD).await;
    at.order_fault("answer_lost_before", EVERY_TRY, "0").await;
    let lost = at.gateway.charge(&request).await;
    assert_eq!(lost, Err(GatewayError::Failed { status: 500 }));
    let since = Timestamp::UNIX_EPOCH;
    let found = at
        .gateway
        .find_by_top_up(&at.customer, request.top_up, since)
        .await;
    assert_eq!(found, Ok(None));
    settled(at.gateway.charge(&request).await.unwrap());
    assert_eq!(at.payments().await, 1);
}

#[tokio::test]
async fn a_charge_that_outlasts_our_patience_is_found_later() {
    let at = Counterpart::sandbox().await;
    let request = at.request(GOOD).await;
    at.order_fault("answer_slow", "1", "2").await;
    let impatient = at.gateway_with(None, Duration::from_millis(300));
    let started = Instant::now();
    assert_eq!(
        impatient.charge(&request).await,
        Err(GatewayError::TimedOut)
    );
    assert!(started.elapsed() < Duration::from_millis(1_500));
    let since = Timestamp::UNIX_EPOCH;
    let found = at
        .gateway
        .find_by_top_up(&at.customer, request.top_up, since)
        .await;
    let found = settled(found.unwrap().expect("it was charged"));
    assert_eq!(
        at.gateway.charge(&request).await,
        Ok(Outcome::Succeeded(found))
    );
    assert_eq!(at.payments().await, 1);
}

#[tokio::test]
async fn a_slow_payment_is_neither_paid_nor_refused_until_it_is() {
    let at = Counterpart::sandbox().await;
    for card in [SETTLES_LATER, FAILS_LATER] {
        let request = at.request(card).await;
        let Ok(Outcome::Processing { intent }) = at.gateway.charge(&request).await else {
            panic!("it was to take its time");
        };
        let waiting = Outcome::Processing {
            intent: intent.clone(),
        };
        assert_eq!(at.gateway.find_intent(&intent).await, Ok(waiting));
        at.advance("3600").await;
        let decided = at.gateway.find_intent(&intent).await.unwrap();
        if card.number == SETTLES_LATER.number {
            assert_eq!(settled(decided).intent, intent);
        } else {
            let reason = DeclineReason::Generic;
            assert_eq!(
                decided,
                Outcome::Declined {
                    intent: Some(intent),
                    reason
                }
            );
        }
    }
}

#[tokio::test]
async fn what_the_owner_answers_at_the_bank_decides() {
    let at = Counterpart::sandbox().await;
    let (intent, page) = bank_page(at.gateway.charge(&at.request(ASKS).await).await.unwrap());
    at.answer_bank(&page, "approve").await;
    assert_eq!(
        settled(at.gateway.find_intent(&intent).await.unwrap()).intent,
        intent
    );

    let (intent, page) = bank_page(at.gateway.charge(&at.request(ASKS).await).await.unwrap());
    at.answer_bank(&page, "fail").await;
    let reason = DeclineReason::AuthenticationFailed;
    let declined = Outcome::Declined {
        intent: Some(intent.clone()),
        reason,
    };
    assert_eq!(at.gateway.find_intent(&intent).await, Ok(declined));
}

#[tokio::test]
async fn a_gateway_that_is_not_there_tells_nothing() {
    let at = Counterpart::sandbox().await;
    let request = at.request(GOOD).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settings = settings(&nowhere, "sk_test_nobody", Duration::from_secs(5));
    let gateway = Gateway::new(&settings).unwrap();
    assert_eq!(
        gateway.charge(&request).await,
        Err(GatewayError::Unreachable)
    );
}

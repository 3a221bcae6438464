use billing::payments::gateway::{
    GatewayError, GatewayIntent, RefundOutcome, RefundRequest, RefundStage, RefundWord,
};
use types::ids::RefundId;
use types::money::Cents;

use crate::support::{
    AMOUNT, Counterpart, DECLINED, GOOD, REFUND_FAILS_LATER, REFUND_SETTLES_LATER,
};

fn asking(at: &Counterpart, intent: &GatewayIntent, cents: i64) -> RefundRequest {
    let refund = RefundId::generate();
    RefundRequest {
        key: refund.to_string(),
        intent: intent.clone(),
        amount: Cents::new(cents),
        refund,
        organization: at.organization,
    }
}

async fn made(at: &Counterpart, request: &RefundRequest) -> RefundWord {
    let outcome = at.gateway.refund(request).await.unwrap();
    let RefundOutcome::Made(word) = outcome else {
        panic!("it was to be made: {outcome:?}");
    };
    word
}

#[tokio::test]
async fn a_charge_goes_back_in_parts_and_each_part_is_found() {
    let at = Counterpart::open().await;
    let intent = at.paid(GOOD).await.intent;
    let (first, rest) = (asking(&at, &intent, 1_000), asking(&at, &intent, 1_500));
    let mut words = Vec::new();
    for request in [&first, &rest] {
        let word = made(&at, request).await;
        assert_eq!(word.intent.as_ref(), Some(&intent));
        assert_eq!(
            (word.amount, word.ours),
            (request.amount, Some(request.refund))
        );
        assert_eq!(word.stage, RefundStage::Succeeded);
        assert_eq!(
            at.gateway.find_refund(&word.refund).await.as_ref(),
            Ok(&word)
        );
        words.insert(0, word);
    }
    // The newest first; within a second either may come first.
    let mut listed = at.gateway.list_refunds(&intent).await.unwrap();
    let by_name = |word: &RefundWord| word.refund.to_string();
    listed.sort_by_key(by_name);
    words.sort_by_key(by_name);
    assert_eq!(listed, words);
}

#[tokio::test]
async fn the_same_refund_again_is_the_same_and_another_under_its_key_is_none() {
    let at = Counterpart::open().await;
    let intent = at.paid(GOOD).await.intent;
    let request = asking(&at, &intent, 1_000);
    let first = made(&at, &request).await;
    assert_eq!(made(&at, &request).await, first);
    let other = RefundRequest {
        amount: Cents::new(900),
        ..request
    };
    assert_eq!(
        at.gateway.refund(&other).await,
        Err(GatewayError::KeyReused)
    );
    assert_eq!(at.gateway.list_refunds(&intent).await, Ok(vec![first]));
}

#[tokio::test]
async fn more_than_was_paid_or_anything_of_what_was_not_paid_is_refused() {
    let at = Counterpart::open().await;
    let intent = at.paid(GOOD).await.intent;
    let declined = at.gateway.charge(&at.request(DECLINED).await).await;
    let billing::payments::gateway::Outcome::Declined {
        intent: Some(declined),
        ..
    } = declined.unwrap()
    else {
        panic!("it was to be declined");
    };
    made(&at, &asking(&at, &intent, 2_000)).await;
    let nothing: GatewayIntent = "pi_1NothingOfThatName".parse().unwrap();
    for (intent, cents) in [(&intent, 501), (&declined, 100), (&nothing, 100)] {
        let outcome = at.gateway.refund(&asking(&at, intent, cents)).await;
        let is_refused = matches!(outcome, Ok(RefundOutcome::Refused { .. }));
        assert!(is_refused, "{intent} {cents}: {outcome:?}");
    }
    assert_eq!(at.gateway.list_refunds(&intent).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_refund_that_takes_its_time_is_pending_until_it_is_sent() {
    let at = Counterpart::open().await;
    let intent = at.paid(REFUND_SETTLES_LATER).await.intent;
    let word = made(&at, &asking(&at, &intent, 1_000)).await;
    assert_eq!(word.stage, RefundStage::Pending);
    let sent = at
        .eventually(async || {
            let word = at.gateway.find_refund(&word.refund).await.unwrap();
            (word.stage != RefundStage::Pending).then_some(word)
        })
        .await;
    assert_eq!(sent.stage, RefundStage::Succeeded);
}

#[tokio::test]
async fn a_refund_that_the_card_does_not_take_fails_later() {
    let at = Counterpart::open().await;
    let intent = at.paid(REFUND_FAILS_LATER).await.intent;
    let word = made(&at, &asking(&at, &intent, AMOUNT.get())).await;
    assert_eq!(word.stage, RefundStage::Succeeded);
    let failed = at
        .eventually(async || {
            let word = at.gateway.find_refund(&word.refund).await.unwrap();
            (word.stage != RefundStage::Succeeded).then_some(word)
        })
        .await;
    let RefundStage::Failed { code } = failed.stage else {
        panic!("it was to fail: {failed:?}");
    };
    assert!(!code.is_empty());
}

#[tokio::test]
async fn a_refund_that_does_not_exist_is_not_found() {
    let at = Counterpart::open().await;
    let missing = GatewayError::Refused {
        code: "resource_missing".to_owned(),
    };
    let nothing = "re_1NothingOfThatName".parse().unwrap();
    assert_eq!(at.gateway.find_refund(&nothing).await, Err(missing));
}

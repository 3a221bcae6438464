use billing::payments::gateway::{DisputeWord, GatewayError, GatewayIntent};
use types::dispute::DisputeStage;
use types::money::Cents;

use crate::support::{AMOUNT, Counterpart, DISPUTED, INQUIRED, TestCard, an_hour_ago};

/// The dispute of a charge, once its money has moved as often as it will.
async fn disputed(
    at: &Counterpart,
    card: TestCard,
    movements: u32,
) -> (GatewayIntent, DisputeWord) {
    let intent = at.paid(card).await.intent;
    let dispute = at
        .eventually(async || {
            let newest = at.gateway.list_disputes(an_hour_ago(), None).await;
            let listed = newest.unwrap().items;
            listed
                .into_iter()
                .find(|word| word.intent.as_ref() == Some(&intent) && word.movements == movements)
        })
        .await;
    (intent, dispute)
}

#[tokio::test]
async fn what_a_cards_owner_disputes_is_withdrawn_with_a_fee() {
    let at = Counterpart::open().await;
    let (intent, dispute) = disputed(&at, DISPUTED, 1).await;
    assert_eq!(dispute.stage, DisputeStage::Open);
    assert_eq!((dispute.amount, dispute.withdrawn), (AMOUNT, AMOUNT));
    assert!(dispute.fee > Cents::new(0), "{}", dispute.fee);
    assert_eq!(dispute.reason, "fraudulent");
    assert_eq!(
        at.gateway.find_dispute(&dispute.dispute).await.as_ref(),
        Ok(&dispute)
    );

    let page = at
        .gateway
        .disputes_since(an_hour_ago(), None)
        .await
        .unwrap();
    let listed = page
        .items
        .iter()
        .find(|listed| listed.intent.as_ref() == Some(&intent));
    let listed = listed.expect("it is among the newest");
    assert_eq!(listed.dispute, dispute.dispute.as_str());
    assert_eq!(listed.stage, Some(DisputeStage::Open));
    assert_eq!(
        (listed.sum.cents, listed.withdrawn_cents),
        (AMOUNT.get(), AMOUNT.get())
    );
}

#[tokio::test]
async fn an_inquiry_moves_nothing() {
    let at = Counterpart::open().await;
    let (_, inquiry) = disputed(&at, INQUIRED, 0).await;
    assert_eq!(inquiry.stage, DisputeStage::Inquiry);
    assert_eq!(
        (inquiry.withdrawn, inquiry.fee),
        (Cents::new(0), Cents::new(0))
    );
}

#[tokio::test]
async fn a_dispute_that_does_not_exist_is_not_found() {
    let at = Counterpart::open().await;
    let missing = GatewayError::Refused {
        code: "resource_missing".to_owned(),
    };
    let nothing = "du_1NothingOfThatName".parse().unwrap();
    assert_eq!(at.gateway.find_dispute(&nothing).await, Err(missing));
}

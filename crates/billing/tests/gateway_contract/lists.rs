use billing::payments::gateway::{AttachOutcome, RefundOutcome, RefundRequest};
use billing::payments::listed::{ListedPayment, Standing, Sum};
use types::ids::RefundId;
use types::money::Cents;

use crate::support::{AMOUNT, Counterpart, DECLINED, GOOD, an_hour_ago};

fn dollars(cents: Cents) -> Sum {
    Sum {
        cents: cents.get(),
        currency: "usd".to_owned(),
    }
}

#[tokio::test]
async fn a_payment_is_listed_with_all_that_is_compared_and_what_went_back_of_it() {
    let at = Counterpart::open().await;
    let request = at.request(GOOD).await;
    let paid = crate::support::settled(at.gateway.charge(&request).await.unwrap());
    let expected = ListedPayment {
        intent: paid.intent.clone(),
        standing: Standing::Paid,
        status: "succeeded".to_owned(),
        sum: dollars(AMOUNT),
        refunded_cents: 0,
        fee: paid.fee.map(dollars),
        customer: Some(at.customer.to_string()),
        top_up: Some(request.top_up),
    };
    let page = at
        .gateway
        .payments_since(an_hour_ago(), None)
        .await
        .unwrap();
    let listed = page
        .items
        .iter()
        .find(|listed| listed.intent == paid.intent);
    assert_eq!(listed, Some(&expected));
    // After the newest come the others.
    let newest = page.items[0].intent.to_string();
    let rest = at
        .gateway
        .payments_since(an_hour_ago(), Some(newest.clone()))
        .await
        .unwrap();
    assert!(
        rest.items
            .iter()
            .all(|listed| listed.intent.as_str() != newest)
    );

    let refund = RefundId::generate();
    let request = RefundRequest {
        key: refund.to_string(),
        intent: paid.intent.clone(),
        amount: Cents::new(700),
        refund,
        organization: at.organization,
    };
    let RefundOutcome::Made(word) = at.gateway.refund(&request).await.unwrap() else {
        panic!("it was to be made");
    };
    let listed = at
        .gateway
        .listed_payment(&paid.intent)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (listed.refunded_cents, listed.sum.cents),
        (700, AMOUNT.get())
    );
    let page = at.gateway.refunds_since(an_hour_ago(), None).await.unwrap();
    let among = page
        .items
        .iter()
        .find(|listed| listed.refund == word.refund.as_str());
    let among = among.expect("it is among the newest");
    assert_eq!((among.standing, among.ours), (Standing::Paid, Some(refund)));
    assert_eq!(
        (among.intent.as_ref(), &among.sum),
        (Some(&paid.intent), &dollars(request.amount))
    );
    let alone = at.gateway.listed_refund(word.refund.as_str()).await;
    assert_eq!(alone.as_ref(), Ok(&Some(among.clone())));
}

#[tokio::test]
async fn what_was_declined_is_listed_as_unpaid() {
    let at = Counterpart::open().await;
    let request = at.request(DECLINED).await;
    at.gateway.charge(&request).await.unwrap();
    let page = at
        .gateway
        .payments_since(an_hour_ago(), None)
        .await
        .unwrap();
    let listed = page
        .items
        .iter()
        .find(|listed| listed.top_up == Some(request.top_up));
    let listed = listed.expect("it is among the newest");
    assert_eq!(
        (listed.standing, &listed.sum),
        (Standing::Unpaid, &dollars(AMOUNT))
    );
    assert_eq!(listed.fee, None);
}

#[tokio::test]
async fn the_cards_of_a_customer_are_listed_with_their_expiry_until_they_are_forgotten() {
    let at = Counterpart::open().await;
    let listed = async || {
        let page = at
            .gateway
            .attached_methods(&at.customer, None)
            .await
            .unwrap();
        page.expect("the customer is known").items
    };
    assert_eq!(listed().await, []);
    let method = at.method(GOOD).await;
    let AttachOutcome::Attached(card) = at.gateway.attach(&at.customer, &method).await.unwrap()
    else {
        panic!("it was to be attached");
    };
    let expiry = (card.card.expiry_month, card.card.expiry_year);
    let found = listed().await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].method.as_str(), found[0].expiry),
        (card.method.as_str(), Some(expiry))
    );
    at.gateway.detach(&card.method).await.unwrap();
    assert_eq!(listed().await, []);
}

#[tokio::test]
async fn what_does_not_exist_is_told_apart_from_silence() {
    let at = Counterpart::open().await;
    let intent = "pi_1NothingOfThatName".parse().unwrap();
    assert_eq!(at.gateway.listed_payment(&intent).await, Ok(None));
    assert_eq!(
        at.gateway.listed_refund("re_1NothingOfThatName").await,
        Ok(None)
    );
    let customer = "cus_1NothingOfThatName".parse().unwrap();
    assert!(
        at.gateway
            .attached_methods(&customer, None)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn the_account_settles_in_dollars() {
    let at = Counterpart::open().await;
    at.paid(GOOD).await;
    let currencies = at.gateway.balance_currencies().await.unwrap();
    assert!(currencies.contains("usd"), "{currencies:?}");
}

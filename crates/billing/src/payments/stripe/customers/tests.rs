use serde_json::{Value, json};
use types::payment::DeclineReason;

use super::*;
use crate::payments::stripe::scripted::{Scripted, Turn};

fn method(customer: Value) -> Value {
    json!({ "id": "pm_1", "customer": customer, "card": {
        "brand": "visa", "last4": "4242", "exp_month": 4, "exp_year": 2031, "country": "US" } })
}

fn refused() -> Value {
    json!({ "error": { "type": "invalid_request_error", "code": "payment_method_unexpected_state" } })
}

fn missing() -> Value {
    json!({ "error": { "type": "invalid_request_error", "code": "resource_missing" } })
}

async fn attach(turns: Vec<Turn>) -> Result<AttachOutcome, GatewayError> {
    let (customer, method) = ("cus_1".parse().unwrap(), "pm_1".parse().unwrap());
    Scripted::play(turns)
        .gateway
        .attach(&customer, &method)
        .await
}

async fn detach(turns: Vec<Turn>) -> Result<(), GatewayError> {
    Scripted::play(turns)
        .gateway
        .detach(&"pm_1".parse().unwrap())
        .await
}

#[tokio::test]
async fn an_organization_is_made_known_once() {
    let gateway = Scripted::play(vec![Turn::Answer(200, json!({ "id": "cus_7" }))]);
    let organization: OrganizationId = "01932f6e-7c1a-7000-8000-0000000000aa".parse().unwrap();
    let customer = gateway
        .gateway
        .create_customer(organization, "A & B", "a+b@c.test", None)
        .await;
    assert_eq!(customer, Ok("cus_7".parse().unwrap()));
    let seen = gateway.seen().remove(0);
    let key = customer_key(organization, "A & B", "a+b@c.test");
    assert!(key.starts_with(&format!("customer:{organization}:")) && key.len() < 255);
    assert_eq!(seen.header("idempotency-key"), Some(key.as_str()));
    assert_ne!(key, customer_key(organization, "A & Ba", "+b@c.test"));
    assert!(
        seen.body
            .starts_with("name=A+%26+B&email=a%2Bb%40c.test&metadata"),
        "{}",
        seen.body
    );
}

#[tokio::test]
async fn a_card_is_attached_declined_or_refused() {
    let Ok(AttachOutcome::Attached(card)) =
        attach(vec![Turn::Answer(200, method(json!("cus_1")))]).await
    else {
        panic!("it is attached");
    };
    assert!(card.attached && card.card.last4 == "4242");
    let declined = json!({ "error": { "type": "card_error", "code": "incorrect_cvc" } });
    let reason = DeclineReason::IncorrectCvc;
    let answer = attach(vec![Turn::Answer(402, declined)]).await;
    assert_eq!(answer, Ok(AttachOutcome::Declined { reason }));
    let answer = attach(vec![
        Turn::Answer(404, missing()),
        Turn::Answer(404, missing()),
    ])
    .await;
    assert_eq!(
        answer,
        Ok(AttachOutcome::Refused {
            code: "resource_missing".into()
        })
    );
}

#[tokio::test]
async fn a_card_that_is_kept_already_stays_kept() {
    let kept = vec![
        Turn::Answer(400, refused()),
        Turn::Answer(200, method(json!("cus_1"))),
    ];
    assert!(matches!(attach(kept).await, Ok(AttachOutcome::Attached(_))));
    let of_another = method(json!({ "id": "cus_2" }));
    let answer = attach(vec![
        Turn::Answer(400, refused()),
        Turn::Answer(200, of_another),
    ])
    .await;
    let code = "payment_method_unexpected_state".to_owned();
    assert_eq!(answer, Ok(AttachOutcome::Refused { code }));
}

#[tokio::test]
async fn what_is_not_a_card_is_not_taken_for_one() {
    let bank_account = json!({ "id": "pm_1", "customer": "cus_1", "us_bank_account": {} });
    let answer = attach(vec![Turn::Answer(200, bank_account)]).await;
    assert_eq!(
        answer,
        Ok(AttachOutcome::Refused {
            code: "not_a_card".into()
        })
    );
}

#[tokio::test]
async fn a_card_that_is_gone_counts_as_forgotten() {
    assert_eq!(
        detach(vec![Turn::Answer(200, method(Value::Null))]).await,
        Ok(())
    );
    let gone = vec![Turn::Answer(404, missing()), Turn::Answer(404, missing())];
    assert_eq!(detach(gone).await, Ok(()));
    let of_nobody = vec![
        Turn::Answer(400, refused()),
        Turn::Answer(200, method(Value::Null)),
    ];
    assert_eq!(detach(of_nobody).await, Ok(()));
    let still_kept = vec![
        Turn::Answer(400, refused()),
        Turn::Answer(200, method(json!("cus_1"))),
    ];
    let code = "payment_method_unexpected_state".to_owned();
    assert_eq!(
        detach(still_kept).await,
        Err(GatewayError::Refused { code })
    );
}

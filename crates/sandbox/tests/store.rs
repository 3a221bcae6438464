//! What is kept, and what never is.

mod support;

use support::{Api, Folder, card_form, card_numbers_in, charge_form, id, text};

#[tokio::test]
async fn a_restart_keeps_keys_objects_results_and_faults() {
    let folder = Folder::new();
    let first = Api::open(folder.config()).await;
    let (customer, method) = first.customer_with(support::CARD).await;
    let form = charge_form(&customer, &method);
    let intent = first
        .post_keyed("k1", "/v1/payment_intents", &form)
        .await
        .ok();
    first.advance(1_000).await;
    first
        .post("/_control/faults", &[("fault", "answer_lost_before")])
        .await
        .ok();
    let keys = |api: &Api| {
        let sandbox = &api.sandbox;
        [
            sandbox.secret_key(),
            sandbox.publishable_key(),
            sandbox.webhook_secret(),
        ]
        .map(str::to_owned)
    };
    let before = keys(&first);
    assert!(before[0].starts_with("sk_test_"));
    assert!(before[1].starts_with("pk_test_"));
    assert!(before[2].starts_with("whsec_"));
    drop(first);

    let second = Api::open(folder.config()).await;
    assert_eq!(keys(&second), before);
    let path = format!("/v1/payment_intents/{}", id(&intent));
    assert_eq!(second.get(&path).await.ok(), intent);
    second.post("/v1/customers", &[]).await.error(500);
    let again = second.post_keyed("k1", "/v1/payment_intents", &form).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.ok(), intent);
    let fresh = second.post("/v1/customers", &[]).await.ok();
    let later = fresh["created"].as_i64().expect("a time");
    assert!(later >= intent["created"].as_i64().expect("a time") + 1_000);
}

#[test]
fn the_scan_finds_a_planted_number() {
    assert_eq!(card_numbers_in(b"x4242424242424242y"), ["4242424242424242"]);
    assert!(card_numbers_in(b"x4242424242424243y 424242").is_empty());
}

#[tokio::test]
async fn no_card_number_is_in_the_store_or_in_an_answer() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let numbers = [
        "4242424242424242",
        "4000000000000002",
        "4000002760003184",
        "4000009900000020",
        "4111111111111111",
        "4242424242424241",
        "378282246310005",
    ];
    let mut answers = String::new();
    for (round, number) in numbers.iter().enumerate() {
        let key = format!("token {round}");
        let method = api
            .post_keyed(&key, "/v1/payment_methods", &card_form(number))
            .await;
        answers.push_str(&method.text);
        if method.status != 200 {
            continue;
        }
        let method = id(&method.ok());
        let key = format!("charge {round}");
        let form = charge_form("", &method);
        answers.push_str(
            &api.post_keyed(&key, "/v1/payment_intents", &form)
                .await
                .text,
        );
    }
    // A number in the wrong place is not repeated either.
    answers.push_str(&api.get("/v1/payment_methods/4242424242424242").await.text);
    answers.push_str(
        &api.post("/v1/customers", &[("4242424242424242", "x")])
            .await
            .text,
    );
    answers.push_str(&api.get("/v1/4242424242424242").await.text);
    assert_eq!(card_numbers_in(answers.as_bytes()), Vec::<String>::new());

    let mut bytes = 0;
    for file in std::fs::read_dir(&folder.0).expect("the store's folder") {
        let content = std::fs::read(file.expect("a file").path()).expect("its bytes");
        bytes += content.len();
        assert_eq!(card_numbers_in(&content), Vec::<String>::new());
    }
    assert!(bytes > 100_000, "something was scanned");
}

#[tokio::test]
async fn a_card_is_updated_by_hand_and_by_its_issuer() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (_, method) = api.customer_with(support::CARD).await;
    let path = format!("/v1/payment_methods/{method}");
    let form = [("card[exp_month]", "1"), ("card[exp_year]", "2035")];
    assert_eq!(api.post(&path, &form).await.ok()["card"]["exp_year"], 2_035);
    let path = format!("/_control/payment_methods/{method}/automatic_update");
    let form = [("card[exp_month]", "2"), ("card[exp_year]", "2036")];
    assert_eq!(api.post(&path, &form).await.ok()["card"]["exp_month"], 2);
    let types = api.event_types().await;
    assert_eq!(
        types[types.len() - 2..],
        [
            "payment_method.updated",
            "payment_method.automatically_updated"
        ]
    );
    let past = [("card[exp_year]", "2020")];
    let error = api
        .post(&format!("/v1/payment_methods/{method}"), &past)
        .await
        .error(402);
    assert_eq!(text(&error, "/code"), "invalid_expiry_year");
}

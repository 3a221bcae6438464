//! The main path: customers, cards, payments, lists.

mod support;

use serde_json::json;
use support::{Api, CARD, Folder, card_form, id, text};

#[tokio::test]
async fn a_saved_card_is_charged_and_everything_about_it_can_be_read() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let expand = [
        ("expand[]", "latest_charge.balance_transaction"),
        ("expand[]", "payment_method"),
        ("expand[]", "customer"),
        ("metadata[top_up_id]", "t1"),
        ("description", "Credit"),
        ("off_session", "true"),
    ];
    let intent = api.charge(&customer, &method, &expand).await.ok();
    assert_eq!(intent["status"], "succeeded");
    assert_eq!(intent["amount_received"], 2_500);
    assert_eq!(intent["metadata"]["top_up_id"], "t1");
    assert_eq!(intent["payment_method"]["card"]["last4"], "4242");
    assert_eq!(intent["customer"]["email"], "ada@example.com");
    let charge = &intent["latest_charge"];
    assert_eq!(charge["paid"], true);
    assert_eq!(charge["payment_method_details"]["card"]["brand"], "visa");
    assert_eq!(charge["balance_transaction"]["fee"], 103);
    assert_eq!(charge["balance_transaction"]["net"], 2_397);

    let path = format!("/v1/payment_intents/{}", id(&intent));
    assert_eq!(api.get(&path).await.ok()["status"], "succeeded");
    let charges = api
        .get(&format!("/v1/charges?payment_intent={}", id(&intent)))
        .await
        .ok();
    assert_eq!(charges["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        api.event_types().await,
        [
            "customer.created",
            "payment_method.attached",
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
        ]
    );
}

#[tokio::test]
async fn an_intent_can_be_made_first_and_confirmed_later() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let form = [
        ("amount", "1000"),
        ("currency", "usd"),
        ("customer", customer.as_str()),
    ];
    let intent = api.post("/v1/payment_intents", &form).await.ok();
    assert_eq!(intent["status"], "requires_payment_method");
    let confirm = format!("/v1/payment_intents/{}/confirm", id(&intent));
    let missing = api.post(&confirm, &[]).await.error(400);
    assert_eq!(missing["code"], "payment_intent_unexpected_state");
    let no_return = api
        .post(&confirm, &[("payment_method", &method)])
        .await
        .error(400);
    assert_eq!(no_return["param"], "return_url");
    let form = [
        ("payment_method", method.as_str()),
        ("return_url", "https://shop.example/back"),
    ];
    assert_eq!(api.post(&confirm, &form).await.ok()["status"], "succeeded");
    let again = api.post(&confirm, &[]).await.error(400);
    assert_eq!(again["code"], "payment_intent_unexpected_state");
    assert_eq!(again["payment_intent"]["status"], "succeeded");
}

#[tokio::test]
async fn a_canceled_intent_takes_no_payment() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let method = api.card(CARD).await;
    let form = [
        ("amount", "1000"),
        ("currency", "usd"),
        ("payment_method_types[]", "card"),
    ];
    let intent = id(&api.post("/v1/payment_intents", &form).await.ok());
    let cancel = format!("/v1/payment_intents/{intent}/cancel");
    let canceled = api
        .post(&cancel, &[("cancellation_reason", "abandoned")])
        .await
        .ok();
    assert_eq!(canceled["status"], "canceled");
    assert_eq!(canceled["cancellation_reason"], "abandoned");
    let confirm = format!("/v1/payment_intents/{intent}/confirm");
    api.post(&confirm, &[("payment_method", &method)])
        .await
        .error(400);
    api.post(&cancel, &[]).await.error(400);
}

#[tokio::test]
async fn setup_future_usage_attaches_the_card_on_success_and_not_before() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let customer = api.customer().await;
    let list = format!("/v1/payment_methods?customer={customer}&type=card");
    let usage = [("setup_future_usage", "off_session")];
    let declined = api.card("4000000000000002").await;
    api.charge(&customer, &declined, &usage).await.error(402);
    assert_eq!(api.get(&list).await.ok()["data"], json!([]));
    let method = api.card(CARD).await;
    api.charge(&customer, &method, &usage).await.ok();
    let saved = api.get(&list).await.ok();
    assert_eq!(text(&saved, "/data/0/id"), method);
    let off_session = [("off_session", "true")];
    assert_eq!(
        api.charge(&customer, &method, &off_session).await.ok()["status"],
        "succeeded"
    );
}

#[tokio::test]
async fn what_may_keep_link_wants_to_hear_that_its_terms_were_accepted() {
    const ACCEPTED: &str = "mandate_data[customer_acceptance][type]";
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let customer = api.customer().await;
    let method = api.card(CARD).await;
    let link = ("payment_method_types[]", "link");
    let keep = ("setup_future_usage", "off_session");
    let refused = [
        (vec![link, keep], "mandate_data"),
        (
            vec![link, keep, (ACCEPTED, "online")],
            "mandate_data[customer_acceptance][online][ip_address]",
        ),
        (vec![link, keep, (ACCEPTED, "silently")], ACCEPTED),
    ];
    for (more, param) in refused {
        let error = api.charge(&customer, &method, &more).await.error(400);
        assert_eq!(error["param"], param, "{more:?}");
    }
    let missing = api.charge(&customer, &method, &[link, keep]).await;
    assert_eq!(missing.error(400)["code"], "parameter_missing");
    // What is not kept, and what takes cards alone, is asked for nothing.
    let unkept = api.charge("", &api.card(CARD).await, &[link]).await.ok();
    assert_eq!(unkept["payment_method_types"], json!(["card", "link"]));
    let told = [link, keep, (ACCEPTED, "offline")];
    api.charge(&customer, &method, &told).await.ok();
    let kept = api.charge(&customer, &method, &[keep]).await.ok();
    assert_eq!(kept["payment_method_types"], json!(["card"]));
}

#[tokio::test]
async fn a_card_used_without_a_customer_cannot_be_used_again() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let method = api.card(CARD).await;
    api.charge("", &method, &[]).await.ok();
    let again = api.charge("", &method, &[]).await.error(400);
    assert_eq!(again["code"], "payment_method_unexpected_state");
    let customer = api.customer().await;
    api.attach(&method, &customer).await.error(400);
}

#[tokio::test]
async fn a_saved_card_is_charged_for_its_own_customer_only() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (_, method) = api.customer_with(CARD).await;
    let other = api.customer().await;
    assert_eq!(
        api.charge(&other, &method, &[]).await.error(400)["param"],
        "payment_method"
    );
    assert_eq!(
        api.charge("", &method, &[]).await.error(400)["param"],
        "payment_method"
    );
    api.attach(&method, &other).await.error(400);
}

#[tokio::test]
async fn a_detached_card_is_gone_from_the_list_and_cannot_be_charged() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let path = format!("/v1/payment_methods/{method}/detach");
    assert_eq!(api.post(&path, &[]).await.ok()["customer"], json!(null));
    api.post(&path, &[]).await.error(400);
    let list = api
        .get(&format!("/v1/customers/{customer}/payment_methods"))
        .await
        .ok();
    assert_eq!(list["data"], json!([]));
    api.charge(&customer, &method, &[]).await.error(400);
}

#[tokio::test]
async fn the_same_card_has_the_same_fingerprint() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let fingerprint = async |number: &'static str| {
        let method = api
            .post("/v1/payment_methods", &card_form(number))
            .await
            .ok();
        text(&method, "/card/fingerprint").to_owned()
    };
    assert_eq!(
        fingerprint(CARD).await,
        fingerprint("4242 4242 4242 4242").await
    );
    assert_ne!(
        fingerprint(CARD).await,
        fingerprint("5555555555554444").await
    );
}

#[tokio::test]
async fn lists_are_newest_first_and_page_both_ways() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, id(&api.charge(&customer, &method, &[]).await.ok()));
    }
    let page = async |query: &str| {
        let path = format!("/v1/payment_intents?customer={customer}&{query}");
        let list = api.get(&path).await.ok();
        let data = list["data"].as_array().expect("a list");
        (
            data.iter().map(id).collect::<Vec<_>>(),
            list["has_more"] == true,
        )
    };
    assert_eq!(page("limit=2").await, (ids[..2].to_vec(), true));
    let next = format!("limit=3&starting_after={}", ids[1]);
    assert_eq!(page(&next).await, (ids[2..].to_vec(), false));
    let back = format!("limit=2&ending_before={}", ids[3]);
    assert_eq!(page(&back).await, (ids[1..3].to_vec(), true));
    assert_eq!(page("created[gte]=4000000000").await, (vec![], false));
    assert_eq!(page("created[gte]=1700000000").await, (ids, false));
    api.get("/v1/payment_intents?limit=101").await.error(400);
    api.get("/v1/payment_intents?starting_after=pi_none")
        .await
        .error(400);
}

#[tokio::test]
async fn an_amount_out_of_bounds_and_unknown_things_are_refused_by_name() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let small = [("amount", "49"), ("currency", "usd")];
    let error = api.post("/v1/payment_intents", &small).await.error(400);
    assert_eq!(error["code"], "amount_too_small");
    let unknown = [("amount", "500"), ("currency", "usd"), ("colour", "red")];
    let error = api.post("/v1/payment_intents", &unknown).await.error(400);
    assert_eq!(
        (text(&error, "/code"), text(&error, "/param")),
        ("parameter_unknown", "colour")
    );
    let missing = api
        .post("/v1/payment_intents", &[("currency", "usd")])
        .await
        .error(400);
    assert_eq!(missing["param"], "amount");
    assert_eq!(
        api.get("/v1/payment_intents/pi_x").await.error(404)["code"],
        "resource_missing"
    );
    let no_customer = [
        ("amount", "500"),
        ("currency", "usd"),
        ("customer", "cus_x"),
    ];
    let error = api
        .post("/v1/payment_intents", &no_customer)
        .await
        .error(400);
    assert_eq!(error["code"], "resource_missing");
    api.get("/v1/nothing").await.error(404);
}

#[tokio::test]
async fn keys_decide_what_may_be_done() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    api.with_key("").get("/v1/customers").await.error(401);
    api.with_key("sk_test_wrong")
        .get("/v1/customers")
        .await
        .error(401);
    let browser = api.with_key(api.sandbox.publishable_key());
    let method = browser.post("/v1/payment_methods", &card_form(CARD)).await;
    assert_eq!(method.header("access-control-allow-origin"), Some("*"));
    let method = id(&method.ok());
    let error = browser.post("/v1/customers", &[]).await.error(401);
    assert_eq!(error["code"], "secret_key_required");
    browser.get("/_control/deliveries").await.error(401);

    let intent = api.charge("", &method, &[]).await.ok();
    let path = format!("/v1/payment_intents/{}", id(&intent));
    browser.get(&path).await.error(401);
    let wrong = format!("{path}?client_secret=pi_wrong");
    browser.get(&wrong).await.error(400);
    let secret = text(&intent, "/client_secret");
    let seen = browser
        .get(&format!("{path}?client_secret={secret}"))
        .await
        .ok();
    assert_eq!(seen["status"], "succeeded");
    assert!(
        seen.get("metadata").is_none(),
        "the merchant's notes are not the browser's business"
    );
}

#[tokio::test]
async fn basic_authentication_is_understood_and_large_bodies_are_not() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let credentials = {
        use base64::Engine;
        let plain = format!("{}:", api.sandbox.secret_key());
        base64::engine::general_purpose::STANDARD.encode(plain)
    };
    let header = format!("Basic {credentials}");
    let anonymous = api.with_key("");
    let headers = [("authorization", header.as_str())];
    anonymous
        .post_with("/v1/customers", &[("name", "Ada")], &headers)
        .await
        .ok();
    let large = "x".repeat(70_000);
    api.post("/v1/customers", &[("name", &large)])
        .await
        .error(413);
}

#[tokio::test]
async fn a_customer_is_changed_and_deleted() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let path = format!("/v1/customers/{customer}");
    let form = [
        ("name", "Ada"),
        ("email", ""),
        ("metadata[a]", "1"),
        ("invoice_settings[default_payment_method]", method.as_str()),
    ];
    let changed = api.post(&path, &form).await.ok();
    assert_eq!(text(&changed, "/name"), "Ada");
    assert_eq!(changed["email"], json!(null));
    assert_eq!(
        text(&changed, "/invoice_settings/default_payment_method"),
        method
    );
    let unset = api.post(&path, &[("metadata[a]", "")]).await.ok();
    assert_eq!(unset["metadata"], json!({}));
    assert_eq!(api.delete(&path).await.ok()["deleted"], true);
    assert_eq!(api.get(&path).await.ok()["deleted"], true);
    assert_eq!(api.get("/v1/customers").await.ok()["data"], json!([]));
    api.post(&path, &[("name", "Eve")]).await.error(404);
    api.charge(&customer, &method, &[]).await.error(400);
}

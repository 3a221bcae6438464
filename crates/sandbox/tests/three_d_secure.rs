//! The bank's page, for payments and for saving cards.

mod support;

use serde_json::Value;
use support::{Answer, Api, Folder, charge_form, id, text};

const ASKS_ALWAYS: &str = "4000002760003184";
const ASKS_UNLESS_SET_UP: &str = "4000002500003155";

async fn asked(api: &Api, more: &[(&str, &str)]) -> Value {
    let method = api.card(ASKS_ALWAYS).await;
    let intent = api.charge("", &method, more).await.ok();
    assert_eq!(intent["status"], "requires_action");
    intent
}

async fn decide(api: &Api, intent: &Value, outcome: &str) -> Answer {
    let form = [
        ("client_secret", text(intent, "/client_secret")),
        ("outcome", outcome),
    ];
    api.with_key("")
        .post(&format!("/3ds/{}", id(intent)), &form)
        .await
}

#[tokio::test]
async fn the_page_asks_and_an_approval_pays() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let intent = asked(&api, &[]).await;
    assert_eq!(text(&intent, "/next_action/type"), "use_stripe_sdk");
    let url = text(&intent, "/next_action/use_stripe_sdk/stripe_js");
    let path = url
        .strip_prefix("http://127.0.0.1:3000/sandbox")
        .expect("the public address");
    let page = api.with_key("").get(path).await;
    assert!(
        page.text.contains("Approve this payment of $25.00?"),
        "{}",
        page.text
    );
    assert!(page.text.contains("action=\"/sandbox/3ds/pi_"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("frame-ancestors 'self'") && policy.contains("'nonce-"),
        "{policy}"
    );

    let done = decide(&api, &intent, "approve").await;
    assert_eq!(done.status.as_u16(), 200);
    assert!(done.text.contains("sandbox-3ds") && done.text.contains("\"succeeded\""));
    let path = format!("/v1/payment_intents/{}?expand[]=latest_charge", id(&intent));
    let intent = api.get(&path).await.ok();
    assert_eq!(intent["status"], "succeeded");
    let flow = "/latest_charge/payment_method_details/card/three_d_secure/authentication_flow";
    assert_eq!(text(&intent, flow), "challenge");
}

#[tokio::test]
async fn a_refusal_fails_the_payment_without_a_charge() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let intent = asked(&api, &[]).await;
    decide(&api, &intent, "fail").await;
    // Answering again, the other way round, changes nothing.
    decide(&api, &intent, "approve").await;
    let intent = api
        .get(&format!("/v1/payment_intents/{}", id(&intent)))
        .await
        .ok();
    assert_eq!(text(&intent, "/status"), "requires_payment_method");
    let code = text(&intent, "/last_payment_error/code");
    assert_eq!(code, "payment_intent_authentication_failure");
    assert!(intent["latest_charge"].is_null());
}

#[tokio::test]
async fn with_a_return_address_the_browser_is_sent_back_with_the_outcome() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let intent = asked(&api, &[("return_url", "http://shop.example/back?a=1#top")]).await;
    assert_eq!(text(&intent, "/next_action/type"), "redirect_to_url");
    let page_url = text(&intent, "/next_action/redirect_to_url/url");
    let path = page_url
        .strip_prefix("http://127.0.0.1:3000/sandbox")
        .expect("the address");
    let page = api.with_key("").get(path).await;
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("form-action 'self' http://shop.example;"),
        "{policy}"
    );
    let back = decide(&api, &intent, "approve").await;
    assert_eq!(back.status.as_u16(), 303);
    let location = back.header("location").expect("an address");
    assert!(
        location.starts_with("http://shop.example/back?a=1&payment_intent=pi_"),
        "{location}"
    );
    assert!(
        location.ends_with("&redirect_status=succeeded#top"),
        "{location}"
    );
    for bad in ["javascript:alert(1)", "http://a b", "ftp://x"] {
        let method = api.card(ASKS_ALWAYS).await;
        let error = api
            .charge("", &method, &[("return_url", bad)])
            .await
            .error(400);
        assert_eq!(text(&error, "/code"), "url_invalid");
    }
}

#[tokio::test]
async fn nobody_sees_the_page_without_the_secret() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let intent = asked(&api, &[]).await;
    let anonymous = api.with_key("");
    let path = format!("/3ds/{}", id(&intent));
    assert_eq!(anonymous.get(&path).await.status.as_u16(), 404);
    let form = [("client_secret", "wrong"), ("outcome", "approve")];
    assert_eq!(anonymous.post(&path, &form).await.status.as_u16(), 404);
    let intent = api
        .get(&format!("/v1/payment_intents/{}", id(&intent)))
        .await
        .ok();
    assert_eq!(intent["status"], "requires_action");
}

#[tokio::test]
async fn a_card_set_up_with_its_owner_is_charged_later_without_asking() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let customer = api.customer().await;
    let method = api.card(ASKS_UNLESS_SET_UP).await;
    let form = [
        ("customer", customer.as_str()),
        ("payment_method", &method),
        ("confirm", "true"),
        ("usage", "off_session"),
    ];
    let setup = api.post("/v1/setup_intents", &form).await.ok();
    assert_eq!(text(&setup, "/status"), "requires_action");
    let page = format!(
        "/3ds/{}?client_secret={}",
        id(&setup),
        text(&setup, "/client_secret")
    );
    assert!(
        api.with_key("")
            .get(&page)
            .await
            .text
            .contains("Approve saving this card")
    );
    decide(&api, &setup, "approve").await;
    let setup = api
        .get(&format!("/v1/setup_intents/{}", id(&setup)))
        .await
        .ok();
    assert_eq!(text(&setup, "/status"), "succeeded");
    let off_session = [("off_session", "true")];
    assert_eq!(
        api.charge(&customer, &method, &off_session).await.ok()["status"],
        "succeeded"
    );
    let on_session = api.charge(&customer, &method, &[]).await.ok();
    assert_eq!(on_session["status"], "requires_action");
}

#[tokio::test]
async fn a_set_up_can_fail_be_declined_and_be_canceled() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let customer = api.customer().await;
    let set_up = async |number: &str| {
        let method = api.card(number).await;
        let form = [
            ("customer", customer.as_str()),
            ("payment_method", &method),
            ("confirm", "true"),
        ];
        api.post("/v1/setup_intents", &form).await
    };
    let declined = set_up("4000000000000002").await.error(402);
    assert_eq!(
        text(&declined, "/setup_intent/status"),
        "requires_payment_method"
    );
    assert_eq!(text(&declined, "/decline_code"), "generic_decline");
    let refused = set_up(ASKS_ALWAYS).await.ok();
    decide(&api, &refused, "fail").await;
    let refused = api
        .get(&format!("/v1/setup_intents/{}", id(&refused)))
        .await
        .ok();
    let code = text(&refused, "/last_setup_error/code");
    assert_eq!(code, "setup_intent_authentication_failure");
    let cancel = format!("/v1/setup_intents/{}/cancel", id(&refused));
    assert_eq!(api.post(&cancel, &[]).await.ok()["status"], "canceled");
    let saved = set_up("5555555555554444").await.ok();
    assert_eq!(text(&saved, "/status"), "succeeded");
    let list = api
        .get(&format!("/v1/payment_methods?customer={customer}"))
        .await
        .ok();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_failed_question_can_be_followed_by_another_card() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let method = api.card(ASKS_ALWAYS).await;
    let form = charge_form("", &method);
    let intent = api.post("/v1/payment_intents", &form).await.ok();
    decide(&api, &intent, "fail").await;
    let other = api.card(support::CARD).await;
    let confirm = format!("/v1/payment_intents/{}/confirm", id(&intent));
    let paid = api.post(&confirm, &[("payment_method", &other)]).await.ok();
    assert_eq!(paid["status"], "succeeded");
    assert!(paid["last_payment_error"].is_null());
}

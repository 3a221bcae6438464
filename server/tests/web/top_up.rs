//! Adding credit through the server function that the dialog and the plain form use.

use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use types::ids::TopUpId;

use crate::support::tenant::{GOOD_CARD, find, told};
use crate::support::{Browser, Tenant, client, with_server};

/// Its bank says no.
const DECLINED_CARD: &str = "4000000000000002";

async fn saved_card(tenant: &Tenant, browser: &Browser) -> String {
    let token = tenant.token(browser, GOOD_CARD).await;
    let method = browser
        .json("add_payment_method", &[("token", &token)])
        .await;
    method["id"].as_str().unwrap().to_owned()
}

fn with_saved<'a>(id: &'a str, amount: &'a str, method: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("id", id),
        ("amount", amount),
        ("method", method),
        ("token", ""),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_however_often_and_at_once_is_charged_once() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let method = saved_card(&tenant, &browser).await;
        let id = TopUpId::generate().to_string();
        let fields = with_saved(&id, "25.00", &method);
        let clicks = (0..6).map(|_| browser.call("start_top_up", &fields));
        for response in futures::future::join_all(clicks).await {
            let (status, body) = told(response).await;
            assert_eq!(status, StatusCode::OK, "{body}");
        }
        let top_up = browser.json("start_top_up", &fields).await;
        assert_eq!(top_up["state"]["state"], "succeeded", "{top_up}");
        assert_eq!(tenant.balance().await, "25.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_leaves_the_balance_alone() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let token = tenant.token(&browser, DECLINED_CARD).await;
        let id = TopUpId::generate().to_string();
        let fields = [
            ("id", id.as_str()),
            ("amount", "25"),
            ("method", ""),
            ("token", &token),
        ];
        let top_up = browser.json("start_top_up", &fields).await;
        assert_eq!(top_up["state"]["state"], "failed", "{top_up}");
        assert_eq!(tenant.balance().await, "0.00");
        let status: Value = browser.json("top_up_status", &[("id", &id)]).await;
        assert_eq!(status["state"]["state"], "failed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_outside_the_limits_is_refused_at_its_field() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let method = saved_card(&tenant, &browser).await;
        for amount in ["4.99", "500.01", "", "-25", "25.001", "1e3", "twenty"] {
            let id = TopUpId::generate().to_string();
            let response = browser
                .call("start_top_up", &with_saved(&id, amount, &method))
                .await;
            let (status, body) = told(response).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{amount}: {body}");
            assert_eq!(
                find(&body, "field"),
                Some(&"amount".into()),
                "{amount}: {body}"
            );
        }
        assert_eq!(tenant.balance().await, "0.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_form_answers_with_a_page_to_go_to() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let method = saved_card(&tenant, &browser).await;
        let id = TopUpId::generate().to_string();
        let response = browser
            .request(Method::POST, "/api/start_top_up")
            .header(ACCEPT, "text/html,application/xhtml+xml")
            .header("sec-fetch-site", "same-origin")
            .form(&with_saved(&id, "10", &method))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let location = response.headers()["location"].to_str().unwrap();
        assert!(location.starts_with("/billing"), "{location}");
        assert_eq!(tenant.balance().await, "10.00");
    })
    .await;
}

/// Its bank asks the person to confirm.
const ASKING_CARD: &str = "4000000000003220";

/// A top-up with a card whose bank asks; its id and the bank's page.
async fn start_asking(tenant: &Tenant, browser: &Browser) -> (String, String) {
    let token = tenant.token(browser, ASKING_CARD).await;
    let id = TopUpId::generate().to_string();
    let fields = [
        ("id", id.as_str()),
        ("amount", "25"),
        ("method", ""),
        ("token", &token),
    ];
    let top_up = browser.json("start_top_up", &fields).await;
    assert_eq!(top_up["state"]["state"], "requires_action", "{top_up}");
    let url = top_up["state"]["url"]
        .as_str()
        .expect("the bank's page")
        .to_owned();
    (id, url)
}

/// Answers the bank's question as its page does.
async fn answer_bank(url: &str, outcome: &str) -> reqwest::Response {
    let page = client().get(url).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let html = page.text().await.unwrap();
    let secret = html
        .split("name=\"client_secret\" value=\"")
        .nth(1)
        .expect("a form");
    let secret = secret.split('"').next().unwrap();
    let address = url.split('?').next().unwrap();
    let form = [("client_secret", secret), ("outcome", outcome)];
    client().post(address).form(&form).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bank_asks_about_is_credited_after_the_person_confirmed_it() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let (id, url) = start_asking(&tenant, &browser).await;
        assert!(
            url.starts_with(&test.url),
            "{url} is not in our frame's reach"
        );
        assert_eq!(tenant.balance().await, "0.00");
        let answered = answer_bank(&url, "approve").await;
        assert_eq!(answered.status(), StatusCode::SEE_OTHER);
        let back = answered.headers()["location"].to_str().unwrap();
        assert!(back.starts_with(&test.at("/billing/confirmed")), "{back}");
        let status = browser.json("top_up_status", &[("id", &id)]).await;
        assert_eq!(status["state"]["state"], "succeeded", "{status}");
        assert_eq!(tenant.balance().await, "25.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_person_did_not_confirm_is_not_charged() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let (id, url) = start_asking(&tenant, &browser).await;
        answer_bank(&url, "fail").await;
        let status = browser.json("top_up_status", &[("id", &id)]).await;
        assert_eq!(status["state"]["state"], "failed", "{status}");
        assert_eq!(tenant.balance().await, "0.00");
    })
    .await;
}

//! Adding credit through the server function that the dialog and the plain form use.

use reqwest::StatusCode;
use reqwest::header::LOCATION;
use serde_json::Value;
use types::ids::TopUpId;
use types::tenancy::Role;

use crate::support::tenant::{GOOD_CARD, find, told};
use crate::support::{Browser, Tenant, TestServer, client, with_server};

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
            .post("start_top_up", &with_saved(&id, "10", &method))
            .await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(
            response.headers()[LOCATION],
            format!("/billing?top_up={id}")
        );
        assert_eq!(tenant.balance().await, "10.00");
    })
    .await;
}

/// What the sandbox is asked for is not answered any more.
async fn silence(test: &TestServer, calls: &str) {
    let sandbox = test.server.sandbox.as_ref().unwrap();
    let fault = [
        ("fault", "answer_lost_before"),
        ("target", calls),
        ("count", "1000"),
    ];
    let ordered = client()
        .post(test.at("/sandbox/_control/faults"))
        .bearer_auth(sandbox.secret_key())
        .form(&fault)
        .send()
        .await
        .unwrap();
    assert_eq!(ordered.status(), StatusCode::OK);
}

/// The id that a page's plain form will send.
fn id_in_form(html: &str) -> Option<&str> {
    let (_, after) = html.split_once("name=\"id\" value=\"")?;
    after.split('"').next()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_form_whose_end_is_not_known_is_never_followed_by_one_with_another_id() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let method = saved_card(&tenant, &browser).await;
        let id = TopUpId::generate().to_string();
        silence(test, "/v1/payment_intents").await;
        let response = browser
            .post("start_top_up", &with_saved(&id, "25", &method))
            .await;
        let page = response.headers()[LOCATION].to_str().unwrap().to_owned();
        assert_eq!(page, format!("/billing?top_up={id}"));
        // The page it leads to, and the form's own by the Back button.
        for path in [page, format!("/billing?add={id}")] {
            let html = browser.get(&path).await.text().await.unwrap();
            assert!(html.contains("no need to pay again"), "{path}");
            assert_eq!(id_in_form(&html), None, "{path} has a form to pay with");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_form_that_did_not_reach_the_processor_is_offered_again_under_its_id() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        silence(test, "/v1/customers").await;
        let id = TopUpId::generate().to_string();
        // An organization without a customer at the gateway has no card there either.
        let fields = [
            ("id", id.as_str()),
            ("amount", "25"),
            ("method", ""),
            ("token", "pm_card_visa"),
        ];
        let response = browser.post("start_top_up", &fields).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let page = response.headers()[LOCATION].to_str().unwrap();
        assert_eq!(page, format!("/billing?top_up={id}"));
        let response = browser.get(page).await;
        assert_eq!(response.status(), StatusCode::OK);
        let html = response.text().await.unwrap();
        assert!(html.contains("The payment was not started."), "{html}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_forms_id_stands_in_its_address_and_stays_after_a_refusal() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let method = saved_card(&tenant, &browser).await;
        let named = browser.get("/billing?add=1").await;
        assert_eq!(named.status(), StatusCode::SEE_OTHER);
        let page = named.headers()[LOCATION].to_str().unwrap().to_owned();
        let id = page.strip_prefix("/billing?add=").unwrap();
        for _ in 0..2 {
            let html = browser.get(&page).await.text().await.unwrap();
            assert_eq!(id_in_form(&html), Some(id));
        }
        let refused = browser
            .post("start_top_up", &with_saved(id, "4", &method))
            .await;
        assert_eq!(refused.headers()[LOCATION], page);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_waits_for_the_bank_can_be_given_up() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let (id, url) = start_asking(&tenant, &browser).await;
        let given_up = browser.json("cancel_top_up", &[("id", &id)]).await;
        assert_eq!(given_up["state"]["state"], "canceled", "{given_up}");
        answer_bank_anyway(&url).await;
        let status = browser.json("top_up_status", &[("id", &id)]).await;
        assert_eq!(status["state"]["state"], "canceled", "{status}");
        assert_eq!(tenant.balance().await, "0.00");

        let (id, _) = start_asking(&tenant, &browser).await;
        let plain = browser.post("cancel_top_up", &[("id", &id)]).await;
        assert_eq!(plain.headers()[LOCATION], format!("/billing?top_up={id}"));
    })
    .await;
}

/// Whoever still has the bank's page open finds nothing to answer.
async fn answer_bank_anyway(url: &str) {
    let html = client()
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(!html.contains("client_secret\" value"), "{html}");
}

/// Its bank asks the person to confirm.
const ASKING_CARD: &str = "4000000000003220";

/// A top-up with a card whose bank asks; its id and the bank's page.
pub(super) async fn start_asking(tenant: &Tenant, browser: &Browser) -> (String, String) {
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
pub(super) async fn answer_bank(url: &str, outcome: &str) -> reqwest::Response {
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
async fn the_banks_page_is_for_those_alone_who_may_pay() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let (id, url) = start_asking(&tenant, &tenant.browser().await).await;
        for role in [Role::BillingAdmin, Role::Member, Role::Finance] {
            let colleague = tenant.colleague(test, role).await;
            let response = colleague.call("top_up_status", &[("id", &id)]).await;
            let (status, body) = told(response).await;
            assert_eq!(status, StatusCode::OK, "{role:?}: {body}");
            assert_eq!(body["state"]["state"], "requires_action", "{role:?}");
            let shown = body["state"]["url"].as_str();
            let expected = role.may_change_money().then_some(url.as_str());
            assert_eq!(shown, expected, "{role:?}");
            let page = colleague.get(&format!("/billing?top_up={id}")).await;
            let page = page.text().await.unwrap();
            let is_on_page = page.contains("client_secret=");
            assert!(role.may_change_money() || !is_on_page, "{role:?}");
        }
    })
    .await;
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

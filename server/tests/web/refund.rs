//! Giving unused credit back, through the server function that the history's form uses.

use reqwest::StatusCode;
use reqwest::header::LOCATION;
use serde_json::Value;
use types::ids::{RefundId, TopUpId};
use types::tenancy::Role;

use crate::support::tenant::{GOOD_CARD, told};
use crate::support::{Browser, Tenant, with_server};

/// $25 that were paid.
async fn paid(tenant: &Tenant, browser: &Browser) -> String {
    let token = tenant.token(browser, GOOD_CARD).await;
    let id = TopUpId::generate().to_string();
    let fields = [
        ("id", id.as_str()),
        ("amount", "25"),
        ("method", ""),
        ("token", &token),
    ];
    let top_up = browser.json("start_top_up", &fields).await;
    assert_eq!(top_up["state"]["state"], "succeeded", "{top_up}");
    id
}

fn asking<'a>(id: &'a str, top_up: &'a str, amount: &'a str) -> [(&'a str, &'a str); 3] {
    [("id", id), ("top_up", top_up), ("amount", amount)]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_however_often_and_at_once_is_refunded_once() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let top_up = paid(&tenant, &browser).await;
        let offer = browser.json("refund_offer", &[("top_up", &top_up)]).await;
        assert_eq!(offer["offer"], "refundable", "{offer}");
        let id = RefundId::generate().to_string();
        let fields = asking(&id, &top_up, "10.00");
        let clicks = (0..6).map(|_| browser.call("refund_top_up", &fields));
        for response in futures::future::join_all(clicks).await {
            let (status, body) = told(response).await;
            assert_eq!(status, StatusCode::OK, "{body}");
        }
        let refund = browser.json("refund_status", &[("id", &id)]).await;
        assert_eq!(refund["state"], "succeeded", "{refund}");
        assert_eq!(tenant.balance().await, "15.00");
        let page = browser.json("history_page", &[]).await;
        let kinds: Vec<_> = (page["rows"].as_array().unwrap().iter())
            .map(|row| row["kind"]["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["refund", "credit"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_refunded_is_refused_at_its_field_and_changes_nothing() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let top_up = paid(&tenant, &browser).await;
        let long = "9".repeat(10_000);
        for (id, amount) in [
            (RefundId::generate().to_string(), "25.01"),
            (RefundId::generate().to_string(), "0"),
            (RefundId::generate().to_string(), "-5"),
            (RefundId::generate().to_string(), "ten"),
            (RefundId::generate().to_string(), &long),
            ("x".to_owned(), "5"),
        ] {
            let fields = asking(&id, &top_up, amount);
            let (status, body) = told(browser.call("refund_top_up", &fields).await).await;
            assert!(status.is_client_error(), "{amount:.20}: {status} {body}");
        }
        assert_eq!(tenant.balance().await, "25.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_change_no_money_refund_none() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let top_up = paid(&tenant, &tenant.browser().await).await;
        for role in [Role::Member, Role::Finance, Role::BillingAdmin] {
            let colleague = tenant.colleague(test, role).await;
            let id = RefundId::generate().to_string();
            let fields = asking(&id, &top_up, "1");
            let (status, body) = told(colleague.call("refund_top_up", &fields).await).await;
            let is_taken = status == StatusCode::OK;
            assert_eq!(
                is_taken,
                role == Role::BillingAdmin,
                "{role:?} {status} {body}"
            );
        }
        assert_eq!(tenant.balance().await, "24.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_organization_refunds_nothing_of_anothers_and_sees_none_of_its_refunds() {
    with_server(async |test| {
        let (ada, bob) = (test.tenant("Ada").await, test.tenant("Bob").await);
        let (ada_browser, bob_browser) = (ada.browser().await, bob.browser().await);
        let top_up = paid(&ada, &ada_browser).await;
        let id = RefundId::generate().to_string();
        let fields = asking(&id, &top_up, "5");
        ada_browser.json("refund_top_up", &fields).await;
        let fresh = RefundId::generate().to_string();
        for id in [&id, &fresh] {
            let (status, body) = told(
                bob_browser
                    .call("refund_top_up", &asking(id, &top_up, "5"))
                    .await,
            )
            .await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
            let seen = bob_browser.json("refund_status", &[("id", id)]).await;
            assert_eq!(seen, Value::Null);
        }
        let offer = bob_browser
            .json("refund_offer", &[("top_up", &top_up)])
            .await;
        assert_eq!(offer, Value::Null);
        assert_eq!(ada.balance().await, "20.00");
        assert_eq!(bob.balance().await, "0.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_without_script_leads_back_to_the_history() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let top_up = paid(&tenant, &browser).await;
        let id = RefundId::generate().to_string();
        for (amount, expected) in [
            ("30", format!("/billing/history?refund={top_up}&id={id}")),
            ("5", format!("/billing/history?refunded={id}")),
        ] {
            let fields = asking(&id, &top_up, amount);
            let response = browser.post("refund_top_up", &fields).await;
            assert_eq!(response.status(), StatusCode::SEE_OTHER, "{amount}");
            let location = response.headers()[LOCATION].to_str().unwrap();
            assert_eq!(location, expected, "{amount}");
        }
        assert_eq!(tenant.balance().await, "20.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_forms_id_stands_in_its_address_and_finds_its_refund_again() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let top_up = paid(&tenant, &browser).await;
        let form = format!("/billing/history?refund={top_up}");
        let named = browser.get(&form).await;
        assert_eq!(named.status(), StatusCode::SEE_OTHER);
        let page = named.headers()[LOCATION].to_str().unwrap().to_owned();
        let id = page.strip_prefix(&format!("{form}&id=")).unwrap();
        for _ in 0..2 {
            let html = browser.get(&page).await.text().await.unwrap();
            assert!(html.contains(&format!("value=\"{id}\"")), "{html}");
        }
        // Whoever comes back by the Back button, because no answer came, is told what became of it.
        let fields = asking(id, &top_up, "5");
        browser.post("refund_top_up", &fields).await;
        let html = browser.get(&page).await.text().await.unwrap();
        assert!(html.contains(" was refunded."), "{html}");
        assert!(!html.contains("id=\"plain-refund\""), "{html}");
        browser.post("refund_top_up", &fields).await;
        assert_eq!(tenant.balance().await, "20.00");
    })
    .await;
}

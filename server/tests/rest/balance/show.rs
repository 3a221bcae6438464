//! `GET /v1/balance`

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::tenant::{event, told};
use crate::support::{Tenant, TestServer, client, with_server};

async fn show(test: &TestServer, tenant: &Tenant, query: &str) -> (StatusCode, Value) {
    let request = client()
        .get(test.at(&format!("/v1/balance{query}")))
        .header("x-api-key", &tenant.api_key);
    told(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_raises_it_and_usage_lowers_it_by_the_exact_price() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("25").await;
        assert_eq!(
            tenant.report_json(&event("1")).await.status(),
            StatusCode::NO_CONTENT
        );
        let (status, body) = show(test, &tenant, "").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            body,
            json!({ "balance": "24.9999568", "held": "0.00", "available": "24.9999568" })
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_past_instant_it_is_what_it_was_then() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let before = test.server.billing.now();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        tenant.add_credit("25").await;
        let after = test.server.billing.now();
        let at =
            |at: types::time::Timestamp| format!("?as_of={}", at.to_rfc3339().replace('+', "%2B"));
        assert_eq!(show(test, &tenant, &at(before)).await.1["balance"], "0.00");
        assert_eq!(show(test, &tenant, &at(after)).await.1["balance"], "25.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instant_that_is_none_or_is_still_to_come_is_refused() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        for query in ["?as_of=yesterday", "?as_of=", "?as_of=2999-01-01T00:00:00Z"] {
            let (status, body) = show(test, &tenant, query).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
            assert_eq!(body["error"]["param"], "as_of", "{query}");
        }
    })
    .await;
}

//! `GET /v1/limits`

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rest::holds::{open, request};
use crate::support::tenant::told;
use crate::support::{Tenant, TestServer, client, with_server};

async fn show(test: &TestServer, tenant: &Tenant) -> Value {
    let request = client()
        .get(test.at("/v1/limits"))
        .header("x-api-key", &tenant.api_key);
    let (status, body) = told(request.send().await.unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_what_is_left_and_what_would_refuse() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let body = show(test, &tenant).await;
        assert_eq!(body["refused_by"], "credit");
        assert_eq!(body["credit"]["left"], "0.00");

        tenant.add_credit("25").await;
        open(test, &tenant, &request()).await;
        let body = show(test, &tenant).await;
        let expected = json!({
            "refused_by": null,
            "credit": {
                "balance": "25.00", "held": "0.0000432", "available": "24.9999568",
                "floor": "-1.00", "left": "25.9999568", "would_refuse": false,
            },
            "open_holds": { "limit": 10_000, "used": 1, "left": 9_999, "would_refuse": false },
            "sources": { "limit": 1_000, "used": 0, "left": 1_000, "would_refuse": false },
            "series": { "limit": 50_000, "used": 0, "left": 50_000, "would_refuse": false },
            "request": {
                "events": 1_000, "bytes": 1_048_576, "tokens": 100_000_000, "cost": "1000.00",
            },
        });
        assert_eq!(body, expected);
    })
    .await;
}

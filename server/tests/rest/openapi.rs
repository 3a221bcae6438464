//! `GET /openapi.json`: the API's description of itself.

use std::path::Path;

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{client, with_server};

/// Set, the test writes the description into the repository instead of comparing it.
const UPDATE: &str = "UPDATE_OPENAPI";

/// Every route that machines may call. A new one belongs here, into `tenants` and into `API.md`.
const ROUTES: [&str; 17] = [
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /readyz",
    "GET /v1/balance",
    "GET /v1/holds/{id}",
    "GET /v1/limits",
    "GET /v1/transactions",
    "GET /v1/transactions/{id}",
    "GET /v1/usage",
    "POST /api/v1/events",
    "POST /v1/events",
    "POST /v1/holds",
    "POST /v1/holds/{id}/capture",
    "POST /v1/holds/{id}/heartbeat",
    "POST /v1/holds/{id}/release",
    "POST /webhooks/stripe",
];

async fn description(test: &crate::support::TestServer) -> String {
    let response = client().get(test.at("/openapi.json")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    response.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line of their own"
)]
async fn the_description_is_the_one_that_was_reviewed() {
    with_server(async |test| {
        let told = description(test).await;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&file, &told).unwrap();
        }
        let reviewed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            told == reviewed,
            "the API's description changed: run this test with {UPDATE}=1 and review docs/openapi.json"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_machine_route_is_described_with_its_key_and_its_refusals() {
    with_server(async |test| {
        let api: Value = serde_json::from_str(&description(test).await).unwrap();
        assert_eq!(api["openapi"], "3.1.0");
        let mut routes = Vec::new();
        for (path, item) in api["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                routes.push(format!("{} {path}", method.to_uppercase()));
                assert!(operation["summary"].is_string(), "{path}: no summary");
                assert!(operation["operationId"].is_string(), "{path}: no name");
                let is_keyed = path.contains("/v1/");
                assert_eq!(operation["security"].is_array(), is_keyed, "{path}");
                for status in ["400", "401", "500", "503"] {
                    let has = operation["responses"][status].is_object();
                    assert!(has || !is_keyed, "{path}: {status} is not described");
                }
            }
        }
        routes.sort();
        assert_eq!(routes, ROUTES);
    })
    .await;
}

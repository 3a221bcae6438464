//! `GET /v1/transactions`

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::tenant::{event, told};
use crate::support::{Tenant, TestServer, client, with_server};

pub async fn get(test: &TestServer, tenant: &Tenant, path: &str) -> (StatusCode, Value) {
    let request = client()
        .get(test.at(path))
        .header("x-api-key", &tenant.api_key);
    told(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moved_the_balance_comes_newest_first_with_the_balance_after_it() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("25").await;
        tenant.report_json(&event("1")).await;
        let (status, body) = get(test, &tenant, "/v1/transactions").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["next"], Value::Null);
        let [usage, top_up] = &body["transactions"].as_array().unwrap()[..] else {
            panic!("{body}")
        };
        assert_eq!(usage["type"], "usage");
        assert_eq!(usage["amount"], "-0.0000432");
        assert_eq!(usage["balance"], "24.9999568");
        assert_eq!(top_up["type"], "top_up");
        assert_eq!(top_up["amount"], "25.00");
        assert!(
            top_up["source"].as_str().unwrap().starts_with("topup:"),
            "{body}"
        );
        assert!(
            usage["booked_at"].as_str().unwrap().ends_with('Z'),
            "{body}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_in_which_nothing_moved_has_an_empty_list() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let (status, body) = get(test, &tenant, "/v1/transactions").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body, json!({ "transactions": [], "next": null }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_leads_through_all_of_them_once() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        for id in 0..5 {
            tenant.report_json(&event(&id.to_string())).await;
        }
        let mut seen = Vec::new();
        let mut path = "/v1/transactions?limit=2".to_owned();
        loop {
            let (status, body) = get(test, &tenant, &path).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            let rows = body["transactions"].as_array().unwrap();
            seen.extend(rows.iter().map(|row| row["id"].clone()));
            let Some(next) = body["next"].as_str() else {
                break;
            };
            path = format!("/v1/transactions?limit=2&after={next}");
        }
        let distinct: std::collections::HashSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (5, 5));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_or_a_limit_that_is_none_is_refused_by_name() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let cases = [
            ("limit=0", "invalid_limit", "limit"),
            ("limit=101", "invalid_limit", "limit"),
            ("limit=ten", "invalid_limit", "limit"),
            ("limit=", "invalid_limit", "limit"),
            ("limit=1&limit=2", "repeated_parameter", "limit"),
            ("after=0", "invalid_cursor", "after"),
            ("after=-1", "invalid_cursor", "after"),
            ("after=9223372036854775808", "invalid_cursor", "after"),
            ("after=%27--", "invalid_cursor", "after"),
            ("after=1&after=1", "repeated_parameter", "after"),
        ];
        for (query, code, param) in cases {
            let path = format!("/v1/transactions?{query}");
            let (status, body) = get(test, &tenant, &path).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {body}");
            assert_eq!(body["error"]["code"], code, "{query}");
            assert_eq!(body["error"]["param"], param, "{query}");
        }
    })
    .await;
}

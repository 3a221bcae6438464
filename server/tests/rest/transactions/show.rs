//! `GET /v1/transactions/{id}`

use reqwest::StatusCode;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::list::get;
use crate::support::tenant::event;
use crate::support::{Tenant, TestServer, with_server};

/// The newest transaction, explained.
async fn newest(test: &TestServer, tenant: &Tenant, query: &str) -> Value {
    let (_, list) = get(test, tenant, "/v1/transactions?limit=1").await;
    let id = list["transactions"][0]["id"].as_str().unwrap().to_owned();
    let (status, body) = get(test, tenant, &format!("/v1/transactions/{id}{query}")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["id"], id.as_str());
    body
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_is_explained_by_what_it_moved() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("25").await;
        let body = newest(test, &tenant, "").await;
        assert_eq!(body["usage"], Value::Null);
        let lot = &body["lots"][0];
        assert_eq!(
            body["transfers"][0],
            json!({ "debit": "gateway_clearing", "credit": "prepaid", "amount": "25.00",
                    "lot_id": lot["id"] })
        );
        assert!(lot["id"].is_string());
        assert_eq!(lot["kind"], "purchase");
        assert_eq!(lot["granted"], "25.00");
        assert_eq!(lot["remaining"], "25.00");
        assert_eq!(lot["expires_at"], Value::Null);
        assert_eq!(
            body["postings"],
            json!([{ "account": "prepaid", "amount": "25.00", "balance": "25.00" }])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_explained_down_to_the_event_with_the_prices_that_made_its_cost() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("25").await;
        let mut told = event("1");
        told["time"] = test.server.billing.now().to_rfc3339().into();
        told["subject"] = "user-1".into();
        told["data"]["cost"] = json!(0.5);
        told["data"]["request_id"] = "req-1".into();
        let response = tenant.report_json(&told).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let body = newest(test, &tenant, "").await;
        let usage = &body["usage"];
        let parts = [&usage["carried_in"], &usage["cost"]].map(decimal);
        let rest = [&usage["posted"], &usage["carried_out"]].map(decimal);
        assert_eq!(parts[0] + parts[1], rest[0] + rest[1]);
        assert_eq!(decimal(&body["amount"]), -decimal(&usage["posted"]));
        let found = &usage["events"][0];
        assert_eq!(found["id"], "1");
        assert_eq!(found["subject"], "user-1");
        assert_eq!(found["claimed_cost"], "0.50");
        assert_eq!(found["cost"], "0.0000432");
        assert_eq!(found["request_id"], "req-1");
        assert_eq!(found["project_id"], tenant.project.to_string().as_str());
        assert_eq!(found["rates"]["input"], "0.15");
        assert_eq!(found["rates"]["output"], "0.6");
        let cost = decimal(&found["rates"]["input"]) * Decimal::from(112)
            + decimal(&found["rates"]["output"]) * Decimal::from(44);
        assert_eq!(cost / Decimal::from(1_000_000), decimal(&found["cost"]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_one_come_in_pages() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let batch: Value = (0..5).map(|index| event(&index.to_string())).collect();
        tenant.report_json(&batch).await;
        let (mut ids, mut query) = (Vec::new(), "?limit=2".to_owned());
        loop {
            let usage = newest(test, &tenant, &query).await["usage"].clone();
            assert_eq!(usage["event_count"], 5);
            let events = usage["events"].as_array().unwrap();
            ids.extend(events.iter().map(|event| event["id"].clone()));
            let Some(next) = usage["next"].as_str() else {
                break;
            };
            query = format!("?limit=2&after={next}");
        }
        assert_eq!(json!(ids), json!(["0", "1", "2", "3", "4"]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_not_there_or_is_none_is_not_found() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        for id in [
            "01932f6e-7c1a-7000-8000-0123456789ab",
            "1",
            "%00",
            "%ff",
            "'--",
            "01932f6e7c1a700080000123456789ab",
        ] {
            let (status, body) = get(test, &tenant, &format!("/v1/transactions/{id}")).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{id}: {body}");
            assert_eq!(body["error"]["code"], "no_such_transaction", "{id}");
        }
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("after=x", "after"),
        ] {
            let path = format!("/v1/transactions/01932f6e-7c1a-7000-8000-0123456789ab?{query}");
            let (status, body) = get(test, &tenant, &path).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {body}");
            assert_eq!(body["error"]["param"], param, "{query}");
        }
    })
    .await;
}

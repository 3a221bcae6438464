//! `POST /v1/events`: what is taken.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::tenant::{event, told};
use crate::support::{Tenant, client, with_server};

/// The README's example costs this much.
const PRICE_PICO: u64 = 43_200_000;

async fn events_counted(tenant: &Tenant, credit: &str) -> u64 {
    let left: rust_decimal::Decimal = tenant.balance().await.parse().unwrap();
    let spent = credit.parse::<rust_decimal::Decimal>().unwrap() - left;
    let picos = spent * rust_decimal::Decimal::from(1_000_000_000_000_u64);
    (picos / rust_decimal::Decimal::from(PRICE_PICO))
        .try_into()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_example_lowers_the_balance_by_its_exact_price() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        let response = tenant.report_json(&event("1")).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(response.text().await.unwrap(), "");
        assert_eq!(tenant.balance().await, "4.9999568");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_three_content_types_are_taken() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        let one = |id: &str| event(id).to_string();
        let cases = [
            ("application/cloudevents+json", one("1")),
            ("application/cloudevents+json; charset=utf-8", one("2")),
            (
                "application/cloudevents-batch+json",
                json!([event("3"), event("4")]).to_string(),
            ),
            ("application/json", one("5")),
            ("application/json", json!([event("6")]).to_string()),
        ];
        for (content_type, body) in cases {
            let (status, body) = told(tenant.report(content_type, body).await).await;
            assert_eq!(status, StatusCode::NO_CONTENT, "{content_type}: {body}");
        }
        assert_eq!(events_counted(&tenant, "5").await, 6);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_may_be_strings_and_have_their_other_names() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        let mut other = event("1");
        other["data"] = json!({
            "model": "gpt-oss-120b", "prompt_tokens": "112", "completion_tokens": "44",
            "status": 200, "latency_ms": 812, "request_id": "req-1", "surprise": { "a": [1.5] }
        });
        other["datacontenttype"] = "application/json".into();
        assert_eq!(
            tenant.report_json(&other).await.status(),
            StatusCode::NO_CONTENT
        );
        assert_eq!(events_counted(&tenant, "5").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_may_be_as_old_as_the_first_rate() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        let mut old = event("1");
        for (time, expected) in [
            ("1969-12-31T23:59:59Z", StatusCode::BAD_REQUEST),
            ("1970-01-01T00:00:00Z", StatusCode::NO_CONTENT),
        ] {
            old["time"] = time.into();
            assert_eq!(tenant.report_json(&old).await.status(), expected, "{time}");
        }
        assert_eq!(events_counted(&tenant, "5").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_again_is_taken_and_counted_once() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        for _ in 0..3 {
            assert_eq!(
                tenant.report_json(&event("1")).await.status(),
                StatusCode::NO_CONTENT
            );
        }
        let twice = json!([event("1"), event("2"), event("2")]);
        assert_eq!(
            tenant.report_json(&twice).await.status(),
            StatusCode::NO_CONTENT
        );
        assert_eq!(events_counted(&tenant, "5").await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_at_the_same_moment_is_counted_once() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        let body = event("1");
        let reports = (0..12).map(|_| tenant.report_json(&body));
        for response in futures::future::join_all(reports).await {
            assert_eq!(response.status(), StatusCode::NO_CONTENT);
        }
        assert_eq!(events_counted(&tenant, "5").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_with_other_content_is_a_conflict_and_changes_nothing() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        assert_eq!(
            tenant.report_json(&event("1")).await.status(),
            StatusCode::NO_CONTENT
        );
        let mut other = event("1");
        other["data"]["output_tokens"] = 45.into();
        let (status, body) = told(tenant.report_json(&other).await).await;
        assert_eq!(status, StatusCode::CONFLICT, "{body}");
        assert_eq!(body["error"]["type"], "conflict_error");
        assert_eq!(body["error"]["param"], "id");
        let (status, body) = told(tenant.report_json(&json!([event("2"), other])).await).await;
        assert_eq!(status, StatusCode::CONFLICT, "{body}");
        assert_eq!(body["error"]["param"], "[1].id");
        assert_eq!(events_counted(&tenant, "5").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_event_takes_the_whole_batch_with_it() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        let mut wrong = event("3");
        wrong["data"]["model"] = "no-such-model".into();
        let batch = json!([event("1"), event("2"), wrong, event("4")]);
        let (status, body) = told(tenant.report_json(&batch).await).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(body["error"]["param"], "[2].data.model");
        assert!(
            body["error"]["message"]
                .as_str()
                .unwrap()
                .starts_with("event 2: "),
            "{body}"
        );
        assert_eq!(tenant.balance().await, "5.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_carries_up_to_a_thousand_events_and_no_more() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        let batch =
            |count: usize| -> Value { (0..count).map(|index| event(&index.to_string())).collect() };
        let (status, body) = told(tenant.report_json(&batch(1_001)).await).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body["error"]["code"], "too_many_events");
        assert_eq!(tenant.balance().await, "5.00");
        assert_eq!(
            tenant.report_json(&batch(1_000)).await.status(),
            StatusCode::NO_CONTENT
        );
        assert_eq!(events_counted(&tenant, "5").await, 1_000);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_beyond_the_credit_is_recorded_and_owed() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        assert_eq!(
            tenant.report_json(&event("1")).await.status(),
            StatusCode::NO_CONTENT
        );
        assert_eq!(tenant.balance().await, "-0.0000432");
        tenant.add_credit("5").await;
        assert_eq!(tenant.balance().await, "4.9999568");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_project_header_books_usage_under_that_project() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        let operator = test.server.billing.operator();
        let other = operator
            .create_project(tenant.organization, "Other")
            .await
            .unwrap();
        let response = client()
            .post(test.at("/v1/events"))
            .header("x-api-key", &tenant.api_key)
            .header("x-project-id", other.to_string())
            .json(&event("1"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let page = test
            .server
            .billing
            .history()
            .page(tenant.organization, None, 10)
            .await
            .unwrap();
        let rows: Vec<_> = page.rows.iter().map(|row| row.description()).collect();
        assert!(rows.iter().any(|row| row.contains("Other")), "{rows:?}");
    })
    .await;
}

//! `GET /v1/usage`

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rest::transactions::get;
use crate::support::tenant::event;
use crate::support::{Tenant, with_server};

async fn furnish(tenant: &Tenant) {
    for (id, model, status, latency_ms) in [
        ("1", "gpt-oss-120b", 200, 10),
        ("2", "gpt-oss-120b", 429, 20),
        ("3", "glm-5.2", 200, 30),
    ] {
        let mut told = event(id);
        told["time"] = "2026-02-03T04:05:06Z".into();
        told["data"]["model"] = model.into();
        told["data"]["status"] = status.into();
        told["data"]["latency_ms"] = latency_ms.into();
        assert_eq!(
            tenant.report_json(&told).await.status(),
            StatusCode::NO_CONTENT
        );
    }
}

const FEBRUARY: &str = "from=2026-02-01T00:00:00Z&to=2026-03-01T00:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_summed_up_by_the_day_from_the_moment_it_is_acknowledged() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        furnish(&tenant).await;
        let path = format!("/v1/usage?{FEBRUARY}&group_by=model,project");
        let (status, body) = get(test, &tenant, &path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["from"], "2026-02-01T00:00:00Z");
        assert_eq!(body["to"], "2026-03-01T00:00:00Z");
        assert_eq!(body["interval"], "day");
        assert_eq!(body["group_by"], json!(["model", "project"]));
        let [glm, gpt] = &body["rows"].as_array().unwrap()[..] else {
            panic!("{body}")
        };
        assert_eq!(glm["model"], "glm-5.2");
        assert_eq!(
            *gpt,
            json!({
                "start": "2026-02-03T00:00:00Z", "model": "gpt-oss-120b",
                "project_id": tenant.project.to_string(), "api_key_id": null,
                "requests": 2, "errors": 1, "input_tokens": 224, "cached_input_tokens": 0,
                "output_tokens": 88, "cost": "0.0000864",
                "latency": { "count": 2, "average_ms": 15, "p50_ms": 10, "p95_ms": 20,
                             "p99_ms": 20 },
            })
        );
        assert_eq!(body["total"]["requests"], 3);
        let total = body["total"]["cost"].as_str().unwrap().to_owned();
        assert_eq!(tenant.balance().await, format!("-{total}"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_months_and_filters_tell_of_the_same_usage() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        furnish(&tenant).await;
        let project = tenant.project;
        let nobody = "01932f6e-7c1a-7000-8000-0123456789ab";
        for (query, requests, start) in [
            ("interval=hour".to_owned(), 3, "2026-02-03T04:00:00Z"),
            ("interval=month".to_owned(), 3, "2026-02-01T00:00:00Z"),
            ("model=glm-5.2".to_owned(), 1, "2026-02-03T00:00:00Z"),
            (format!("project_id={project}"), 3, "2026-02-03T00:00:00Z"),
            (format!("project_id={nobody}"), 0, ""),
            (format!("api_key_id={nobody}"), 0, ""),
            ("model=gpt".to_owned(), 0, ""),
        ] {
            let path = format!("/v1/usage?{FEBRUARY}&{query}");
            let (status, body) = get(test, &tenant, &path).await;
            assert_eq!(status, StatusCode::OK, "{query}: {body}");
            assert_eq!(body["total"]["requests"], requests, "{query}: {body}");
            let rows = body["rows"].as_array().unwrap();
            assert_eq!(rows.len(), usize::from(requests > 0), "{query}: {body}");
            if let Some(row) = rows.first() {
                assert_eq!(row["start"], start, "{query}");
                assert_eq!(row["model"], Value::Null, "{query}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_is_none_is_refused_by_name() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let cases = [
            ("from=yesterday", "invalid_time", "from"),
            ("from=2026-02-30T00:00:00Z", "invalid_time", "from"),
            ("from=2026-03-01", "invalid_time", "from"),
            ("from=", "invalid_time", "from"),
            ("to=1773230400", "invalid_time", "to"),
            ("to=2026-03-01T25:00:00Z", "invalid_time", "to"),
            (
                "from=2026-03-01T00:00:00Z&from=2026-03-01T00:00:00Z",
                "repeated_parameter",
                "from",
            ),
            (
                "from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z",
                "invalid_range",
                "from",
            ),
            (
                "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
                "invalid_range",
                "from",
            ),
            ("from=9998-12-31T23:59:59Z", "invalid_range", "from"),
            ("from=1969-12-31T23:59:59Z", "invalid_time", "from"),
            ("to=9999-01-01T00:00:00Z", "invalid_time", "to"),
            (
                "from=2025-01-01T00:00:00Z&to=2026-01-02T00:00:01Z",
                "range_too_long",
                "from",
            ),
            (
                "interval=hour&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:01Z",
                "range_too_long",
                "from",
            ),
            (
                "interval=month&from=1970-01-01T00:00:00Z",
                "range_too_long",
                "from",
            ),
            ("interval=week", "invalid_interval", "interval"),
            ("interval=Day", "invalid_interval", "interval"),
            ("interval=", "invalid_interval", "interval"),
            (
                "interval=day&interval=day",
                "repeated_parameter",
                "interval",
            ),
            ("group_by=", "invalid_group", "group_by"),
            ("group_by=model,", "invalid_group", "group_by"),
            ("group_by=models", "invalid_group", "group_by"),
            ("group_by=model%20project", "invalid_group", "group_by"),
            ("group_by=model;drop", "invalid_group", "group_by"),
            (
                "group_by=model&group_by=project",
                "repeated_parameter",
                "group_by",
            ),
            ("model=", "invalid_model", "model"),
            ("model=%00", "invalid_model", "model"),
            ("model=%ff", "invalid_model", "model"),
            ("model=a&model=b", "repeated_parameter", "model"),
            ("project_id=1", "invalid_id", "project_id"),
            ("project_id=%27--", "invalid_id", "project_id"),
            (
                "project_id=01932f6e7c1a700080000123456789ab",
                "invalid_id",
                "project_id",
            ),
            ("api_key_id=zgpu-1", "invalid_id", "api_key_id"),
            ("api_key_id=", "invalid_id", "api_key_id"),
        ];
        for (query, code, param) in cases {
            let (status, body) = get(test, &tenant, &format!("/v1/usage?{query}")).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {body}");
            assert_eq!(body["error"]["code"], code, "{query}: {body}");
            assert_eq!(body["error"]["param"], param, "{query}: {body}");
        }
        let long = format!("/v1/usage?model={}", "m".repeat(201));
        let (_, body) = get(test, &tenant, &long).await;
        assert_eq!(body["error"]["code"], "invalid_model");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_parameters_the_last_thirty_days_are_meant() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.report_json(&event("1")).await;
        let (status, body) = get(test, &tenant, "/v1/usage").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["total"]["requests"], 1, "{body}");
        let at = |name: &str| -> types::time::Timestamp {
            body[name].as_str().unwrap().parse().unwrap()
        };
        assert_eq!((at("to") - at("from")).num_days(), 30);
        assert!(at("to") > test.server.billing.now());
    })
    .await;
}

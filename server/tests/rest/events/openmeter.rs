//! `POST /api/v1/events`: the door of clients that were made for OpenMeter.
//!
//! The bodies are those that LiteLLM 1.106's `openmeter` callback posted; `cargo xtask test
//! outside` runs LiteLLM itself.

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::rest::transactions::get;
use crate::support::tenant::{event, told};
use crate::support::{Tenant, TestServer, client, with_server};

/// 10 × $0.15/1M + 20 × $0.60/1M.
const COST: &str = "-0.0000135";

/// What LiteLLM posts for one completion.
fn completion(id: &str, time: &str, model: &str, cost: Value) -> Value {
    json!({
        "specversion": "1.0",
        "type": "litellm_tokens",
        "id": id,
        "time": time,
        "subject": "user-1",
        "source": "litellm-proxy",
        "data": {
            "model": model,
            "cost": cost,
            "prompt_tokens": 10,
            "completion_tokens": 20,
            "total_tokens": 30
        }
    })
}

async fn post(test: &TestServer, authorization: Option<&str>, body: &Value) -> (StatusCode, Value) {
    let mut request = client()
        .post(test.at("/api/v1/events"))
        .header(CONTENT_TYPE, "application/cloudevents+json")
        .body(body.to_string());
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    told(request.send().await.unwrap()).await
}

async fn report(test: &TestServer, tenant: &Tenant, body: &Value) -> (StatusCode, Value) {
    post(test, Some(&format!("Bearer {}", tenant.api_key)), body).await
}

/// The one event of the newest transaction.
async fn newest_event(test: &TestServer, tenant: &Tenant) -> Value {
    let (_, list) = get(test, tenant, "/v1/transactions?limit=1").await;
    let id = list["transactions"][0]["id"].as_str().unwrap().to_owned();
    let (_, body) = get(test, tenant, &format!("/v1/transactions/{id}")).await;
    body["usage"]["events"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_is_charged_at_our_price_and_its_own_cost_is_kept_as_a_claim() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let time = test.server.billing.now().to_rfc3339();
        let body = completion(
            "chatcmpl-1",
            &time,
            "gpt-oss-120b",
            json!(0.00022500000000000002),
        );
        let (status, answer) = report(test, &tenant, &body).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
        assert_eq!(tenant.balance().await, COST);
        let found = newest_event(test, &tenant).await;
        assert_eq!(found["claimed_cost"], "0.00022500000000000002");
        assert_eq!(found["cost"], "0.0000135");
        assert_eq!(found["subject"], "user-1");
        assert_eq!(found["source"], "litellm-proxy");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_may_carry_its_provider_and_no_cost_may_be_known() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let time = test.server.billing.now().to_rfc3339();
        for (id, model) in [
            ("1", "openai/gpt-oss-120b"),
            ("2", "groq/openai/gpt-oss-120b"),
        ] {
            let body = completion(id, &time, model, Value::Null);
            let (status, answer) = report(test, &tenant, &body).await;
            assert_eq!(status, StatusCode::NO_CONTENT, "{model}: {answer}");
            let found = newest_event(test, &tenant).await;
            assert_eq!(found["model"], "gpt-oss-120b", "{model}");
            assert_eq!(found["claimed_cost"], Value::Null);
        }
        let unknown = completion("3", &time, "openai/gpt-4o", Value::Null);
        let (status, answer) = report(test, &tenant, &unknown).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert_eq!(answer["error"]["code"], "unknown_model");
    })
    .await;
}

/// LiteLLM reports an answer from its cache under the id of the first one, at another time, with
/// no cost, and with the model's other name.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_from_litellms_cache_is_not_charged_again() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let now = test.server.billing.now();
        let earlier = (now - chrono::TimeDelta::seconds(2)).to_rfc3339();
        let first = completion("chatcmpl-1", &earlier, "gpt-oss-120b", json!(1.35e-05));
        let cached = completion(
            "chatcmpl-1",
            &now.to_rfc3339(),
            "openai/gpt-oss-120b",
            json!(0.0),
        );
        for body in [&first, &cached, &first] {
            let (status, answer) = report(test, &tenant, body).await;
            assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
        }
        assert_eq!(tenant.balance().await, COST);
        let mut other = first.clone();
        other["data"]["completion_tokens"] = 21.into();
        let (status, answer) = report(test, &tenant, &other).await;
        assert_eq!(status, StatusCode::CONFLICT, "{answer}");
        assert_eq!(answer["error"]["param"], "id");
        assert_eq!(tenant.balance().await, COST);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_a_bearers_and_nothing_else_is_taken_for_one() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let key = tenant.api_key.clone();
        let cases = [
            (None, "missing_api_key"),
            (Some(key.clone()), "missing_api_key"),
            (Some(format!("Basic {key}")), "missing_api_key"),
            (Some("Bearer".to_owned()), "missing_api_key"),
            (Some("Bearer ".to_owned()), "missing_api_key"),
            (Some(format!("Bearer {key}x")), "invalid_api_key"),
            (
                Some(format!("Bearer {}", "x".repeat(4_000))),
                "invalid_api_key",
            ),
        ];
        for (authorization, code) in cases {
            let (status, answer) = post(test, authorization.as_deref(), &event("1")).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{authorization:?}");
            assert_eq!(answer["error"]["code"], code, "{authorization:?}");
        }
        let response = client()
            .post(test.at("/api/v1/events"))
            .header("x-api-key", &key)
            .json(&event("1"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(tenant.balance().await, "0.00");
        let (status, _) = post(test, Some(&format!("bearer {key}")), &event("1")).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    })
    .await;
}

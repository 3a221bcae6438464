//! `/v1/holds`: opened, kept, captured, released, refused.

use reqwest::StatusCode;
use serde_json::{Value, json};
use server::config::{GateConfig, QuotaStatus};

use super::{open, post, request};
use crate::support::tenant::told;
use crate::support::{Tenant, TestServer, client, with_config, with_server};

fn path(hold: &Value, act: &str) -> String {
    format!("/v1/holds/{}{act}", hold["id"].as_str().unwrap())
}

async fn act(test: &TestServer, tenant: &Tenant, hold: &Value, name: &str) -> (StatusCode, Value) {
    let path = path(hold, &format!("/{name}"));
    let body = json!({ "prompt_tokens": "112", "completion_tokens": 4, "status": 200 });
    told(post(test, tenant, &path, &body).await).await
}

async fn show(test: &TestServer, tenant: &Tenant, path: &str) -> (StatusCode, Value) {
    let request = client()
        .get(test.at(path))
        .header("x-api-key", &tenant.api_key);
    told(request.send().await.unwrap()).await
}

async fn balance(test: &TestServer, tenant: &Tenant) -> Value {
    show(test, tenant, "/v1/balance").await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_let_run_and_then_charged() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("25").await;
        let mut asked = request();
        asked["id"] = "req-1".into();
        let hold = open(test, &tenant, &asked).await;
        assert_eq!(hold["state"], "open");
        assert_eq!(hold["client_id"], "req-1");
        assert_eq!(hold["amount"], "0.0000432");
        assert_eq!(hold["limited"], false);
        assert_eq!(
            (&hold["cost"], &hold["closed_at"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(open(test, &tenant, &asked).await, hold, "the same again");
        assert_eq!(
            balance(test, &tenant).await,
            json!({ "balance": "25.00", "held": "0.0000432", "available": "24.9999568" })
        );
        let (status, kept) = act(test, &tenant, &hold, "heartbeat").await;
        assert_eq!(status, StatusCode::OK, "{kept}");
        assert!(
            kept["expires_at"].as_str() > hold["expires_at"].as_str(),
            "{kept}"
        );

        let (status, captured) = act(test, &tenant, &hold, "capture").await;
        assert_eq!(status, StatusCode::OK, "{captured}");
        assert_eq!(
            (&captured["state"], &captured["cost"]),
            (&"captured".into(), &"0.0000192".into())
        );
        assert_eq!(
            act(test, &tenant, &hold, "capture").await.1,
            captured,
            "the same again"
        );
        assert_eq!(show(test, &tenant, &path(&hold, "")).await.1, captured);
        assert_eq!(
            balance(test, &tenant).await,
            json!({ "balance": "24.9999808", "held": "0.00", "available": "24.9999808" })
        );
        for (name, code) in [("release", "hold_captured"), ("heartbeat", "hold_captured")] {
            let (status, body) = act(test, &tenant, &hold, name).await;
            assert_eq!(status, StatusCode::CONFLICT, "{name}: {body}");
            assert_eq!(body["error"]["code"], code, "{name}");
            assert_eq!(
                body["error"]["message"],
                "the hold is not open any more: it is captured"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_did_not_run_is_released_without_a_body() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("25").await;
        let hold = open(test, &tenant, &request()).await;
        let mut first = None;
        for _ in 0..2 {
            let request = client()
                .post(test.at(&path(&hold, "/release")))
                .header("x-api-key", &tenant.api_key);
            let (status, body) = told(request.send().await.unwrap()).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            assert_eq!(body["state"], "released");
            assert_eq!(first.get_or_insert(body.clone()), &body);
        }
        assert_eq!(balance(test, &tenant).await["available"], "25.00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credit_it_is_refused_as_the_reference_platform_does() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        // The second refusal comes from memory, and is the same.
        for round in ["by the commit", "from memory"] {
            let response = post(test, &tenant, "/v1/holds", &request()).await;
            assert_eq!(response.headers()["x-should-retry"], "false", "{round}");
            assert!(!response.headers().contains_key("retry-after"), "{round}");
            let (status, body) = told(response).await;
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{round}: {body}");
            let expected = json!({
                "type": "insufficient_quota",
                "code": "insufficient_quota",
                "message": "the credit balance is exhausted: $0.00 is available and this request \
                    needs at least $0.0000174; add credit to go on",
                "param": null,
            });
            assert_eq!(body["error"], expected, "{round}");
        }
        tenant.add_credit("25").await;
        open(test, &tenant, &request()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_refuse_with_402() {
    let payment_required = |config: &mut server::lifecycle::ServeConfig| {
        config.gate = GateConfig {
            quota_status: QuotaStatus::PaymentRequired,
        };
    };
    with_config(payment_required, async |test| {
        let tenant = test.tenant("Ada").await;
        let (status, body) = told(post(test, &tenant, "/v1/holds", &request()).await).await;
        assert_eq!(status, StatusCode::PAYMENT_REQUIRED, "{body}");
        assert_eq!(body["error"]["type"], "insufficient_quota");
        assert_eq!(body["error"]["code"], "insufficient_quota");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_credit_covers_a_part_that_is_offered() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("5").await;
        let asked = json!({
            "model": "glm-5.2", "input_tokens": 3_000_000, "max_output_tokens": "1048576"
        });
        let hold = open(test, &tenant, &asked).await;
        assert_eq!(
            (&hold["limited"], &hold["max_output_tokens"]),
            (&true.into(), &771_428.into())
        );
        assert_eq!(balance(test, &tenant).await["available"], "-0.999998");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_none_is_like_one_that_is_not_there() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let used = json!({ "input_tokens": 1, "output_tokens": 1 });
        for id in [
            "01932f6e-7c1a-7000-8000-0123456789ab",
            "17",
            "%FF",
            "..%2f..",
            "%00",
        ] {
            let path = format!("/v1/holds/{id}");
            let (status, body) = show(test, &tenant, &path).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {body}");
            assert_eq!(body["error"]["code"], "no_such_hold", "{path}");
            for act in ["capture", "release", "heartbeat"] {
                let path = format!("{path}/{act}");
                let (status, body) = told(post(test, &tenant, &path, &used).await).await;
                assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {body}");
            }
        }
    })
    .await;
}

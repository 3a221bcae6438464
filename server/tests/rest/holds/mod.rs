mod life;
mod malformed;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::tenant::told;
use crate::support::{Tenant, TestServer, client};

/// $0.0000432, like the README's example event.
pub fn request() -> Value {
    json!({ "model": "gpt-oss-120b", "input_tokens": 112, "max_output_tokens": 44 })
}

pub async fn post(test: &TestServer, tenant: &Tenant, path: &str, body: &Value) -> Response {
    client()
        .post(test.at(path))
        .header("x-api-key", &tenant.api_key)
        .json(body)
        .send()
        .await
        .expect("an answer")
}

/// A hold that is granted.
pub async fn open(test: &TestServer, tenant: &Tenant, request: &Value) -> Value {
    let (status, body) = told(post(test, tenant, "/v1/holds", request).await).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

//! Requests that are wrong, as a table: what is sent, and what is answered.

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::Value;

use crate::support::tenant::told;
use crate::support::{Tenant, TestServer, client};

/// What is sent, and what is answered: status, code, param, and a part of the message.
pub struct Case {
    pub name: &'static str,
    pub content_type: Option<&'static str>,
    pub content_encoding: Option<&'static str>,
    pub body: Vec<u8>,
    pub status: u16,
    pub code: &'static str,
    pub param: Option<&'static str>,
    pub says: &'static str,
}

pub fn case(
    name: &'static str,
    body: impl Into<Vec<u8>>,
    code: &'static str,
    param: impl Into<Option<&'static str>>,
    says: &'static str,
) -> Case {
    Case {
        name,
        content_type: Some("application/json"),
        content_encoding: None,
        body: body.into(),
        status: 400,
        code,
        param: param.into(),
        says,
    }
}

/// What is not as expected of an answer, if anything is.
pub async fn wrong_answer(
    test: &TestServer,
    tenant: &Tenant,
    path: &str,
    case: Case,
) -> Option<String> {
    let mut request = client()
        .post(test.at(path))
        .header("x-api-key", &tenant.api_key)
        .body(case.body);
    if let Some(content_type) = case.content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    if let Some(encoding) = case.content_encoding {
        request = request.header(CONTENT_ENCODING, encoding);
    }
    let response = request.send().await.unwrap();
    let retry = response.headers().get("x-should-retry").cloned();
    let (status, body) = told(response).await;
    let error = &body["error"];
    let is_right = status.as_u16() == case.status
        && error["type"] == "invalid_request_error"
        && error["code"] == case.code
        && error["param"] == case.param.map_or(Value::Null, Value::from)
        && error["message"]
            .as_str()
            .is_some_and(|message| message.contains(case.says))
        && retry.is_some_and(|retry| retry == "false");
    (!is_right).then(|| format!("{path}, {}: {status} {body}", case.name))
}

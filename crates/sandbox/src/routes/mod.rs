//! Owns HTTP: addresses, bodies, headers. `access` has the keys, `table` names the module that
//! does each call, `responses` writes answers. Does not own what a call does.

mod access;
mod responses;
mod table;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use axum::routing::{any, get};

pub(crate) use access::secrets_match;
pub(crate) use table::{perform, read};

use crate::errors::ApiError;
use crate::form::Form;
use crate::idempotency::MAX_KEY_LENGTH;
use crate::ids::new_id;
use crate::pipeline::{self, Answer};
use crate::{API_VERSION, Sandbox, control, three_d_secure};
use access::{Access, key_of, secret_key_required};
use responses::{preflight, respond, set};

/// Far more than any form of the API needs.
const MAX_BODY_BYTES: usize = 64 * 1024;

pub(crate) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/v1/{*path}", any(api))
        .route(
            "/3ds/{intent}",
            get(show_three_d_secure).post(answer_three_d_secure),
        )
        .route("/_control/{*path}", any(control_call))
        .with_state(sandbox)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Delete,
}

impl Verb {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

async fn api(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let id = new_id("req");
    let (parts, body) = request.into_parts();
    let is_tokenizer = parts.uri.path() == "/v1/payment_methods";
    if parts.method == Method::OPTIONS {
        return preflight(is_tokenizer);
    }
    let path = without_long_numbers(parts.uri.path());
    let verb = parts.method.as_str().to_owned();
    let version = parts.headers.get("stripe-version").cloned();
    let answered = answer(sandbox, parts, body, &id).await;
    let answer = answered.unwrap_or_else(Answer::from);
    tracing::debug!(
        request = id,
        verb,
        path,
        status = answer.status,
        "sandbox call"
    );
    let status = answer.status;
    let mut response = respond(answer);
    let headers = response.headers_mut();
    set(headers, HeaderName::from_static("request-id"), &id);
    let version = version.unwrap_or(HeaderValue::from_static(API_VERSION));
    headers.insert(HeaderName::from_static("stripe-version"), version);
    if is_tokenizer {
        set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    }
    // The official clients obey this instead of guessing from the status.
    let again = if status == 409 { "true" } else { "false" };
    if (400..500).contains(&status) {
        set(
            headers,
            HeaderName::from_static("stripe-should-retry"),
            again,
        );
    }
    response
}

async fn answer(
    sandbox: Sandbox,
    parts: Parts,
    body: Body,
    request_id: &str,
) -> Result<Answer, ApiError> {
    let path = parts.uri.path().to_owned();
    let key = key_of(&parts.headers)?;
    let access = sandbox.processor.access(&key)?;
    let verb = match parts.method {
        Method::GET => Verb::Get,
        Method::POST => Verb::Post,
        Method::DELETE => Verb::Delete,
        ref other => return Err(ApiError::unknown_route(other.as_str(), &path)),
    };
    if verb == Verb::Get {
        let form = Form::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
        if access == Access::Publishable {
            return sandbox
                .processor
                .read_with_client_secret(&path, &form)
                .await;
        }
        let value = sandbox.processor.read(&path, &form).await?;
        return Ok(Answer::ok(&value));
    }
    if access == Access::Publishable && !(verb == Verb::Post && path == "/v1/payment_methods") {
        return Err(secret_key_required());
    }
    let idempotency_key = idempotency_key_of(&parts.headers)?;
    let form = Form::parse(&read_body(body).await?)?;
    let id = request_id.to_owned();
    let request = pipeline::Request {
        id,
        verb,
        path,
        form,
        idempotency_key,
    };
    // On a task of its own: a caller that hangs up does not stop what it has started.
    let performed = tokio::spawn(async move { sandbox.processor.write(request).await });
    performed.await.map_err(|error| {
        tracing::error!(%error, "a sandbox call did not finish");
        ApiError::lost_answer()
    })
}

/// A path for the log: a card number that was put there by mistake does not get in.
fn without_long_numbers(path: &str) -> String {
    const LONG: usize = 12;
    let digits = path.bytes().filter(u8::is_ascii_digit).count();
    if digits < LONG {
        path.to_owned()
    } else {
        path.replace(|c: char| c.is_ascii_digit(), "*")
    }
}

fn idempotency_key_of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > MAX_KEY_LENGTH {
        let message = "Idempotency keys have 1 to 255 characters.";
        return Err(ApiError::idempotency(400, message));
    }
    Ok(Some(key.to_owned()))
}

async fn read_body(body: Body) -> Result<Bytes, ApiError> {
    to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| ApiError::too_large("The request body is larger than 64 KiB."))
}

async fn show_three_d_secure(
    State(sandbox): State<Sandbox>,
    Path(intent): Path<String>,
    request: Request,
) -> Response {
    match Form::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        Ok(form) => three_d_secure::show(&sandbox.processor, &intent, &form).await,
        Err(error) => respond(error.into()),
    }
}

async fn answer_three_d_secure(
    State(sandbox): State<Sandbox>,
    Path(intent): Path<String>,
    request: Request,
) -> Response {
    let form = match read_body(request.into_body()).await {
        Ok(bytes) => Form::parse(&bytes),
        Err(error) => Err(error),
    };
    match form {
        Ok(form) => three_d_secure::answer(&sandbox.processor, &intent, &form).await,
        Err(error) => respond(error.into()),
    }
}

async fn control_call(
    State(sandbox): State<Sandbox>,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let result = async {
        let key = key_of(&parts.headers)?;
        if sandbox.processor.access(&key)? != Access::Secret {
            return Err(secret_key_required());
        }
        let verb = match parts.method {
            Method::GET => Verb::Get,
            Method::POST => Verb::Post,
            Method::DELETE => Verb::Delete,
            ref other => return Err(ApiError::unknown_route(other.as_str(), &path)),
        };
        let form = Form::parse(&read_body(body).await?)?;
        control::perform(&sandbox.processor, verb, &path, &form).await
    };
    let answer = result
        .await
        .map_or_else(Answer::from, |value| Answer::ok(&value));
    respond(answer)
}

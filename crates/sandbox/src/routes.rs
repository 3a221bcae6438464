//! Owns HTTP: addresses, keys, bodies, headers. Does not own what a call does; the two tables
//! `perform` and `read` name the module that does.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use base64::Engine;
use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::call::Call;
use crate::errors::ApiError;
use crate::form::Form;
use crate::idempotency::MAX_KEY_LENGTH;
use crate::ids::new_id;
use crate::payment_intents::calls as payment_intents;
use crate::pipeline::{self, Answer, Arrival};
use crate::webhooks::events;
use crate::{
    API_VERSION, Processor, Sandbox, balance_transactions, charges, control, customers, disputes,
    payment_methods, refunds, setup_intents, three_d_secure,
};

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

/// Every call that changes something.
pub(crate) async fn perform(
    call: &mut Call<'_>,
    verb: Verb,
    path: &str,
    form: &Form,
) -> Result<Value, ApiError> {
    let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (verb, steps.as_slice()) {
        (Verb::Post, ["v1", "customers"]) => customers::create(call, form).await,
        (Verb::Post, ["v1", "customers", id]) => customers::update(call, id, form).await,
        (Verb::Delete, ["v1", "customers", id]) => customers::delete(call, id).await,
        (Verb::Post, ["v1", "disputes", id]) => disputes::update(call, id, form).await,
        (Verb::Post, ["v1", "disputes", id, "close"]) => disputes::close(call, id).await,
        (Verb::Post, ["v1", "payment_intents"]) => payment_intents::create(call, form).await,
        (Verb::Post, ["v1", "payment_intents", id]) => {
            payment_intents::update(call, id, form).await
        }
        (Verb::Post, ["v1", "payment_intents", id, "cancel"]) => {
            payment_intents::cancel(call, id, form).await
        }
        (Verb::Post, ["v1", "payment_intents", id, "confirm"]) => {
            payment_intents::confirm(call, id, form).await
        }
        (Verb::Post, ["v1", "payment_methods"]) => payment_methods::create(call, form).await,
        (Verb::Post, ["v1", "payment_methods", id]) => {
            payment_methods::update(call, id, form).await
        }
        (Verb::Post, ["v1", "payment_methods", id, "attach"]) => {
            payment_methods::attach(call, id, form).await
        }
        (Verb::Post, ["v1", "payment_methods", id, "detach"]) => {
            payment_methods::detach(call, id, form).await
        }
        (Verb::Post, ["v1", "refunds"]) => refunds::create(call, form).await,
        (Verb::Post, ["v1", "refunds", id]) => refunds::update(call, id, form).await,
        (Verb::Post, ["v1", "setup_intents"]) => setup_intents::create(call, form).await,
        (Verb::Post, ["v1", "setup_intents", id]) => setup_intents::update(call, id, form).await,
        (Verb::Post, ["v1", "setup_intents", id, "cancel"]) => {
            setup_intents::cancel(call, id, form).await
        }
        (Verb::Post, ["v1", "setup_intents", id, "confirm"]) => {
            setup_intents::confirm(call, id, form).await
        }
        _ => Err(ApiError::unknown_route(verb.name(), path)),
    }
}

/// Every call that only reads.
pub(crate) async fn read(call: &mut Call<'_>, path: &str, form: &Form) -> Result<Value, ApiError> {
    let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
    match steps.as_slice() {
        ["v1", "balance"] => balance_transactions::balance(call).await,
        ["v1", "balance_transactions"] => balance_transactions::list(call, form).await,
        ["v1", "balance_transactions", id] => balance_transactions::retrieve(call, id).await,
        ["v1", "charges"] => charges::list(call, form).await,
        ["v1", "charges", id] => charges::retrieve(call, id).await,
        ["v1", "customers"] => customers::list(call, form).await,
        ["v1", "customers", id] => customers::retrieve(call, id).await,
        ["v1", "customers", id, "payment_methods"] => {
            payment_methods::list_of_customer(call, id, form).await
        }
        ["v1", "customers", customer, "payment_methods", id] => {
            payment_methods::retrieve_of_customer(call, customer, id).await
        }
        ["v1", "disputes"] => disputes::list(call, form).await,
        ["v1", "disputes", id] => disputes::retrieve(call, id).await,
        ["v1", "events"] => events::list(call, form).await,
        ["v1", "events", id] => events::retrieve(call, id).await,
        ["v1", "payment_intents"] => payment_intents::list(call, form).await,
        ["v1", "payment_intents", id] => payment_intents::retrieve(call, id).await,
        ["v1", "payment_methods"] => payment_methods::list(call, form).await,
        ["v1", "payment_methods", id] => payment_methods::retrieve(call, id).await,
        ["v1", "radar", "early_fraud_warnings"] => disputes::list_warnings(call, form).await,
        ["v1", "radar", "early_fraud_warnings", id] => disputes::retrieve_warning(call, id).await,
        ["v1", "refunds"] => refunds::list(call, form).await,
        ["v1", "refunds", id] => refunds::retrieve(call, id).await,
        ["v1", "setup_intents"] => setup_intents::list(call, form).await,
        ["v1", "setup_intents", id] => setup_intents::retrieve(call, id).await,
        _ => Err(ApiError::unknown_route("GET", path)),
    }
}

async fn api(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let id = new_id("req");
    let (parts, body) = request.into_parts();
    let is_tokenizer = parts.uri.path() == "/v1/payment_methods";
    if parts.method == Method::OPTIONS {
        return preflight(is_tokenizer);
    }
    let path = parts.uri.path().to_owned();
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Secret,
    Publishable,
}

impl Processor {
    fn access(&self, key: &str) -> Result<Access, ApiError> {
        if secrets_match(&self.keys.secret, key) {
            Ok(Access::Secret)
        } else if secrets_match(&self.keys.publishable, key) {
            Ok(Access::Publishable)
        } else {
            Err(ApiError::unauthorized("Invalid API Key provided."))
        }
    }

    /// What a browser may read: an intent whose client secret it knows, without the merchant's
    /// own notes.
    async fn read_with_client_secret(&self, path: &str, form: &Form) -> Result<Answer, ApiError> {
        let is_intent = ["/v1/payment_intents/", "/v1/setup_intents/"]
            .iter()
            .any(|start| path.strip_prefix(start).is_some_and(|id| !id.contains('/')));
        let Some(secret) = form.text("client_secret") else {
            return Err(secret_key_required());
        };
        if !is_intent {
            return Err(secret_key_required());
        }
        let none = Form::parse(b"")?;
        let mut intent = self.read(path, &none).await?;
        if !secrets_match(intent["client_secret"].as_str().unwrap_or_default(), secret) {
            let message = "The client_secret provided does not match the client_secret associated \
                           with this intent.";
            return Err(ApiError::refused("resource_missing", message).with_param("client_secret"));
        }
        if let Some(intent) = intent.as_object_mut() {
            for name in [
                "application",
                "customer",
                "latest_charge",
                "metadata",
                "on_behalf_of",
            ] {
                intent.remove(name);
            }
        }
        Ok(Answer::ok(&intent))
    }
}

fn secret_key_required() -> ApiError {
    let message = "This API call cannot be made with a publishable API key. Please use a secret \
                   API key.";
    ApiError::unauthorized(message).with_code("secret_key_required")
}

/// Compares in a time that does not tell how much was right.
pub(crate) fn secrets_match(ours: &str, theirs: &str) -> bool {
    !ours.is_empty() && bool::from(ours.as_bytes().ct_eq(theirs.as_bytes()))
}

/// The API key from `Bearer` or from the user name of `Basic`.
fn key_of(headers: &HeaderMap) -> Result<String, ApiError> {
    let missing = || {
        ApiError::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization \
             header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    };
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let (scheme, credentials) = value.and_then(|v| v.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(credentials.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::engine::general_purpose::STANDARD.decode(credentials.trim());
        let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        return decoded
            .and_then(|text| text.split(':').next().map(str::to_owned))
            .ok_or_else(missing);
    }
    Err(missing())
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

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.arrival {
        Arrival::Broken => {
            // The length is announced, the connection ends before it.
            let cut = std::io::Error::other("the sandbox was told to break this answer");
            let stream = BrokenBody { error: Some(cut) };
            Body::new(stream).into_response()
        }
        Arrival::Whole | Arrival::Late(_) => answer.body.into_response(),
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set(headers, header::CONTENT_TYPE, "application/json");
    set(headers, header::CACHE_CONTROL, "no-cache, no-store");
    if let Some(first) = &answer.replay_of {
        set(
            headers,
            HeaderName::from_static("idempotent-replayed"),
            "true",
        );
        set(headers, HeaderName::from_static("original-request"), first);
    }
    response
}

/// A body that fails before its first byte.
struct BrokenBody {
    error: Option<std::io::Error>,
}

impl axum::body::HttpBody for BrokenBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(self.error.take().map(Err))
    }
}

fn preflight(is_tokenizer: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if is_tokenizer {
        let headers = response.headers_mut();
        set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, "POST");
        let allowed = "authorization, content-type, idempotency-key, stripe-version";
        set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        set(headers, header::ACCESS_CONTROL_MAX_AGE, "600");
    }
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
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

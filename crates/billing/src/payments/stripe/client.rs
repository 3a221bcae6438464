//! One HTTP conversation with Stripe, or with whatever speaks its API at the configured address.
//!
//! Owns the address, the headers, time-outs, retries, and telling a refusal from not knowing. Does
//! not own what is asked or what an object means.
//!
//! A request is repeated only under the same idempotency key (reads change nothing), at most
//! [`MAX_ATTEMPTS`] times, and all attempts together take no longer than the configured time-out.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::wire::{Fault, FaultBody, FaultKind};
use crate::GatewaySettings;
use crate::payments::account::is_live;
use crate::payments::gateway::{CUSTOMER_MISSING, GatewayError, GatewaySettingsError};

/// The shapes we read are those of this version, whatever the account's own default is.
const API_VERSION: &str = "2026-10-28.endive";
/// A hiccup is over by the third; what is not is for reconciliation.
const MAX_ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// However long the gateway asks us to wait: a person is waiting for us.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A full page of expanded intents is about a megabyte.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Codes go into our database and logs; the longest that Stripe documents has 65 characters.
const MAX_CODE_LENGTH: usize = 80;

/// Parameters by their name in Stripe's bracket notation, such as `metadata[top_up_id]`.
pub(super) type Form = Vec<(&'static str, String)>;

/// A definite answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// The object that was asked for, as JSON.
    Object(Vec<u8>),
    Refusal(Refusal),
}

/// A definite no: what was asked has not happened, and the same request will not make it happen.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) fault: Fault,
    pub(super) is_missing: bool,
}

impl Refusal {
    /// Whether the bank or the gateway turned the card down, as opposed to our request.
    pub(super) fn is_about_the_card(&self) -> bool {
        self.fault.kind == Some(FaultKind::CardError)
    }

    /// Stripe's word for the fault, cut to what a code can be; ours where the customer is gone.
    pub(super) fn code(&self) -> String {
        let is_missing = self.fault.code.as_deref() == Some("resource_missing");
        if is_missing && self.fault.param.as_deref() == Some("customer") {
            return CUSTOMER_MISSING.to_owned();
        }
        let code = self.fault.code.as_deref().unwrap_or("invalid_request");
        let allowed = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        code.chars().filter(allowed).take(MAX_CODE_LENGTH).collect()
    }

    /// For calls in which a refusal is no answer.
    pub(super) fn into_error(self) -> GatewayError {
        GatewayError::Refused { code: self.code() }
    }
}

/// Why an attempt gave no answer, and whether another may.
struct Failure {
    error: GatewayError,
    retry: Retry,
}

enum Retry {
    Never,
    After(Option<Duration>),
}

/// Holds the secret key; neither `Debug` nor any error shows it.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: HeaderValue,
    timeout: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn try_new(settings: &GatewaySettings) -> Result<Self, GatewaySettingsError> {
        let base = Url::parse(&settings.base_url).map_err(|_| GatewaySettingsError::BadUrl)?;
        let is_encrypted = match base.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(GatewaySettingsError::BadUrl),
        };
        if base.cannot_be_a_base() || base.host().is_none() {
            return Err(GatewaySettingsError::BadUrl);
        }
        if !is_encrypted && is_live(&settings.secret_key) {
            return Err(GatewaySettingsError::LiveKeyInClear);
        }
        Ok(Self {
            http: http_client(is_encrypted).map_err(GatewaySettingsError::Client)?,
            base,
            authorization: authorization(&settings.secret_key)?,
            timeout: settings.timeout,
        })
    }

    /// Does something. All tries carry the one `key`, so it is done at most once.
    pub(super) async fn post(
        &self,
        path: &[&str],
        form: &Form,
        key: &str,
    ) -> Result<Answer, GatewayError> {
        let url = self.url(path, &[]);
        self.ask(|| {
            self.http
                .post(url.clone())
                .header("Idempotency-Key", key)
                .form(form)
        })
        .await
    }

    /// Reads something.
    pub(super) async fn get(&self, path: &[&str], query: &Form) -> Result<Answer, GatewayError> {
        let url = self.url(path, query);
        self.ask(|| self.http.get(url.clone())).await
    }

    fn url(&self, path: &[&str], query: &[(&'static str, String)]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("a base with a host was checked when the client was made")
            .pop_if_empty()
            .push("v1")
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn ask(&self, request: impl Fn() -> RequestBuilder) -> Result<Answer, GatewayError> {
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let left = self.timeout.saturating_sub(started.elapsed());
            let Failure { error, retry } = match self.attempt(request(), left).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = match retry {
                Retry::Never => return Err(error),
                Retry::After(asked) => pause(attempt, asked),
            };
            if attempt == MAX_ATTEMPTS || started.elapsed() + pause >= self.timeout {
                return Err(error);
            }
            tracing::debug!(attempt, %error, "asking the payment gateway again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, request: RequestBuilder, timeout: Duration) -> Result<Answer, Failure> {
        let response = request
            .header(AUTHORIZATION, self.authorization.clone())
            .header("Stripe-Version", API_VERSION)
            .timeout(timeout)
            .send()
            .await
            .map_err(|error| not_heard(&error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = body(response).await?;
        answer(status, &headers, body)
    }
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, GatewayError> {
    serde_json::from_slice(body).map_err(|_| GatewayError::Unreadable)
}

/// What an HTTP answer tells: the object, a definite refusal, or that we do not know.
fn answer(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Result<Answer, Failure> {
    if status.is_success() {
        return Ok(Answer::Object(body));
    }
    let fault = serde_json::from_slice::<FaultBody>(&body)
        .ok()
        .map(|body| body.error);
    log_error(status, headers, fault.as_ref());
    let (error, may_repeat) = match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYMENT_REQUIRED | StatusCode::NOT_FOUND => {
            return refusal(status, fault)
                .map(Answer::Refusal)
                .map_err(|error| Failure {
                    error,
                    retry: Retry::Never,
                });
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (GatewayError::Unauthorized, false),
        StatusCode::CONFLICT => (GatewayError::InProgress, true),
        StatusCode::TOO_MANY_REQUESTS => (GatewayError::Throttled, true),
        other => (
            GatewayError::Failed {
                status: other.as_u16(),
            },
            other.is_server_error(),
        ),
    };
    // The gateway knows best whether a repeat can help; a failure kept under its key never changes.
    let advice = headers
        .get("stripe-should-retry")
        .map(HeaderValue::as_bytes);
    let repeats = match advice {
        Some(b"true") => true,
        Some(b"false") => false,
        Some(_) | None => may_repeat,
    };
    let retry = if repeats {
        Retry::After(asked_pause(headers))
    } else {
        Retry::Never
    };
    Err(Failure { error, retry })
}

/// For an operator, who can look the request up at the gateway. No text of the gateway's is
/// written down: it may repeat what was sent.
fn log_error(status: StatusCode, headers: &HeaderMap, fault: Option<&Fault>) {
    tracing::info!(
        status = status.as_u16(),
        code = fault.and_then(|fault| fault.code.as_deref()),
        param = fault.and_then(|fault| fault.param.as_deref()),
        request_id = headers.get("request-id").and_then(|id| id.to_str().ok()),
        "the payment gateway answered with an error"
    );
}

/// Only an answer of Stripe's own shape is believed: a 404 page of some proxy refuses nothing.
fn refusal(status: StatusCode, fault: Option<Fault>) -> Result<Refusal, GatewayError> {
    let fault = fault.ok_or(GatewayError::Unreadable)?;
    match fault.kind {
        Some(FaultKind::CardError | FaultKind::InvalidRequestError) => Ok(Refusal {
            fault,
            is_missing: status == StatusCode::NOT_FOUND,
        }),
        Some(FaultKind::IdempotencyError) => Err(GatewayError::KeyReused),
        Some(FaultKind::Other) | None => Err(GatewayError::Unreadable),
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| not_heard(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Failure {
                error: GatewayError::Unreadable,
                retry: Retry::Never,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The connection failed before, during or after the request: what was asked may have happened.
fn not_heard(error: &reqwest::Error) -> Failure {
    if error.is_builder() {
        return Failure {
            error: GatewayError::Unsendable,
            retry: Retry::Never,
        };
    }
    if error.is_timeout() && !error.is_connect() {
        return Failure {
            error: GatewayError::TimedOut,
            retry: Retry::Never,
        };
    }
    Failure {
        error: GatewayError::Unreachable,
        retry: Retry::After(None),
    }
}

/// Doubles with each attempt; never shorter than the gateway asks, within our own limit.
fn pause(attempt: u32, asked: Option<Duration>) -> Duration {
    let own = FIRST_PAUSE * 2_u32.pow(attempt.saturating_sub(1).min(8));
    own.max(asked.unwrap_or_default()).min(LONGEST_PAUSE)
}

fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn authorization(key: &SecretString) -> Result<HeaderValue, GatewaySettingsError> {
    let key = key.expose_secret();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(GatewaySettingsError::BadKey);
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|_| GatewaySettingsError::BadKey)?;
    value.set_sensitive(true);
    Ok(value)
}

fn http_client(is_encrypted: bool) -> Result<reqwest::Client, reqwest::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        // The key goes to the configured address and to no other.
        .redirect(reqwest::redirect::Policy::none())
        // Retries are ours alone: they keep the key.
        .retry(reqwest::retry::never())
        .user_agent(concat!("zerogpu-billing/", env!("CARGO_PKG_VERSION")));
    if is_encrypted {
        // reqwest takes the process's provider. If someone installed one before us, theirs serves.
        let _ = rustls::crypto::CryptoProvider::install_default((*provider).clone());
        return builder.https_only(true).build();
    }
    // Without encryption no certificates are read, so that a machine that has none can run the
    // sandbox; and a proxy that is meant for the internet is not asked for what is next door.
    let unused = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    builder.tls_backend_preconfigured(unused).no_proxy().build()
}

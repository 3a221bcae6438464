//! The machine API's errors: `{"error":{"type","code","message","param"}}`.
//!
//! Owns how a problem of the domain becomes a status and a body. Does not own the words of a
//! refusal: those are the domain's. What is broken is logged here, once, and told in general words.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use billing::{Problem, ProblemKind};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// Clients that follow the reference platform's SDKs look here before they repeat a request.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// What the reference platform calls it, as type and as code, when there is no credit left.
const INSUFFICIENT_QUOTA: &str = "insufficient_quota";
/// How long to wait before asking again for what we could not find out.
const UNKNOWN_RETRY: Duration = Duration::from_secs(1);

/// How a caller without a usable key is told to send one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenge {
    ApiKey,
    Bearer,
}

impl Challenge {
    const fn scheme(self) -> &'static str {
        match self {
            Self::ApiKey => "ApiKey",
            Self::Bearer => "Bearer",
        }
    }
}

/// An answer that is not the one that was asked for.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    challenge: Option<Challenge>,
    code: &'static str,
    message: String,
    param: Option<String>,
    retry_after: Option<Duration>,
}

/// Why a request was not answered as it asked.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(super) struct Body {
    error: Detail,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
struct Detail {
    /// The family of the error; it goes with the status.
    #[schema(example = "invalid_request_error")]
    r#type: &'static str,
    /// What it is, for programs: stable.
    #[schema(example = "unknown_model")]
    code: &'static str,
    /// What it is, for people.
    #[schema(example = "data.model has no rate; load one or check the name")]
    message: String,
    /// The part of the request that is wrong: a header, a query parameter, or a path in the body.
    #[schema(example = "data.model")]
    param: Option<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            challenge: None,
            status,
            code,
            message: message.into(),
            param: None,
            retry_after: None,
        }
    }

    pub(crate) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// No key, or none that is known.
    pub(crate) fn unauthorized(
        challenge: Challenge,
        code: &'static str,
        message: &'static str,
    ) -> Self {
        Self {
            challenge: Some(challenge),
            ..Self::new(StatusCode::UNAUTHORIZED, code, message)
        }
    }

    /// The same, pointing at a part of the request.
    pub(crate) fn at(self, param: impl Into<String>) -> Self {
        self.about(Some(param.into()))
    }

    /// The same, pointing at a part of the request if there is one to point at.
    pub(crate) fn about(self, param: Option<String>) -> Self {
        Self { param, ..self }
    }

    /// The same, to be asked again after a while.
    pub(crate) fn again_after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    /// The same, its message behind the place that it is about.
    pub(crate) fn behind(self, place: &str) -> Self {
        Self {
            message: format!("{place}: {}", self.message),
            ..self
        }
    }

    pub(crate) fn broken() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "something went wrong on our side; it was recorded, and repeating the request is safe",
        )
    }

    /// The same; a refusal for want of credit with the status that the operator chose for it.
    pub(crate) fn exhausted_as(self, status: StatusCode) -> Self {
        if self.code == INSUFFICIENT_QUOTA {
            Self { status, ..self }
        } else {
            self
        }
    }

    /// The family that a status belongs to; `rate_limit_exceeded` and `insufficient_quota` are
    /// their own, as clients expect.
    fn kind(&self) -> &'static str {
        match self.status {
            _ if self.code == INSUFFICIENT_QUOTA => INSUFFICIENT_QUOTA,
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::NOT_FOUND => "not_found_error",
            StatusCode::CONFLICT => "conflict_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }
}

impl<P: Problem> From<P> for ApiError {
    fn from(problem: P) -> Self {
        let (status, retry_after) = match problem.kind() {
            ProblemKind::Invalid => (StatusCode::BAD_REQUEST, None),
            ProblemKind::NotFound => (StatusCode::NOT_FOUND, None),
            ProblemKind::Conflict => (StatusCode::CONFLICT, None),
            ProblemKind::NotAllowed => (StatusCode::FORBIDDEN, None),
            ProblemKind::Exhausted => (StatusCode::TOO_MANY_REQUESTS, None),
            ProblemKind::Throttled { retry_after } => {
                (StatusCode::TOO_MANY_REQUESTS, Some(retry_after))
            }
            ProblemKind::Unknown => (StatusCode::SERVICE_UNAVAILABLE, Some(UNKNOWN_RETRY)),
            ProblemKind::Broken => {
                tracing::error!(error = %chain(&problem), "a request failed");
                return Self::broken();
            }
        };
        Self {
            param: problem.field(),
            retry_after,
            ..Self::new(status, problem.code(), problem.to_string())
        }
    }
}

/// The error and its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut written = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        written.push_str(": ");
        written.push_str(&error.to_string());
        cause = error.source();
    }
    written
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let detail = Detail {
            r#type: self.kind(),
            code: self.code,
            message: self.message,
            param: self.param,
        };
        let mut response = (self.status, Json(Body { error: detail })).into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge {
            let scheme = HeaderValue::from_static(challenge.scheme());
            headers.insert(WWW_AUTHENTICATE, scheme);
        }
        if let Some(wait) = self.retry_after {
            // Rounded up: a client that comes back a moment early is refused again.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        let should_retry = self.retry_after.is_some() || self.status.is_server_error();
        let should_retry = if should_retry { "true" } else { "false" };
        headers.insert(SHOULD_RETRY, HeaderValue::from_static(should_retry));
        response
    }
}

/// No such route.
pub(crate) async fn not_found() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no_such_route",
        "there is nothing at this path",
    )
}

/// The route is there, but not for this method; axum adds `Allow`.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not take this method",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the table `transfers` is gone")]
    struct Refused(ProblemKind);

    impl Problem for Refused {
        fn kind(&self) -> ProblemKind {
            self.0
        }

        fn code(&self) -> &'static str {
            "refused"
        }
    }

    #[test]
    fn what_is_broken_is_not_told_to_the_caller() {
        let error = ApiError::from(Refused(ProblemKind::Broken));
        assert_eq!(error.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!error.message.contains("transfers"));
    }

    #[test]
    fn a_throttled_caller_is_told_when_to_come_back_rounded_up() {
        let retry_after = Duration::from_millis(1_200);
        let response =
            ApiError::from(Refused(ProblemKind::Throttled { retry_after })).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[&SHOULD_RETRY], "true");
    }

    #[test]
    fn a_conflict_is_not_worth_repeating() {
        let response = ApiError::from(Refused(ProblemKind::Conflict)).into_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers()[&SHOULD_RETRY], "false");
    }
}

//! Owns answers on the wire, whole and broken.

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::pipeline::{Answer, Arrival};

pub(super) fn respond(answer: Answer) -> Response {
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

impl HttpBody for BrokenBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(self.error.take().map(Err))
    }
}

pub(super) fn preflight(is_tokenizer: bool) -> Response {
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

pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

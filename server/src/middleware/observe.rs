//! One id, one span, one line and two metrics a request.
//!
//! Neither bodies nor query strings are recorded: they may hold what people typed.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument;
use uuid::Uuid;

use crate::telemetry;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Stands for every path that no route matched, so that paths made up by strangers do not become
/// metrics.
const UNMATCHED: &str = "unmatched";

pub(crate) async fn apply(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| UNMATCHED.to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!("request", %id, %method, route);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();
    let status = response.status().as_u16();
    span.in_scope(|| {
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        if status >= 500 {
            tracing::warn!(status, milliseconds, "answered");
        } else if status < 400 && is_frequent(&route) {
            tracing::debug!(status, milliseconds, "answered");
        } else {
            tracing::info!(status, milliseconds, "answered");
        }
    });
    let method = known_method(method.as_str());
    metrics::counter!(
        telemetry::REQUESTS,
        "method" => method, "route" => route.clone(), "status" => status.to_string()
    )
    .increment(1);
    metrics::histogram!(telemetry::REQUEST_SECONDS, "route" => route).record(elapsed);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A line for each of these would drown the others: machines ask them several times for every
/// request that they serve themselves.
fn is_frequent(route: &str) -> bool {
    matches!(route, "/healthz" | "/readyz" | "/metrics")
        || ["/v1/", "/api/v1/", "/pkg/", "/sandbox"]
            .iter()
            .any(|beginning| route.starts_with(beginning))
}

/// Methods are free text: an unknown one must not become a metric of its own.
fn known_method(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "POST" => "POST",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::is_frequent;

    #[test]
    fn what_machines_ask_for_every_request_is_frequent_and_what_people_ask_is_not() {
        for route in [
            "/v1/events",
            "/api/v1/events",
            "/v1/holds",
            "/v1/holds/{id}/capture",
            "/v1/balance",
            "/v1/limits",
            "/readyz",
        ] {
            assert!(is_frequent(route), "{route}");
        }
        for route in ["/", "/billing", "/webhooks/stripe", "unmatched"] {
            assert!(!is_frequent(route), "{route}");
        }
    }
}

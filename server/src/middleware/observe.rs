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
        } else if is_frequent(&route) {
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

/// A line for each of these would drown the others.
fn is_frequent(route: &str) -> bool {
    matches!(
        route,
        "/v1/events" | "/api/v1/events" | "/healthz" | "/readyz" | "/metrics"
    ) || route.starts_with("/pkg/")
        || route.starts_with("/sandbox")
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

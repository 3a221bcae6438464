//! For whoever runs the server: is it alive, is it ready, what does it count.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::parts::Parts;

const PROCESS: HeaderName = HeaderName::from_static("x-process");

pub(crate) fn routes() -> Router<Parts> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// The process answers. It says nothing of the database: a restart would not mend that.
async fn alive(State(parts): State<Parts>) -> Response {
    let mut response = "alive\n".into_response();
    if parts.web.dev {
        // Tells a developer's page that another process answers now.
        response
            .headers_mut()
            .insert(PROCESS, HeaderValue::from(std::process::id()));
    }
    response
}

/// The database answers and its migrations are applied: send requests.
async fn ready(State(parts): State<Parts>) -> (StatusCode, &'static str) {
    if parts.billing.is_ready().await {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

/// Prometheus' text format.
async fn metrics(State(parts): State<Parts>) -> ([(HeaderName, &'static str); 1], String) {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        parts.metrics.render(),
    )
}

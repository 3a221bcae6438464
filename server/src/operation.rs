//! For whoever runs the server: is it alive, is it ready, what does it count.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::parts::Parts;

pub(crate) fn routes() -> Router<Parts> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// The process answers. It says nothing of the database: a restart would not mend that.
async fn alive() -> &'static str {
    "alive\n"
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
async fn metrics(State(parts): State<Parts>) -> ([(http::HeaderName, &'static str); 1], String) {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        parts.metrics.render(),
    )
}

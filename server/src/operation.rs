//! For whoever runs the server: is it alive, is it ready, what does it count.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Parts;

const PROCESS: HeaderName = HeaderName::from_static("x-process");

pub(crate) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::default()
        .routes(routes!(alive))
        .routes(routes!(ready))
        .routes(routes!(metrics))
}

/// Is it alive?
///
/// The process answers. It says nothing of the database: a restart would not mend that.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Operation",
    responses((status = 200, description = "It answers.", body = String)),
)]
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

/// Is it ready?
///
/// The database answers and its migrations are applied: send requests.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Operation",
    responses(
        (status = 200, description = "It is ready.", body = String),
        (status = 503, description = "It is not ready.", body = String),
    ),
)]
async fn ready(State(parts): State<Parts>) -> (StatusCode, &'static str) {
    if parts.billing.is_ready().await {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

/// What it counts
///
/// Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Operation",
    responses((status = 200, description = "The metrics.", body = String)),
)]
async fn metrics(State(parts): State<Parts>) -> ([(HeaderName, &'static str); 1], String) {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        parts.metrics.render(),
    )
}

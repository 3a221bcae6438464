//! Nobody waits for an answer longer than this.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::rest::error::ApiError;

/// Longer than one call of the gateway may take, so that a slow payment is told as one. Where an
/// answer takes two, the browser asks how it stands.
const LIMIT: Duration = Duration::from_secs(30);

/// What was slow for so long is not fast a moment later.
const RETRY: Duration = Duration::from_secs(5);

/// The work is dropped where it waits. Nothing is half done then: a transaction rolls back, and a
/// payment under way stays pending until reconciliation has asked about it.
pub(crate) async fn apply(request: Request, next: Next) -> Response {
    match tokio::time::timeout(LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timeout",
            "this took too long; repeat the request with the same id",
        )
        .again_after(RETRY)
        .into_response(),
    }
}

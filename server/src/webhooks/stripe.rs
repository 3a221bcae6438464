//! `POST /webhooks/stripe`: 200 once it is recorded and applied, 400 for what was not signed by
//! the gateway, 5xx for what it should send again.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use billing::Received;
use http::{HeaderMap, StatusCode};

use crate::parts::Parts;
use crate::rest::error::ApiError;
use crate::telemetry;

const SIGNATURE: &str = "stripe-signature";

/// The signature covers the body's bytes, so they are taken as they came.
pub(super) async fn receive(
    State(parts): State<Parts>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let body = body.map_err(|rejection| {
        ApiError::new(
            rejection.status(),
            "unreadable_body",
            "the body could not be taken",
        )
    })?;
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let Some(signature) = signature else {
        return Err(
            ApiError::invalid("missing_signature", "the notice carries no signature").at(SIGNATURE),
        );
    };
    let result = parts
        .billing
        .gateway_events()
        .receive(&body, signature)
        .await;
    let label = match &result {
        Ok(Received::Applied) => "applied",
        Ok(Received::AlreadyApplied) => "already_applied",
        Ok(Received::Ignored) => "ignored",
        Err(_) => "refused",
    };
    metrics::counter!(telemetry::GATEWAY_EVENTS, "result" => label).increment(1);
    result?;
    Ok(StatusCode::OK)
}

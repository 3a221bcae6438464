//! `POST /webhooks/stripe`: 200 once it is recorded, applied or not; 400 for what was not signed by
//! the gateway; 5xx for what it should send again.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use billing::{GatewayEventError, Received};
use http::{HeaderMap, StatusCode};

use crate::parts::Parts;
use crate::rest::error::ApiError;
use crate::rest::refusals;
use crate::telemetry;

const SIGNATURE: &str = "stripe-signature";

/// Take a notice
///
/// The signature covers the body's bytes, so they are taken as they came; at most 256 KiB.
#[utoipa::path(
    post,
    path = "/webhooks/stripe",
    operation_id = "takeNotice",
    tag = "Gateway",
    params(
        ("stripe-signature" = String, Header, description = "The time and the signature."),
    ),
    request_body(content = Object, description = "An event as Stripe sends it."),
    responses(
        (status = 200, description = "Recorded and applied, or applied before, or of no interest to us."),
        refusals::Invalid, refusals::TooLarge, refusals::Failed,
    ),
)]
pub(super) async fn receive(
    State(parts): State<Parts>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let body = body.map_err(|rejection| unreadable(&rejection))?;
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let Some(signature) = signature else {
        count("refused");
        return Err(
            ApiError::invalid("missing_signature", "the notice carries no signature").at(SIGNATURE),
        );
    };
    let result = parts
        .billing
        .gateway_events()
        .receive(&body, signature)
        .await;
    count(label(&result));
    result?;
    Ok(StatusCode::OK)
}

fn unreadable(rejection: &BytesRejection) -> ApiError {
    let code = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
        _ => "unreadable_body",
    };
    ApiError::new(rejection.status(), code, "the body could not be taken")
}

fn count(result: &'static str) {
    metrics::counter!(telemetry::GATEWAY_EVENTS, "result" => result).increment(1);
}

/// A wrong signature is somebody's mistake or lie; what failed is on our side and comes again.
const fn label(result: &Result<Received, GatewayEventError>) -> &'static str {
    match result {
        Ok(came_to) => came_to.as_str(),
        Err(GatewayEventError::Signature(_)) => "refused",
        Err(
            GatewayEventError::Gateway(_)
            | GatewayEventError::Settle(_)
            | GatewayEventError::Store(_),
        ) => "failed",
    }
}

#[cfg(test)]
mod tests {
    use billing::{GatewayEventError, StoreError};

    use super::label;

    #[test]
    fn a_database_that_fails_is_no_wrong_signature() {
        let broken = StoreError::from(sqlx::Error::PoolTimedOut);
        assert_eq!(label(&Err(GatewayEventError::Store(broken))), "failed");
    }
}

//! `/v1/holds`: authorise before a request runs, settle after.
//!
//! `decode` reads what is asked, `wire` writes what became of it. What is granted is `billing`'s.

mod decode;
mod wire;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use billing::{Hold, HoldError};
use http::HeaderMap;
use types::ids::HoldId;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::decode::MAX_HOLD_BYTES;
use self::wire::{CaptureBody, HoldBody, OpenBody};
use super::caller::Caller;
use super::error::ApiError;
use super::refusals;
use crate::parts::Parts;
use crate::telemetry;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    let limit = DefaultBodyLimit::max(MAX_HOLD_BYTES);
    OpenApiRouter::default()
        .routes(routes!(open).layer(limit))
        .routes(routes!(show))
        .routes(routes!(capture).layer(limit))
        .routes(routes!(release))
        .routes(routes!(heartbeat))
}

type Answer = Result<Json<HoldBody>, ApiError>;

/// Open a hold
///
/// Sets the most that a request can cost aside, before it runs. Where credit covers only a part,
/// the hold is `limited` to the output that it covers: let the request produce no more than
/// `max_output_tokens`. It expires after 10 minutes, unless a heartbeat moves that.
#[utoipa::path(
    post,
    path = "/v1/holds",
    operation_id = "openHold",
    tag = "Holds",
    params(
        ("x-project-id" = Option<String>, Header, format = "uuid", nullable = false,
            description = "A project of the key's organization, where the body names none."),
    ),
    request_body(content = OpenBody, description = "At most 16 KiB."),
    responses(
        (status = 200, description = "The hold. The same `id` with the same content is the same \
            hold, in the state that it has by now.", body = HoldBody),
        refusals::Invalid, refusals::Unauthorized, refusals::HoldConflict, refusals::TooLarge,
        refusals::WrongType, refusals::Exhausted, refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn open(
    State(parts): State<Parts>,
    Caller(caller): Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let request = decode::open(&headers, body)?;
    let opened = parts.billing.holds().open(&caller, request).await;
    count(match &opened {
        Ok(hold) if hold.is_limited() => "limited",
        Ok(_) => "granted",
        Err(HoldError::InsufficientCredit { .. }) => "refused",
        Err(_) => "failed",
    });
    answer(&parts, opened)
}

/// Read a hold
#[utoipa::path(
    get,
    path = "/v1/holds/{id}",
    operation_id = "readHold",
    tag = "Holds",
    params(("id" = String, Path, format = "uuid", description = "A hold's `id`.")),
    responses(
        (status = 200, description = "The hold.", body = HoldBody),
        refusals::Invalid, refusals::Unauthorized, refusals::NotFound, refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn show(
    State(parts): State<Parts>,
    Caller(caller): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let found = match read_id(id) {
        Ok(id) => parts.billing.holds().find(caller.organization, id).await?,
        Err(_) => None,
    };
    answer(&parts, found.ok_or(HoldError::NotFound))
}

/// Capture a hold
///
/// Charges what the request really used, more than was held too, and gives back the rest. The same
/// again is answered the same. An expired or released hold can be captured for 24 hours after its
/// end: what ran is charged, however late it is told.
#[utoipa::path(
    post,
    path = "/v1/holds/{id}/capture",
    operation_id = "captureHold",
    tag = "Holds",
    params(("id" = String, Path, format = "uuid", description = "A hold's `id`.")),
    request_body(content = CaptureBody, description = "At most 16 KiB."),
    responses(
        (status = 200, description = "The captured hold: what was used is paid for.", body = HoldBody),
        refusals::Invalid, refusals::Unauthorized, refusals::NotFound, refusals::HoldConflict,
        refusals::TooLarge, refusals::WrongType, refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn capture(
    State(parts): State<Parts>,
    Caller(caller): Caller,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let request = decode::capture(&headers, body)?;
    let holds = parts.billing.holds();
    let captured = match read_id(id) {
        Ok(id) => holds.capture(caller.organization, id, request).await,
        Err(error) => Err(error),
    };
    if captured.is_ok() {
        count("captured");
    }
    answer(&parts, captured)
}

/// Release a hold
///
/// Gives back what was set aside for a request that did not run. The same again is answered the
/// same, and so is the release of a hold that has expired; of a captured one it is refused.
#[utoipa::path(
    post,
    path = "/v1/holds/{id}/release",
    operation_id = "releaseHold",
    tag = "Holds",
    params(("id" = String, Path, format = "uuid", description = "A hold's `id`.")),
    responses(
        (status = 200, description = "The hold: nothing is set aside for it any more.", body = HoldBody),
        refusals::Invalid, refusals::Unauthorized, refusals::NotFound, refusals::HoldConflict,
        refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn release(
    State(parts): State<Parts>,
    Caller(caller): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let holds = parts.billing.holds();
    let released = match read_id(id) {
        Ok(id) => holds.release(caller.organization, id).await,
        Err(error) => Err(error),
    };
    if released.is_ok() {
        count("released");
    }
    answer(&parts, released)
}

/// Keep a hold open
///
/// For requests that run longer: the hold expires 10 minutes from now, but never later than 24
/// hours after it was opened.
#[utoipa::path(
    post,
    path = "/v1/holds/{id}/heartbeat",
    operation_id = "keepHold",
    tag = "Holds",
    params(("id" = String, Path, format = "uuid", description = "A hold's `id`.")),
    responses(
        (status = 200, description = "The hold, with when it expires now.", body = HoldBody),
        refusals::Invalid, refusals::Unauthorized, refusals::NotFound, refusals::HoldConflict,
        refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn heartbeat(
    State(parts): State<Parts>,
    Caller(caller): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let holds = parts.billing.holds();
    let prolonged = match read_id(id) {
        Ok(id) => holds.heartbeat(caller.organization, id).await,
        Err(error) => Err(error),
    };
    answer(&parts, prolonged)
}

/// What is no id is like an id that is not there.
fn read_id(id: Result<Path<String>, PathRejection>) -> Result<HoldId, HoldError> {
    let Path(id) = id.map_err(|_| HoldError::NotFound)?;
    id.parse().map_err(|_| HoldError::NotFound)
}

fn answer(parts: &Parts, hold: Result<Hold, HoldError>) -> Answer {
    match hold {
        Ok(hold) => Ok(Json(hold.into())),
        Err(error) => Err(ApiError::from(error).exhausted_as(parts.quota_status)),
    }
}

fn count(result: &'static str) {
    metrics::counter!(telemetry::HOLDS, "result" => result).increment(1);
}

#[cfg(test)]
mod tests {
    use billing::holds::{Shortfall, ShortfallReason};
    use http::StatusCode;
    use types::money::Money;

    use super::*;

    #[test]
    fn only_a_want_of_credit_is_told_with_the_operators_status() {
        let shortfall = Shortfall {
            available: Money::ZERO,
            needed: Money::from_nanos(1),
            reason: ShortfallReason::Exhausted,
        };
        let told = |error: HoldError| {
            let answer = ApiError::from(error).exhausted_as(StatusCode::PAYMENT_REQUIRED);
            axum::response::IntoResponse::into_response(answer)
        };
        let exhausted = told(HoldError::InsufficientCredit { shortfall });
        assert_eq!(exhausted.status(), StatusCode::PAYMENT_REQUIRED);
        assert_eq!(exhausted.headers()["x-should-retry"], "false");
        let busy = told(HoldError::TooManyOpen);
        assert_eq!(busy.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(busy.headers()["x-should-retry"], "true");
    }
}

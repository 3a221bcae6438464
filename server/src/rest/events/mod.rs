//! Usage, as CloudEvents 1.0: `POST /v1/events`, and `POST /api/v1/events` for clients that were
//! made for OpenMeter.
//!
//! `content_type` says which shapes may come, `json` reads them without losing what is wrong with
//! them, `decode` turns them into usage events, `openmeter` reads those as its clients mean them;
//! `schema` describes all this to others. What an event costs is `billing`'s.

mod content_type;
pub(super) mod decode;
pub(super) mod json;
mod openmeter;
pub(super) mod schema;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use billing::{ApiKeyCaller, IngestError, Problem};
use http::{HeaderMap, StatusCode};
use types::usage::UsageEvent;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::content_type::Shape;
use self::decode::DecodeError;
use self::schema::{Event, EventBatch, EventOrBatch};
use super::caller::Caller;
use super::error::ApiError;
use super::refusals;
use crate::parts::Parts;
use crate::telemetry;

/// The largest request that reports usage: 1,000 events with room to spare.
pub(super) const MAX_EVENTS_BYTES: usize = 1024 * 1024;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    let limit = DefaultBodyLimit::max(MAX_EVENTS_BYTES);
    OpenApiRouter::default()
        .routes(routes!(ingest).layer(limit))
        .routes(routes!(openmeter::ingest).layer(limit))
}

/// Report usage
///
/// Takes all events of the request, durably, or none. The same event again, by `source` and `id`,
/// is counted once; whatever the answer was, repeating a request with the same ids never counts
/// anything twice.
#[utoipa::path(
    post,
    path = "/v1/events",
    operation_id = "reportUsage",
    tag = "Usage",
    params(
        ("x-project-id" = Option<String>, Header, format = "uuid", nullable = false,
            description = "A project of the key's organization, for events that name none."),
    ),
    request_body(
        description = "One event, or 1 to 1,000 of them; at most 1 MiB.",
        content(
            (Event = "application/cloudevents+json"),
            (EventBatch = "application/cloudevents-batch+json"),
            (EventOrBatch = "application/json"),
        ),
    ),
    responses(
        (status = 204, description = "Every event is on disk and paid for."),
        refusals::Invalid, refusals::Unauthorized, refusals::Conflict, refusals::TooLarge,
        refusals::WrongType, refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn ingest(
    State(parts): State<Parts>,
    Caller(caller): Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let batch = read(&headers, body)?;
    take(&parts, &caller, batch).await
}

fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Batch, ApiError> {
    let shape = Shape::of(headers)?;
    let body = body.map_err(|rejection| unreadable(&rejection))?;
    Ok(decode::read(&body, shape)?)
}

/// `204` means that the events are on disk.
async fn take(parts: &Parts, caller: &ApiKeyCaller, batch: Batch) -> Result<StatusCode, ApiError> {
    let is_batch = batch.is_batch;
    let taken = parts.billing.usage().ingest(caller, batch.events).await;
    let taken = taken.map_err(|error| positioned(error, is_batch))?;
    count(taken.counted, "counted");
    count(taken.already_counted, "already_counted");
    Ok(StatusCode::NO_CONTENT)
}

/// The events of one request, and whether they came as a list.
pub(crate) struct Batch {
    pub events: Vec<UsageEvent>,
    pub is_batch: bool,
}

/// `[3].data.model` in a batch, `data.model` alone, nothing for the whole of a lone event.
fn param(index: usize, field: &str, is_batch: bool) -> Option<String> {
    match (is_batch, field) {
        (true, "") => Some(format!("[{index}]")),
        (true, field) => Some(format!("[{index}].{field}")),
        (false, "") => None,
        (false, field) => Some(field.to_owned()),
    }
}

/// The domain knows the event's place in the call, not whether it came alone.
fn positioned(error: IngestError, is_batch: bool) -> ApiError {
    let place = error.index().zip(error.field());
    let answer = ApiError::from(error);
    match place {
        Some((index, field)) if is_batch => answer
            .behind(&format!("event {index}"))
            .about(param(index, &field, is_batch)),
        Some(_) | None => answer,
    }
}

impl From<DecodeError> for ApiError {
    fn from(error: DecodeError) -> Self {
        let answer = Self::invalid(error.code(), error.to_string());
        match error {
            DecodeError::Event {
                index,
                is_batch,
                field,
            } => answer.about(param(index, &field.name, is_batch)),
            DecodeError::NotJson { .. }
            | DecodeError::NotOne
            | DecodeError::NotABatch
            | DecodeError::TooMany { .. } => answer,
        }
    }
}

fn unreadable(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "request_too_large",
            "a request may be at most 1 MiB; send the events in several",
        );
    }
    ApiError::invalid(
        "unreadable_body",
        "the request's body could not be read to its end",
    )
}

fn count(events: usize, result: &'static str) {
    metrics::counter!(telemetry::EVENTS, "result" => result).increment(events as u64);
}

//! `POST /api/v1/events`: the path and the key's header of clients that were made for OpenMeter,
//! LiteLLM's `openmeter` callback among them. The events are those of `POST /v1/events`, read as
//! such clients mean them:
//!
//! - LiteLLM names a model with its provider, or without, or one way when it calls the provider and
//!   the other when its cache answers: `openai/gpt-oss-120b`, `gpt-oss-120b`. Where the rate card
//!   does not have the whole name, the part behind its last slash counts.
//! - A request may be reported again, with another time and another cost: LiteLLM does so for each
//!   answer from its cache, under the id of the first. It is counted once, as OpenMeter does; with
//!   another model or other tokens it is a conflict.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use http::{HeaderMap, StatusCode};
use types::usage::{Repeat, UsageEvent};

use super::schema::{Event, EventBatch, EventOrBatch};
use super::{read, take};
use crate::parts::Parts;
use crate::rest::caller::BearerCaller;
use crate::rest::error::ApiError;
use crate::rest::refusals;

/// Report usage as to OpenMeter
///
/// For clients that were made for OpenMeter, such as LiteLLM's `openmeter` callback: the key is
/// sent as `Authorization: Bearer`. A model may carry its provider's name before a slash. An event
/// with the same `source`, `id`, model and tokens is the same event, whatever its time and cost
/// say.
#[utoipa::path(
    post,
    path = "/api/v1/events",
    operation_id = "reportUsageAsToOpenMeter",
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
    security(("bearer" = [])),
)]
pub(crate) async fn ingest(
    State(parts): State<Parts>,
    BearerCaller(caller): BearerCaller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let mut batch = read(&headers, body)?;
    name_models(&parts, &mut batch.events).await?;
    for event in &mut batch.events {
        event.repeat = Repeat::ModelAndTokens;
    }
    take(&parts, &caller, batch).await
}

/// Gives each event the rate card's own name of its model, where it has one.
async fn name_models(parts: &Parts, events: &mut [UsageEvent]) -> Result<(), ApiError> {
    let rates = parts.billing.rates();
    let is_known = |name: &str| rates.is_known(name);
    // From memory, unless there is one that this process has never heard of.
    let is_strange = |event: &UsageEvent| {
        let model = &event.model;
        model.contains('/') && !is_known(model) && own_name(model, is_known).is_none()
    };
    if events.iter().any(is_strange) {
        rates.refresh().await?;
    }
    for event in events {
        if let Some(name) = own_name(&event.model, is_known) {
            event.model = name.to_owned();
        }
    }
    Ok(())
}

/// The part behind the last slash, where only that is known.
fn own_name(model: &str, is_known: impl Fn(&str) -> bool) -> Option<&str> {
    let (_, name) = model.rsplit_once('/')?;
    (!is_known(model) && is_known(name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_before_the_model_is_left_out_only_where_the_rest_is_known() {
        let is_known = |name: &str| matches!(name, "gpt-oss-120b" | "ours/gpt-4" | "gpt-4");
        let cases = [
            ("openai/gpt-oss-120b", Some("gpt-oss-120b")),
            ("groq/openai/gpt-oss-120b", Some("gpt-oss-120b")),
            ("gpt-oss-120b", None),
            ("ours/gpt-4", None),
            ("theirs/gpt-4", Some("gpt-4")),
            ("openai/unheard-of", None),
            ("openai/", None),
            ("/", None),
        ];
        for (model, expected) in cases {
            assert_eq!(own_name(model, is_known), expected, "{model}");
        }
    }
}

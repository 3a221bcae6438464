//! `GET /v1/transactions/{id}`

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use billing::transactions::{EventRange, MOST_TRANSACTION_EVENTS};
use http::StatusCode;
use types::ids::BatchId;

use super::wire::ExplainedTransaction;
use crate::parts::Parts;
use crate::rest::caller::Caller;
use crate::rest::error::ApiError;
use crate::rest::query::{self, Limits};
use crate::rest::refusals;

const LIMITS: Limits = Limits {
    usual: 100,
    most: MOST_TRANSACTION_EVENTS,
};

/// Explain a transaction
///
/// One transaction down to its transfers, its postings on the organization's accounts and, where
/// it pays for usage, to each event with the prices that made its cost:
/// `carried_in` + `cost` = `posted` + `carried_out`, to the last digit.
#[utoipa::path(
    get,
    path = "/v1/transactions/{id}",
    operation_id = "explainTransaction",
    tag = "Balance",
    params(
        ("id" = String, Path, format = "uuid", description = "A transaction's `id`."),
        ("after" = Option<String>, Query, pattern = "^(0|[1-9][0-9]{0,8})$",
            description = "`usage.next` of the page before. Without it: the first events."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "The most events that the page may have; 100 without it."),
    ),
    responses(
        (status = 200, description = "The transaction.", body = ExplainedTransaction),
        refusals::Invalid, refusals::Unauthorized, refusals::NotFound, refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn show(
    State(parts): State<Parts>,
    Caller(caller): Caller,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Json<ExplainedTransaction>, ApiError> {
    let events = event_range(query.as_deref())?;
    // What is no id is like an id that is not there.
    let Path(id) = id.map_err(|_| unknown())?;
    let id: BatchId = id.parse().map_err(|_| unknown())?;
    let found = parts
        .billing
        .transactions()
        .find(caller.organization, id, events)
        .await?;
    found.map(|found| Json(found.into())).ok_or_else(unknown)
}

fn event_range(query: Option<&str>) -> Result<EventRange, ApiError> {
    let limit = query::limit(query, LIMITS)?;
    let after = match query::single(query, "after")? {
        None => 0,
        Some(text) => query::whole(&text).ok_or_else(|| {
            let message = "after must be the `usage.next` of an earlier page";
            ApiError::invalid("invalid_cursor", message).at("after")
        })?,
    };
    Ok(EventRange { after, limit })
}

fn unknown() -> ApiError {
    let message = "your organization has no such transaction";
    ApiError::new(StatusCode::NOT_FOUND, "no_such_transaction", message).at("id")
}

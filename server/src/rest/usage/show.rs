//! `GET /v1/usage`

use std::collections::BTreeSet;
use std::str::FromStr;

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Datelike};
use types::time::Timestamp;
use types::usage_report::{UsageGroup, UsageInterval, UsageQuery};

use super::wire::UsageBody;
use crate::parts::Parts;
use crate::rest::caller::Caller;
use crate::rest::error::ApiError;
use crate::rest::{query, refusals};

/// No model has a longer name.
const MAX_MODEL_BYTES: usize = 200;

/// Read usage
///
/// What the key's organization used, summed up by hour, day or month (UTC) of the time at which
/// the requests ran. Whatever was acknowledged is in it. Intervals in which nothing ran are left
/// out. An answer has at most 10,000 rows.
#[utoipa::path(
    get,
    path = "/v1/usage",
    operation_id = "readUsage",
    tag = "Usage",
    params(
        ("from" = Option<String>, Query, format = DateTime, example = "2026-03-01T00:00:00Z",
            description = "Where the range begins, as RFC 3339 writes it; it is widened to whole \
                intervals. Without it: 24 hours, 30 days or 12 months before its end."),
        ("to" = Option<String>, Query, format = DateTime, example = "2026-04-01T00:00:00Z",
            description = "Where the range ends: this instant is not in it any more. Without it: \
                now. By the hour a range has at most 31 days, by the day a year, by the month \
                three years."),
        ("interval" = Option<String>, Query, pattern = "^(hour|day|month)$",
            description = "`hour`, `day` or `month`; `day` without it."),
        ("group_by" = Option<String>, Query, example = "model",
            pattern = "^(model|project|api_key)(,(model|project|api_key))*$",
            description = "What rows are told apart by: any of `model`, `project` and `api_key`, \
                between commas. Without it: a row an interval."),
        ("model" = Option<String>, Query, max_length = 200,
            description = "Only usage of this model."),
        ("project_id" = Option<String>, Query, format = "uuid",
            description = "Only usage of this project."),
        ("api_key_id" = Option<String>, Query, format = "uuid",
            description = "Only usage of this key."),
    ),
    responses(
        (status = 200, description = "The usage.", body = UsageBody),
        refusals::Invalid, refusals::Unauthorized, refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn show(
    State(parts): State<Parts>,
    Caller(caller): Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<UsageBody>, ApiError> {
    let query = read(query.as_deref())?;
    let analytics = parts.billing.analytics();
    let report = analytics.report(caller.organization, &query).await?;
    Ok(Json(UsageBody::new(report, &query)))
}

fn read(query: Option<&str>) -> Result<UsageQuery, ApiError> {
    let interval = match query::single(query, "interval")? {
        None => UsageInterval::Day,
        Some(text) => UsageInterval::parse(&text).ok_or_else(|| {
            let message = "interval must be hour, day or month";
            ApiError::invalid("invalid_interval", message).at("interval")
        })?,
    };
    Ok(UsageQuery {
        from: time(query, "from")?,
        to: time(query, "to")?,
        interval,
        group_by: groups(query)?,
        model: model(query)?,
        project: id(query, "project_id")?,
        api_key: id(query, "api_key_id")?,
    })
}

fn time(query: Option<&str>, name: &'static str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = query::single(query, name)? else {
        return Ok(None);
    };
    // An unescaped `+02:00` arrives as ` 02:00`; there is no other reading of it.
    let text = text.replace(' ', "+");
    let at = DateTime::parse_from_rfc3339(&text).map_err(|_| {
        let message = format!("{name} must be an RFC 3339 time such as 2026-03-11T15:12:47Z");
        ApiError::invalid("invalid_time", message).at(name)
    })?;
    // What is written with four digits, with room for intervals that begin earlier or end later.
    if !(1970..9999).contains(&at.to_utc().year()) {
        let message = format!("{name} must lie between the years 1970 and 9998");
        return Err(ApiError::invalid("invalid_time", message).at(name));
    }
    Ok(Some(at.to_utc()))
}

fn groups(query: Option<&str>) -> Result<BTreeSet<UsageGroup>, ApiError> {
    let Some(text) = query::single(query, "group_by")? else {
        return Ok(BTreeSet::new());
    };
    text.split(',')
        .map(UsageGroup::parse)
        .collect::<Option<_>>()
        .ok_or_else(|| {
            let message = "group_by must be model, project, api_key, or several of them \
                           between commas";
            ApiError::invalid("invalid_group", message).at("group_by")
        })
}

fn model(query: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(text) = query::single(query, "model")? else {
        return Ok(None);
    };
    // A model that is not known was not used; what can be no name is a mistake.
    let is_usable = (1..=MAX_MODEL_BYTES).contains(&text.len())
        && !text
            .chars()
            .any(|character| character.is_control() || character == '\u{fffd}');
    is_usable.then_some(Some(text)).ok_or_else(|| {
        let message = format!("model must have 1 to {MAX_MODEL_BYTES} bytes of plain text");
        ApiError::invalid("invalid_model", message).at("model")
    })
}

fn id<T: FromStr>(query: Option<&str>, name: &'static str) -> Result<Option<T>, ApiError> {
    let Some(text) = query::single(query, name)? else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        let message = format!("{name} must be a UUID such as 01932f6e-7c1a-7000-8000-0123456789ab");
        ApiError::invalid("invalid_id", message).at(name)
    })
}

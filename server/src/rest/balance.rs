//! `GET /v1/balance`: what is left, exactly, now or at a past instant.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::DateTime;
use serde::Serialize;
use types::balance::Balance;
use types::money::Money;
use types::time::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::error::ApiError;
use super::{query, refusals};
use crate::parts::Parts;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::default().routes(routes!(show))
}

/// What an organization has, as exact decimal strings of dollars: a JSON number would be read as a
/// binary float.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Balance)]
pub(crate) struct BalanceBody {
    /// All that is the organization's; below zero while something is owed.
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "24.9999568")]
    balance: String,
    /// The part that is set aside for requests that are running.
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "0.00")]
    held: String,
    /// What a new request may spend: `balance` less `held` and less credit that has expired and is
    /// not taken out of the balance yet.
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "24.9999568")]
    available: String,
}

/// Read the balance
///
/// The balance of the key's organization, now or at a past instant.
#[utoipa::path(
    get,
    path = "/v1/balance",
    operation_id = "readBalance",
    tag = "Balance",
    params(
        ("as_of" = Option<String>, Query, format = DateTime, example = "2026-03-11T15:12:47Z",
            description = "A past instant, as RFC 3339 writes it. Without it: now."),
    ),
    responses(
        (status = 200, description = "The balance.", body = BalanceBody),
        refusals::Invalid, refusals::Unauthorized, refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn show(
    State(parts): State<Parts>,
    Caller(caller): Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<BalanceBody>, ApiError> {
    let prepaid = parts.billing.prepaid();
    let balance = match as_of(query.as_deref(), parts.billing.now())? {
        Some(at) => prepaid.balance_at(caller.organization, at).await?,
        None => prepaid.balance(caller.organization).await?,
    };
    body(&balance).map(Json)
}

fn as_of(query: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = query::single(query, "as_of")? else {
        return Ok(None);
    };
    let refuse = |message: &str| Err(ApiError::invalid("invalid_time", message).at("as_of"));
    // An unescaped `+02:00` arrives as ` 02:00`; there is no other reading of it.
    let text = text.replace(' ', "+");
    match DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc()) {
        Err(_) => refuse("as_of must be an RFC 3339 time such as 2026-03-11T15:12:47Z"),
        Ok(at) if at > now => refuse("as_of must not be in the future"),
        Ok(at) => Ok(Some(at)),
    }
}

fn body(balance: &Balance) -> Result<BalanceBody, ApiError> {
    let (Ok(posted), Ok(available)) = (balance.posted(), balance.available()) else {
        tracing::error!("a balance does not fit: {balance:?}");
        return Err(ApiError::broken());
    };
    let exact = |amount: Money| amount.dollars().exact();
    Ok(BalanceBody {
        balance: exact(posted),
        held: exact(balance.held),
        available: exact(available),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_decimal_strings() {
        let balance = Balance {
            prepaid: Money::from_nanos(24_999_956_800),
            held: Money::from_nanos(1_000_000_000),
            ..Balance::default()
        };
        let written = serde_json::to_string(&body(&balance).unwrap()).unwrap();
        assert_eq!(
            written,
            r#"{"balance":"24.9999568","held":"1.00","available":"23.9999568"}"#
        );
    }

    #[test]
    fn only_a_past_instant_is_taken() {
        let now: Timestamp = "2026-03-11T15:12:47Z".parse().unwrap();
        let read = |query: &str| as_of(Some(query), now).map_err(|_| ());
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("as_of=2026-03-11T15%3A12%3A47Z"), Ok(Some(now)));
        assert_eq!(read("as_of=2026-03-11T17:12:47+02:00"), Ok(Some(now)));
        for refused in [
            "as_of=",
            "as_of=yesterday",
            "as_of=2026-03-11T15:12:48Z",
            "as_of=1&as_of=2",
        ] {
            assert_eq!(read(refused), Err(()), "{refused}");
        }
    }
}

//! `GET /v1/limits`: every limit in force for a key, what is left of each, and which would refuse.

use axum::Json;
use axum::extract::State;
use billing::holds::{CreditLimits, FLOOR, MOST_OPEN_HOLDS};
use billing::metering::{MOST_COST, MOST_EVENTS, MOST_SERIES, MOST_SOURCES, MOST_TOKENS};
use serde::Serialize;
use types::money::Money;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::error::ApiError;
use super::events::MAX_EVENTS_BYTES;
use super::refusals;
use crate::parts::Parts;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::default().routes(routes!(show))
}

/// Every limit in force. Amounts are exact decimal strings of dollars.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limits)]
pub(crate) struct LimitsBody {
    /// The limit that a hold opened now would be refused by: `credit`, `open_holds`, or `null`.
    #[schema(example = json!(null))]
    refused_by: Option<&'static str>,
    credit: CreditBody,
    open_holds: CountBody,
    /// Senders of events, by their `source`. Beyond it events of a new one are refused.
    sources: CountBody,
    /// Projects, keys and models that have been used together. Beyond it events of new ones are
    /// refused.
    series: CountBody,
    request: RequestBody,
}

/// What there is to spend.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditLimit)]
struct CreditBody {
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "24.9999568")]
    balance: String,
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "0.00")]
    held: String,
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "24.9999568")]
    available: String,
    /// How far holds may take `available`, as long as it is above zero.
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "-1.00")]
    floor: String,
    /// What holds that are opened now may take together.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,9}$", example = "25.9999568")]
    left: String,
    /// Whether a hold of any cost would be refused.
    would_refuse: bool,
}

/// How many there may be at a time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CountLimit)]
struct CountBody {
    #[schema(example = 10_000)]
    limit: i64,
    #[schema(example = 3)]
    used: i64,
    #[schema(example = 9_997)]
    left: i64,
    would_refuse: bool,
}

/// What one request may be, whoever sends it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RequestLimit)]
struct RequestBody {
    /// The most events that report usage in one call.
    #[schema(example = 1_000)]
    events: usize,
    /// The most bytes of such a call.
    #[schema(example = 1_048_576)]
    bytes: usize,
    /// The most tokens of one kind in one request to a model.
    #[schema(example = 100_000_000)]
    tokens: i64,
    /// The most that one request to a model may cost.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,12}$", example = "1000.00")]
    cost: String,
}

/// Read the limits
///
/// Every limit in force for the key's organization, what is left of each, and which would refuse.
#[utoipa::path(
    get,
    path = "/v1/limits",
    operation_id = "readLimits",
    tag = "Holds",
    responses(
        (status = 200, description = "The limits.", body = LimitsBody),
        refusals::Invalid, refusals::Unauthorized, refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn show(
    State(parts): State<Parts>,
    Caller(caller): Caller,
) -> Result<Json<LimitsBody>, ApiError> {
    let limits = parts.billing.holds().limits(caller.organization).await?;
    body(&limits).map(Json)
}

fn body(limits: &CreditLimits) -> Result<LimitsBody, ApiError> {
    let balance = &limits.balance;
    let (Ok(posted), Ok(available)) = (balance.posted(), balance.available()) else {
        tracing::error!("a balance does not fit: {balance:?}");
        return Err(ApiError::broken());
    };
    let exact = |amount: Money| amount.dollars().exact();
    let credit = CreditBody {
        balance: exact(posted),
        held: exact(balance.held),
        available: exact(available),
        floor: exact(FLOOR),
        left: exact(limits.left),
        would_refuse: limits.left.is_zero(),
    };
    let open_holds = count(MOST_OPEN_HOLDS, limits.open_holds);
    let refusing = [
        ("credit", credit.would_refuse),
        ("open_holds", open_holds.would_refuse),
    ];
    let refused_by = refusing.into_iter().find(|(_, refuses)| *refuses);
    Ok(LimitsBody {
        refused_by: refused_by.map(|(name, _)| name),
        credit,
        open_holds,
        sources: count(MOST_SOURCES, limits.sources),
        series: count(MOST_SERIES, limits.series),
        request: RequestBody {
            events: MOST_EVENTS,
            bytes: MAX_EVENTS_BYTES,
            tokens: MOST_TOKENS,
            cost: MOST_COST.dollars().exact(),
        },
    })
}

fn count(limit: i64, used: i64) -> CountBody {
    let left = (limit - used).max(0);
    CountBody {
        limit,
        used,
        left,
        would_refuse: left == 0,
    }
}

#[cfg(test)]
mod tests {
    use types::balance::Balance;

    use super::*;

    #[test]
    fn the_first_limit_that_would_refuse_is_named() {
        let limits = |left, open_holds| CreditLimits {
            balance: Balance::default(),
            left: Money::from_nanos(left),
            open_holds,
            sources: 1_000,
            series: 50_000,
        };
        let refused_by = |limits| body(&limits).map(|body| body.refused_by).ok();
        assert_eq!(refused_by(limits(1, 9_999)), Some(None));
        assert_eq!(refused_by(limits(1, 10_000)), Some(Some("open_holds")));
        assert_eq!(refused_by(limits(0, 10_000)), Some(Some("credit")));
    }
}

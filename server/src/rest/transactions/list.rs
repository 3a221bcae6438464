//! `GET /v1/transactions`

use axum::Json;
use axum::extract::{RawQuery, State};
use billing::transactions::MOST_TRANSACTIONS;

use super::wire::TransactionList;
use crate::parts::Parts;
use crate::rest::caller::Caller;
use crate::rest::error::ApiError;
use crate::rest::query::{self, Limits};
use crate::rest::refusals;

const LIMITS: Limits = Limits {
    usual: 20,
    most: MOST_TRANSACTIONS,
};

/// List transactions
///
/// What moved the balance of the key's organization, newest first: top-ups, usage and whatever
/// else was posted. Usage that was taken together is one transaction, however many events it has.
#[utoipa::path(
    get,
    path = "/v1/transactions",
    operation_id = "listTransactions",
    tag = "Balance",
    params(
        ("after" = Option<String>, Query, pattern = "^[1-9][0-9]{0,17}$",
            description = "`next` of the page before. Without it: the newest transactions."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100,
            description = "The most transactions that the page may have; 20 without it."),
    ),
    responses(
        (status = 200, description = "A page of transactions.", body = TransactionList),
        refusals::Invalid, refusals::Unauthorized, refusals::Failed,
    ),
    security(("apiKey" = [])),
)]
pub(crate) async fn list(
    State(parts): State<Parts>,
    Caller(caller): Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<TransactionList>, ApiError> {
    let query = query.as_deref();
    let before = query::single(query, "after")?
        .map(|text| place(&text))
        .transpose()?;
    let limit = query::limit(query, LIMITS)?;
    let transactions = parts.billing.transactions();
    let page = transactions
        .page(caller.organization, before, limit)
        .await?;
    Ok(Json(page.into()))
}

fn place(text: &str) -> Result<i64, ApiError> {
    query::whole(text)
        .filter(|place| *place > 0)
        .ok_or_else(|| {
            let message = "after must be the `next` of an earlier page";
            ApiError::invalid("invalid_cursor", message).at("after")
        })
}

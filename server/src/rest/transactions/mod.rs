//! `/v1/transactions`: what moved the balance, and one movement explained.
//!
//! `list` and `show` are the two routes, `wire` is how what they find is written.

mod list;
mod show;
mod wire;

use chrono::SecondsFormat;
use types::money::{Cost, Money};
use types::time::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Parts;

pub(super) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::default()
        .routes(routes!(list::list))
        .routes(routes!(show::show))
}

/// Every digit, as a string: a JSON number would be read as a binary float.
fn exact(amount: Money) -> String {
    amount.dollars().exact()
}

fn exact_cost(cost: Cost) -> String {
    cost.dollars().exact()
}

/// UTC, to the microsecond that is stored.
fn instant(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

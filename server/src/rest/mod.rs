//! The machine API under `/v1`: JSON in, JSON out, a key in `x-api-key`.
//!
//! Owns how requests are read and answers are written, and the API's description of itself. Does
//! not own any rule about usage or money: every handler reads, calls `billing` once and writes.
//!
//! A route is added with `routes!`, which puts it into the description too; a test holds the
//! description against `docs/openapi.json`.

mod balance;
mod caller;
pub(crate) mod docs;
pub(crate) mod error;
mod events;
mod holds;
mod limits;
pub(crate) mod openapi;
mod query;
pub(crate) mod refusals;
mod transactions;
mod usage;

use utoipa_axum::router::OpenApiRouter;

use crate::parts::Parts;

pub(crate) fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::default()
        .merge(events::routes())
        .merge(holds::routes())
        .merge(limits::routes())
        .merge(balance::routes())
        .merge(transactions::routes())
        .merge(usage::routes())
        .merge(openapi::routes())
}

//! The machine API under `/v1`: JSON in, JSON out, a key in `x-api-key`.
//!
//! Owns how requests are read and answers are written. Does not own any rule about usage or money:
//! every handler reads, calls `billing` once and writes.

mod balance;
mod caller;
pub(crate) mod error;
mod events;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::parts::Parts;

/// The largest request that reports usage: 1,000 events with room to spare.
const MAX_EVENTS_BYTES: usize = 1024 * 1024;

pub(crate) fn routes() -> Router<Parts> {
    let events = post(events::ingest).layer(DefaultBodyLimit::max(MAX_EVENTS_BYTES));
    Router::new()
        .route("/v1/events", events)
        .route("/v1/balance", get(balance::show))
}

//! What the payment gateway tells us by itself.
//!
//! Owns reading the body and answering so that the gateway repeats what we did not take. Does not
//! own signatures or what a notice means (`billing`).

mod stripe;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::parts::Parts;

/// The gateway's notices are a few kilobytes; its own limit is 256 KB.
const MAX_BODY_BYTES: usize = 256 * 1024;

pub(crate) fn routes() -> OpenApiRouter<Parts> {
    let stripe = routes!(stripe::receive).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    OpenApiRouter::default().routes(stripe)
}

//! Money that moves outside the ledger: the gateway, saved cards, and what the gateway tells us.
//!
//! Owns the port and its one adapter, which speaks Stripe's API to Stripe or to the built-in
//! sandbox. Does not own what a payment means: that is `top_up`.

mod account;
pub(crate) mod customer;
pub(crate) mod detachment;
pub(crate) mod event;
pub mod gateway;
pub mod listed;
pub(crate) mod method;
pub(crate) mod patience;
pub(crate) mod returned;
pub(crate) mod stripe;

use std::str::FromStr;

use crate::StoreError;

/// An id of the gateway's, as we stored it.
pub(crate) fn parse_stored<T: FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Inconsistent(format!("gateway id `{text}`")))
}

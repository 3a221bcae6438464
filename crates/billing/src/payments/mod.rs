//! Money that moves outside the ledger: the gateway, saved cards, and what the gateway tells us.
//!
//! Owns the port and its one adapter, which speaks Stripe's API to Stripe or to the built-in
//! sandbox. Does not own what a payment means: that is `top_up`.

pub(crate) mod event;
pub mod gateway;
pub(crate) mod method;
pub(crate) mod stripe;

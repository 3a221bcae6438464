//! What a gateway must do, whoever is behind the port: one suite, through the adapter, over HTTP.
//!
//! It runs against the built-in sandbox. With `GATEWAY_CONTRACT_URL` (such as
//! `https://api.stripe.com`) and `GATEWAY_CONTRACT_KEY` (a test-mode secret key) `charges` and
//! `cards` run there instead; `trouble` needs faults that only the sandbox makes on request.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod cards;
mod charges;
mod support;
mod trouble;

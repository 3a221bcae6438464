//! What a gateway must do, whoever is behind the port: one suite, through the adapter, over HTTP.
//!
//! It runs against the built-in sandbox. With `GATEWAY_CONTRACT_URL` (such as
//! `https://api.stripe.com`) and `GATEWAY_CONTRACT_KEY` (a test-mode secret key) all but `trouble`
//! run there instead; that one needs faults that only the sandbox makes on request.
//!
//! | file | what is asked of the gateway |
//! | --- | --- |
//! | `charges` | charging, finding, cancelling; declines; keys |
//! | `cards`, `setup` | customers and what they can be charged with |
//! | `refunds`, `disputes` | money that goes back |
//! | `lists` | reading what the gateway has, for comparing |

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod cards;
mod charges;
mod disputes;
mod lists;
mod refunds;
mod setup;
mod support;
mod trouble;

//! Words that the server and the browser share: money, ids, views and states.
//!
//! Owns their shapes, their exact arithmetic and how they are written for people. Does no I/O,
//! reads no clock and knows no database; it builds for `wasm32`.
#![deny(clippy::float_arithmetic)]

pub mod balance;
pub mod dispute;
pub mod history;
pub mod ids;
pub mod money;
pub mod payment;
pub mod pricing;
pub mod refund;
pub mod tenancy;
pub mod time;
pub mod top_up;
pub mod usage;
pub mod usage_report;

//! The domain through its public door, on either database, with the sandbox on the other side of a
//! real wire.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

#[path = "../../../ledger/tests/ledger/database.rs"]
mod database;
mod export;
mod history;
mod metering;
mod metering_random;
mod migrations;
mod payment_methods;
mod prepaid;
mod proof;
mod rates;
mod tenancy;
mod top_up;
mod top_up_faults;
mod world;

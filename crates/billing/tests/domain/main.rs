//! The domain through its public door, on either database, with the sandbox on the other side of a
//! real wire.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod api_keys;
mod commit_time;
mod credits;
mod credits_expiry;
mod credits_model;
mod credits_random;
#[path = "../../../ledger/tests/ledger/database.rs"]
mod database;
mod disputes;
mod export;
mod gateway_accounts;
mod gateway_events;
mod gateway_side;
mod history;
mod holds;
mod holds_credit;
mod holds_model;
mod holds_proof;
mod holds_race;
mod holds_random;
mod holds_refusals;
mod hung_up;
mod locked_out;
mod memberships;
mod metering;
mod metering_race;
mod metering_random;
mod metering_repeats;
mod metering_sources;
mod migrations;
mod no_card_numbers;
mod payment_methods;
mod payment_methods_at_the_gateway;
mod payment_methods_set_up;
mod prepaid;
mod proof;
mod proof_lots;
mod proof_money_back;
mod random;
mod rates;
mod reconcile;
mod refunds;
mod refunds_and_silence;
mod rollups;
#[path = "../../../ledger/tests/ledger/tamper.rs"]
mod tamper;
mod tenancy;
mod tenancy_roles;
mod tenancy_rows;
mod test_cards;
mod top_up;
mod top_up_cancel;
mod top_up_faults;
mod top_up_given_up;
mod transactions;
mod two_processes;
mod usage_report;
mod webhook_order;
mod world;

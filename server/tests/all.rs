//! Stories about the server, told through its front door.
//!
//! `rest/<noun>/<verb>` mirrors the machine API, `web` the pages, `webhooks` the gateway's notices.
//! Every story runs on SQLite, or on PostgreSQL when `BILLING_TEST_DATABASE_URL` names one, and
//! ends with the proof of the books.

#![allow(clippy::unwrap_used, reason = "a story fails by a panic")]

mod commands;
mod lifecycle;
mod rest;
mod support;
mod tenants;
mod web;
mod webhooks;

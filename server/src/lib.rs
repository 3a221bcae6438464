//! The one binary, as a library so that its tests can start it inside their own process.
//!
//! Owns HTTP, sessions at the door, commands, configuration, the background worker and telemetry.
//! Does not own any business rule (`billing`) or any page (`app`).

pub mod commands;
pub mod config;
mod descriptors;
pub mod lifecycle;
mod listener;
mod middleware;
mod operation;
mod parts;
mod rates;
mod rest;
mod router;
mod session;
mod telemetry;
mod web;
mod webhooks;
mod worker;

/// Names who does the cryptography of outgoing connections. Once a process; again is harmless.
pub fn install_crypto() {
    // Refused only when one is installed already, and then there is nothing left to do.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

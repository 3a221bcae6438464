//! The pages, one module each.

pub mod billing;
pub mod history;
pub mod models;
pub mod not_found;
mod refund;
pub mod sign_in;

//! The pages, one module each.

pub mod billing;
pub mod history;
pub mod models;
pub mod not_found;
pub mod sign_in;

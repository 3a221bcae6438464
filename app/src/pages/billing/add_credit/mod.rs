//! Adding credit: the dialog with script, the form in the page without.
//!
//! `flow` owns one attempt from the first click to its definite answer; the rest draws it.

mod choice;
mod dialog;
mod flow;
mod offer;
mod outcome;
mod plain;
mod summary;

pub use dialog::AddCreditDialog;
pub use flow::TopUpForm;
pub use offer::Settling;
pub use plain::{PlainTopUp, Typed};

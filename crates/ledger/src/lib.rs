//! The double-entry ledger: accounts, transfers, postings, lots, balances now and at any past
//! instant, and the proof that they agree.
//!
//! Owns what money did. Does not know what a top-up or a request is, reads no clock, and opens
//! neither pool nor transaction: whoever calls brings the connection, inside a transaction of
//! theirs, and `now`.
//!
//! # Order of locks
//! An organization's row in `books` is locked before anything else of its ledger is read for
//! writing. Whoever posts for several organizations in one transaction does so in the order of
//! their ids; two writers can then never wait for each other.
#![deny(clippy::float_arithmetic)]

mod account;
mod balance;
mod books;
pub mod bulk;
mod chain;
mod error;
mod held;
mod journal;
mod lot;
mod post;
mod prove;
pub mod sql;
mod statement;
mod transfer;

pub use account::{AccountId, Normal, open_accounts_in};
pub use balance::{Balances, balance_at_in, balance_in, balances_in, platform_balance_in};
pub use books::{Books, lock_books_in, open_books_in};
pub use error::{LedgerError, PostError};
pub use held::{Held, held_in};
pub use journal::{JournalRow, accounts_in, journal_in, summed_in};
pub use lot::{
    DueLot, Lot, LotKind, NewLot, OpenedLot, due_lots_in, find_lot_in, lots_in, open_lots_in,
};
pub use post::{Posted, post_in};
pub use prove::{Check, Proof, prove_in};
pub use statement::{BatchTransfer, StatementRow, batch_lots_in, batch_transfers_in, statement_in};
pub use transfer::{Batch, Source, Transfer};

/// The connection that every function here is given: of either database.
pub type Connection = sqlx::AnyConnection;

//! One file for each kind of money movement: facts in, transfers out. Pure, so that each is a
//! table one can read and test.

pub(crate) mod grant;
pub(crate) mod grant_expiry;
pub(crate) mod top_up;
pub(crate) mod usage;

use ledger::{NewLot, Transfer};

/// Transfers, and the lots that they open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Movement {
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) opens: Vec<NewLot>,
}

/// What a transfer says, in a table: debit account, credit account, amount, whether it names a lot.
#[cfg(test)]
fn row(transfer: &Transfer) -> (&'static str, &'static str, i64, bool) {
    (
        transfer.debit.kind(),
        transfer.credit.kind(),
        transfer.amount.nanos(),
        transfer.lot.is_some(),
    )
}

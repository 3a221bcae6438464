//! One file for each kind of money movement: facts in, transfers out. Pure, so that each is a
//! table one can read and test.

pub(crate) mod dispute;
pub(crate) mod gateway_fee;
pub(crate) mod grant;
pub(crate) mod grant_expiry;
pub(crate) mod refund;
pub(crate) mod taken_back;
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

#[cfg(test)]
mod tests {
    use ledger::{Lot, LotKind};
    use types::ids::LotId;
    use types::money::Money;

    use super::taken_back::{Bought, BoughtLot};
    use crate::credits::USUAL_PRIORITY;

    /// What was granted and what is left of each lot, the oldest first; nothing was taken back.
    pub(super) fn bought(lots: &[(i64, i64)], owes: i64) -> Bought {
        let opened_at = "2026-03-11T12:00:00Z".parse().unwrap();
        let bought = |(granted, remaining): &(i64, i64)| BoughtLot {
            lot: Lot {
                id: LotId::generate(),
                kind: LotKind::Purchase,
                priority: USUAL_PRIORITY,
                granted: Money::from_nanos(*granted),
                remaining: Money::from_nanos(*remaining),
                opened_at,
                expires_at: None,
            },
            taken: Money::ZERO,
        };
        Bought {
            lots: lots.iter().map(bought).collect(),
            taken_back: std::collections::BTreeMap::new(),
            owes: Money::from_nanos(owes),
        }
    }
}

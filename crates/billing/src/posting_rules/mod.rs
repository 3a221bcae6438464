//! One file for each kind of money movement: facts in, transfers out. Pure, so that each is a
//! table one can read and test.

pub(crate) mod dispute;
pub(crate) mod gateway_fee;
pub(crate) mod grant;
pub(crate) mod grant_expiry;
pub(crate) mod refund;
pub(crate) mod top_up;
pub(crate) mod usage;

use ledger::{AccountId, Lot, LotKind, NewLot, Transfer};
use types::ids::{LotId, OrganizationId};
use types::money::{Money, MoneyError};

use crate::chart::{owed, prepaid};
use crate::credits::USUAL_PRIORITY;

/// The most lots that one batch takes from, below the most transfers that the ledger takes in one.
const MOST_LOTS: usize = 500;

/// Transfers, and the lots that they open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Movement {
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) opens: Vec<NewLot>,
}

/// Takes bought credit back, into `to`: out of `lots` as far as they go, in their order, and the
/// rest is owed.
fn take<'l>(
    organization: OrganizationId,
    lots: impl IntoIterator<Item = &'l Lot>,
    to: &AccountId,
    amount: Money,
) -> Result<Vec<Transfer>, MoneyError> {
    let mut left = amount;
    let mut made = Vec::new();
    for lot in lots.into_iter().take(MOST_LOTS) {
        let takes = lot.remaining.min(left);
        if takes.is_positive() {
            let taking = Transfer::new(prepaid(organization), to.clone(), takes);
            made.push(taking.of_lot(lot.id));
            left = left.minus(takes)?;
        }
    }
    if left.is_positive() {
        made.push(Transfer::new(owed(organization), to.clone(), left));
    }
    Ok(made)
}

/// Gives bought credit back, out of `from`: what is owed is settled first, then `lot` is filled as
/// far as it ever was, and what is left opens a lot of its own.
fn give(
    organization: OrganizationId,
    lot: Option<&Lot>,
    from: &AccountId,
    owes: Money,
    amount: Money,
) -> Result<Movement, MoneyError> {
    let mut made = Movement {
        transfers: Vec::new(),
        opens: Vec::new(),
    };
    let settles = owes.min(amount);
    if settles.is_positive() {
        let settling = Transfer::new(from.clone(), owed(organization), settles);
        made.transfers.push(settling);
    }
    let mut rest = amount.minus(settles)?;
    if let Some(lot) = lot {
        let fills = lot.granted.minus(lot.remaining)?.min(rest);
        if fills.is_positive() {
            let filling = Transfer::new(from.clone(), prepaid(organization), fills);
            made.transfers.push(filling.of_lot(lot.id));
            rest = rest.minus(fills)?;
        }
    }
    if rest.is_positive() {
        let new = LotId::generate();
        let filling = Transfer::new(from.clone(), prepaid(organization), rest);
        made.transfers.push(filling.of_lot(new));
        made.opens.push(NewLot {
            id: new,
            kind: LotKind::Purchase,
            priority: USUAL_PRIORITY,
            expires_at: None,
        });
    }
    Ok(made)
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
    use super::*;

    /// A lot that was bought.
    pub(super) fn lot(granted: i64, remaining: i64) -> Lot {
        Lot {
            id: LotId::generate(),
            kind: LotKind::Purchase,
            priority: USUAL_PRIORITY,
            granted: Money::from_nanos(granted),
            remaining: Money::from_nanos(remaining),
            opened_at: "2026-03-11T12:00:00Z".parse().unwrap(),
            expires_at: None,
        }
    }
}

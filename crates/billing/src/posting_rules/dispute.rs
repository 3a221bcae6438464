//! What a bank takes back because a card's owner complained, and gives back when it was wrong.
//!
//! | debit | credit | amount |
//! | --- | --- | --- |
//! | `disputes` | `gateway_balance` | what the bank took |
//! | `gateway_fees` | `gateway_balance` | what the gateway keeps for it |
//! | `prepaid`, the top-up's lot, then other bought lots | `disputes` | what the credit bears |
//! | `owed` | `disputes` | what no lot covers: the balance may fall below its floor |
//!
//! What comes back goes the other way, to `owed` first. Each side is posted as the difference to
//! what was posted before, so a notice that is late, repeated or out of order moves nothing twice.
//! What stays on `disputes` is our loss: the bank took what had been refunded already.

use ledger::{Lot, Transfer};
use types::ids::OrganizationId;
use types::money::{Money, MoneyError};

use super::{Movement, give, take};
use crate::chart::{DISPUTES, GATEWAY_BALANCE, GATEWAY_FEES};

/// By how much each side has changed: above zero is taken from us, below it is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) withdrawn: Money,
    pub(crate) fee: Money,
    /// What the organization's credit bears of it.
    pub(crate) reversed: Money,
}

impl Change {
    pub(crate) const fn is_nothing(&self) -> bool {
        self.withdrawn.is_zero() && self.fee.is_zero() && self.reversed.is_zero()
    }
}

/// `lots` are those that can bear it, the top-up's own first; `own` is that one, to be filled by
/// what comes back.
pub(crate) fn movement<'l>(
    organization: OrganizationId,
    own: Option<&Lot>,
    lots: impl IntoIterator<Item = &'l Lot>,
    owes: Money,
    change: Change,
) -> Result<Movement, MoneyError> {
    let mut made = Movement {
        transfers: Vec::new(),
        opens: Vec::new(),
    };
    let outside = [(&DISPUTES, change.withdrawn), (&GATEWAY_FEES, change.fee)];
    for (account, amount) in outside {
        if amount.is_positive() {
            let taken = Transfer::new(account.clone(), GATEWAY_BALANCE, amount);
            made.transfers.push(taken);
        } else if amount.is_negative() {
            let back = Transfer::new(GATEWAY_BALANCE, account.clone(), amount.negated()?);
            made.transfers.push(back);
        }
    }
    if change.reversed.is_positive() {
        let taken = take(organization, lots, &DISPUTES, change.reversed)?;
        made.transfers.extend(taken);
    } else if change.reversed.is_negative() {
        let back = change.reversed.negated()?;
        let given = give(organization, own, &DISPUTES, owes, back)?;
        made.transfers.extend(given.transfers);
        made.opens.extend(given.opens);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::super::{row, tests::lot};
    use super::*;

    /// Debit account, credit account, amount, whether it names a lot.
    type Rows = &'static [(&'static str, &'static str, i64, bool)];

    fn change(withdrawn: i64, fee: i64, reversed: i64) -> Change {
        Change {
            withdrawn: Money::from_nanos(withdrawn),
            fee: Money::from_nanos(fee),
            reversed: Money::from_nanos(reversed),
        }
    }

    #[test]
    fn each_side_is_posted_by_its_difference() {
        let organization = OrganizationId::generate();
        // What is owed, the change, what is moved; the lots have 5 and 7.
        let cases: [(i64, Change, Rows); 5] = [
            (
                0,
                change(25, 15, 25),
                &[
                    ("disputes", "gateway_balance", 25, false),
                    ("gateway_fees", "gateway_balance", 15, false),
                    ("prepaid", "disputes", 5, true),
                    ("prepaid", "disputes", 7, true),
                    ("owed", "disputes", 13, false),
                ],
            ),
            // Ten of it had been refunded before.
            (
                0,
                change(15, 0, 5),
                &[
                    ("disputes", "gateway_balance", 15, false),
                    ("prepaid", "disputes", 5, true),
                ],
            ),
            (
                4,
                change(-25, 0, -25),
                &[
                    ("gateway_balance", "disputes", 25, false),
                    ("disputes", "owed", 4, false),
                    ("disputes", "prepaid", 20, true),
                    // The lot was never more than 25: the rest opens one.
                    ("disputes", "prepaid", 1, true),
                ],
            ),
            // A refund of the same charge has failed since.
            (0, change(0, 0, 3), &[("prepaid", "disputes", 3, true)]),
            (
                0,
                change(0, -15, 0),
                &[("gateway_balance", "gateway_fees", 15, false)],
            ),
        ];
        for (owes, change, expected) in cases {
            let (own, other) = (lot(25, 5), lot(7, 7));
            let owes = Money::from_nanos(owes);
            let made = movement(organization, Some(&own), [&own, &other], owes, change).unwrap();
            let rows: Vec<_> = made.transfers.iter().map(row).collect();
            assert_eq!(rows, expected);
            let overflow = usize::from(change.reversed == Money::from_nanos(-25));
            assert_eq!(made.opens.len(), overflow);
        }
    }
}

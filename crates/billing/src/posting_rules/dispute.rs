//! What a bank takes back because a card's owner complained, and gives back when it was wrong.
//!
//! | debit | credit | amount |
//! | --- | --- | --- |
//! | `disputes` | `gateway_balance` | what the bank took |
//! | `gateway_fees` | `gateway_balance` | what the gateway keeps for it |
//! | `prepaid`, the lots that `taken_back` names | `disputes` | what the credit bears |
//! | `owed` | `disputes` | what no lot covers: the balance may fall below its floor |
//!
//! What comes back goes the other way. Each side is posted as the difference to what was posted
//! before, so a notice that is late, repeated or out of order moves nothing twice.
//! What stays on `disputes` is our loss: the bank took what had been refunded already.

use ledger::Transfer;
use types::ids::{LotId, OrganizationId};
use types::money::{Money, MoneyError};

use super::Movement;
use super::taken_back::{self, Bought};
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

/// `purchase` is the lot that the disputed top-up opened, if it opened one.
pub(crate) fn movement(
    organization: OrganizationId,
    bought: &Bought,
    purchase: LotId,
    change: Change,
) -> Result<Movement, MoneyError> {
    let outside = [(&DISPUTES, change.withdrawn), (&GATEWAY_FEES, change.fee)];
    let mut transfers = Vec::new();
    for (account, amount) in outside {
        if amount.is_positive() {
            let taken = Transfer::new(account.clone(), GATEWAY_BALANCE, amount);
            transfers.push(taken);
        } else if amount.is_negative() {
            let back = Transfer::new(GATEWAY_BALANCE, account.clone(), amount.negated()?);
            transfers.push(back);
        }
    }
    let borne = taken_back::movement(organization, bought, purchase, change.reversed, &DISPUTES)?;
    transfers.extend(borne.transfers);
    Ok(Movement {
        transfers,
        opens: borne.opens,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{row, tests::bought};
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
        // The change, and what is moved; the lots have 5 and 7.
        let cases: [(Change, Rows); 4] = [
            (
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
                change(15, 0, 5),
                &[
                    ("disputes", "gateway_balance", 15, false),
                    ("prepaid", "disputes", 5, true),
                ],
            ),
            // A refund of the same charge has failed since.
            (change(0, 0, 3), &[("prepaid", "disputes", 3, true)]),
            (
                change(0, -15, 0),
                &[("gateway_balance", "gateway_fees", 15, false)],
            ),
        ];
        for (change, expected) in cases {
            let bought = bought(&[(25, 5), (7, 7)], 0);
            let own = bought.lots[0].lot.id;
            let made = movement(organization, &bought, own, change).unwrap();
            let rows: Vec<_> = made.transfers.iter().map(row).collect();
            assert_eq!(rows, expected);
            assert_eq!(made.opens, []);
        }
    }
}

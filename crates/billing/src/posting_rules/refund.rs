//! Money that goes back to the card that paid, out of the credit that it bought.
//!
//! | when | debit | credit | amount |
//! | --- | --- | --- | --- |
//! | it is asked for | `prepaid`, the top-up's lot | `gateway_clearing` | as far as the lot goes |
//! | | `owed` | `gateway_clearing` | the rest: only what the gateway gave back unasked |
//! | the gateway sends it | `gateway_clearing` | `gateway_balance` | all of it |
//! | | `gateway_fees` | `gateway_balance` | what the gateway keeps for it |
//! | it failed, having been sent | `gateway_balance` | `gateway_clearing` | all of it |
//! | it failed | `gateway_clearing` | `owed` | what is owed by then, at most all of it |
//! | | `gateway_clearing` | `prepaid`, the top-up's lot | the rest |
//!
//! The credit leaves before the gateway is asked, so that nobody can spend it meanwhile. What the
//! gateway kept is not given back when a refund fails.

use ledger::{Lot, Transfer};
use types::ids::OrganizationId;
use types::money::{Money, MoneyError};

use super::{Movement, give, take};
use crate::chart::{GATEWAY_BALANCE, GATEWAY_CLEARING, GATEWAY_FEES};

/// `lot` is what the top-up opened, if it opened one. `amount` is above zero.
pub(crate) fn asked(
    organization: OrganizationId,
    lot: Option<&Lot>,
    amount: Money,
) -> Result<Vec<Transfer>, MoneyError> {
    take(organization, lot, &GATEWAY_CLEARING, amount)
}

/// `fee` is not below zero.
pub(crate) fn sent(amount: Money, fee: Money) -> Vec<Transfer> {
    let mut made = vec![Transfer::new(GATEWAY_CLEARING, GATEWAY_BALANCE, amount)];
    if fee.is_positive() {
        made.push(Transfer::new(GATEWAY_FEES, GATEWAY_BALANCE, fee));
    }
    made
}

/// Whether the gateway had said that it sends the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    No,
}

/// `owes` is not below zero.
pub(crate) fn failed(
    organization: OrganizationId,
    lot: Option<&Lot>,
    owes: Money,
    amount: Money,
    sent: Sent,
) -> Result<Movement, MoneyError> {
    let mut made = give(organization, lot, &GATEWAY_CLEARING, owes, amount)?;
    match sent {
        Sent::Yes => {
            let back = Transfer::new(GATEWAY_BALANCE, GATEWAY_CLEARING, amount);
            made.transfers.insert(0, back);
        }
        Sent::No => {}
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::super::{row, tests::lot};
    use super::*;

    /// Debit account, credit account, amount, whether it names a lot.
    type Rows = &'static [(&'static str, &'static str, i64, bool)];

    fn rows(transfers: &[Transfer]) -> Vec<(&'static str, &'static str, i64, bool)> {
        transfers.iter().map(row).collect()
    }

    #[test]
    fn the_lot_pays_as_far_as_it_goes_and_the_rest_is_owed() {
        let organization = OrganizationId::generate();
        let cases: [(Option<i64>, i64, Rows); 3] = [
            (Some(10), 10, &[("prepaid", "gateway_clearing", 10, true)]),
            (
                Some(4),
                10,
                &[
                    ("prepaid", "gateway_clearing", 4, true),
                    ("owed", "gateway_clearing", 6, false),
                ],
            ),
            (None, 10, &[("owed", "gateway_clearing", 10, false)]),
        ];
        for (remaining, amount, expected) in cases {
            let lot = remaining.map(|remaining| lot(25, remaining));
            let made = asked(organization, lot.as_ref(), Money::from_nanos(amount)).unwrap();
            assert_eq!(rows(&made), expected, "{remaining:?}");
        }
    }

    #[test]
    fn what_is_sent_leaves_the_gateways_balance_with_its_fee() {
        let (amount, fee) = (Money::from_nanos(10), Money::from_nanos(2));
        let expected: Rows = &[("gateway_clearing", "gateway_balance", 10, false)];
        assert_eq!(rows(&sent(amount, Money::ZERO)), expected);
        let expected: Rows = &[
            ("gateway_clearing", "gateway_balance", 10, false),
            ("gateway_fees", "gateway_balance", 2, false),
        ];
        assert_eq!(rows(&sent(amount, fee)), expected);
    }

    #[test]
    fn what_failed_settles_what_is_owed_first_and_then_fills_its_lot() {
        let organization = OrganizationId::generate();
        let cases: [(i64, Sent, Rows); 3] = [
            (0, Sent::No, &[("gateway_clearing", "prepaid", 10, true)]),
            (
                4,
                Sent::Yes,
                &[
                    ("gateway_balance", "gateway_clearing", 10, false),
                    ("gateway_clearing", "owed", 4, false),
                    ("gateway_clearing", "prepaid", 6, true),
                ],
            ),
            (40, Sent::No, &[("gateway_clearing", "owed", 10, false)]),
        ];
        for (owes, was_sent, expected) in cases {
            let lot = lot(25, 5);
            let (owes, amount) = (Money::from_nanos(owes), Money::from_nanos(10));
            let made = failed(organization, Some(&lot), owes, amount, was_sent).unwrap();
            assert_eq!(rows(&made.transfers), expected);
            assert_eq!(made.opens, []);
        }
    }
}

//! Money that goes back to the card that paid, out of the credit that it bought.
//!
//! | when | debit | credit | amount |
//! | --- | --- | --- | --- |
//! | it is asked for | `prepaid`, the top-up's lot | `gateway_clearing` | as far as the lot goes |
//! | | `prepaid`, other bought lots | `gateway_clearing` | the rest: only what the gateway gave back unasked |
//! | | `owed` | `gateway_clearing` | what no lot covers |
//! | the gateway sends it | `gateway_clearing` | `gateway_balance` | all of it |
//! | | `gateway_fees` | `gateway_balance` | what the gateway keeps for it |
//! | it failed, having been sent | `gateway_balance` | `gateway_clearing` | all of it |
//! | it failed | `gateway_clearing` | `owed` | what is owed by then, at most all of it |
//! | | `gateway_clearing` | `prepaid`, where it was taken | the rest |
//!
//! The credit leaves before the gateway is asked, so that nobody can spend it meanwhile. What the
//! gateway kept is not given back when a refund fails.

use ledger::Transfer;
use types::ids::{LotId, OrganizationId};
use types::money::{Money, MoneyError};

use super::Movement;
use super::taken_back::{self, Bought};
use crate::chart::{GATEWAY_BALANCE, GATEWAY_CLEARING, GATEWAY_FEES};

/// `purchase` is the lot that the top-up opened, if it opened one. `amount` is above zero.
pub(crate) fn asked(
    organization: OrganizationId,
    bought: &Bought,
    purchase: LotId,
    amount: Money,
) -> Result<Movement, MoneyError> {
    taken_back::movement(organization, bought, purchase, amount, &GATEWAY_CLEARING)
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

/// `amount` is above zero.
pub(crate) fn failed(
    organization: OrganizationId,
    bought: &Bought,
    purchase: LotId,
    amount: Money,
    sent: Sent,
) -> Result<Movement, MoneyError> {
    let back = amount.negated()?;
    let mut made = taken_back::movement(organization, bought, purchase, back, &GATEWAY_CLEARING)?;
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
    use super::super::{row, tests::bought};
    use super::*;

    /// Debit account, credit account, amount, whether it names a lot.
    type Rows = &'static [(&'static str, &'static str, i64, bool)];

    fn rows(transfers: &[Transfer]) -> Vec<(&'static str, &'static str, i64, bool)> {
        transfers.iter().map(row).collect()
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
    fn what_failed_returns_to_where_it_was_taken_and_first_from_where_it_was_sent() {
        let organization = OrganizationId::generate();
        for was_sent in [Sent::No, Sent::Yes] {
            let mut bought = bought(&[(25, 15)], 0);
            let own = bought.lots[0].lot.id;
            let amount = Money::from_nanos(10);
            bought.lots[0].taken = amount;
            bought.taken_back.insert(own, amount);
            let made = failed(organization, &bought, own, amount, was_sent).unwrap();
            let mut expected = vec![("gateway_clearing", "prepaid", 10, true)];
            if was_sent == Sent::Yes {
                expected.insert(0, ("gateway_balance", "gateway_clearing", 10, false));
            }
            assert_eq!(rows(&made.transfers), expected);
            assert_eq!(made.opens, []);
        }
    }
}

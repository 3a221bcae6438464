//! The end of a payment at the gateway: what it kept, and what is left of the charge as ours there.
//!
//! | debit | credit | amount |
//! | --- | --- | --- |
//! | `gateway_fees` | `gateway_clearing` | what the gateway kept |
//! | `gateway_balance` | `gateway_clearing` | the rest of the charge |
//!
//! With it a charge has left `gateway_clearing`. It is part of the top-up's own batch where the
//! gateway says the fee with the charge, as it usually does, and a batch of its own where it says
//! so later.

use ledger::Transfer;
use types::money::{Money, MoneyError};

use crate::chart::{GATEWAY_BALANCE, GATEWAY_CLEARING, GATEWAY_FEES};

/// `paid` is above zero, `fee` not below it. A fee above the charge takes the rest from what is
/// ours at the gateway.
pub(crate) fn transfers(paid: Money, fee: Money) -> Result<Vec<Transfer>, MoneyError> {
    let mut made = Vec::with_capacity(2);
    if fee.is_positive() {
        made.push(Transfer::new(GATEWAY_FEES, GATEWAY_CLEARING, fee));
    }
    let rest = paid.minus(fee)?;
    if rest.is_positive() {
        made.push(Transfer::new(GATEWAY_BALANCE, GATEWAY_CLEARING, rest));
    } else if rest.is_negative() {
        let missing = rest.negated()?;
        made.push(Transfer::new(GATEWAY_CLEARING, GATEWAY_BALANCE, missing));
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::super::row;
    use super::*;

    #[test]
    fn a_charge_leaves_clearing_whole_whatever_the_fee() {
        for (paid, fee) in [(25, 0), (25, 2), (25, 25), (25, 40)] {
            let made = transfers(Money::from_nanos(paid), Money::from_nanos(fee)).unwrap();
            let mut cleared = 0;
            for (debit, credit, amount, _) in made.iter().map(row) {
                match (debit, credit) {
                    (_, "gateway_clearing") => cleared += amount,
                    ("gateway_clearing", _) => cleared -= amount,
                    _ => panic!("{debit} {credit}"),
                }
            }
            assert_eq!(cleared, paid, "fee {fee}");
        }
    }
}

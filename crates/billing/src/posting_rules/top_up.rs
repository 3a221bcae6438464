//! A paid top-up.
//!
//! | debit | credit | amount |
//! | --- | --- | --- |
//! | `gateway_clearing` | `owed` | what is owed, at most what was paid |
//! | `gateway_clearing` | `prepaid` | the rest |
//! | `gateway_fees` | `gateway_clearing` | what the gateway kept, where it says so |

use ledger::Transfer;
use types::balance::Balance;
use types::ids::OrganizationId;
use types::money::{Money, MoneyError};

use crate::chart::{GATEWAY_CLEARING, GATEWAY_FEES, owed, prepaid};

/// `paid` is above zero; `fee` is not below it.
pub(crate) fn transfers(
    organization: OrganizationId,
    before: &Balance,
    paid: Money,
    fee: Option<Money>,
) -> Result<Vec<Transfer>, MoneyError> {
    let settles = before.owed.min(paid);
    let rest = paid.minus(settles)?;
    let parts = [
        (GATEWAY_CLEARING, owed(organization), settles),
        (GATEWAY_CLEARING, prepaid(organization), rest),
        (GATEWAY_FEES, GATEWAY_CLEARING, fee.unwrap_or(Money::ZERO)),
    ];
    Ok(parts
        .into_iter()
        .filter(|(_, _, amount)| amount.is_positive())
        .map(|(debit, credit, amount)| Transfer::new(debit, credit, amount))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Debit account, credit account, amount.
    type Rows = &'static [(&'static str, &'static str, i64)];

    #[test]
    fn what_is_owed_is_settled_first() {
        let organization = OrganizationId::generate();
        let cases: [(i64, Option<i64>, Rows); 4] = [
            (0, None, &[("gateway_clearing", "prepaid", 25)]),
            (
                4,
                None,
                &[
                    ("gateway_clearing", "owed", 4),
                    ("gateway_clearing", "prepaid", 21),
                ],
            ),
            (30, None, &[("gateway_clearing", "owed", 25)]),
            (
                0,
                Some(1),
                &[
                    ("gateway_clearing", "prepaid", 25),
                    ("gateway_fees", "gateway_clearing", 1),
                ],
            ),
        ];
        for (is_owed, fee, expected) in cases {
            let before = Balance {
                owed: Money::from_nanos(is_owed),
                ..Balance::default()
            };
            let fee = fee.map(Money::from_nanos);
            let made = transfers(organization, &before, Money::from_nanos(25), fee).unwrap();
            let made: Vec<_> = made
                .iter()
                .map(|t| (t.debit.kind(), t.credit.kind(), t.amount.nanos()))
                .collect();
            assert_eq!(made, expected, "owed {is_owed}, fee {fee:?}");
        }
    }
}

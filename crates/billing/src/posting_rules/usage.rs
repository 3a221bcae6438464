//! Usage, paid in the order: what was given, what was bought, and the rest is owed.
//!
//! | debit | credit | amount |
//! | --- | --- | --- |
//! | `promotional` | `usage_revenue` | as far as it goes |
//! | `prepaid` | `usage_revenue` | as far as it goes |
//! | `owed` | `usage_revenue` | what is left |

use ledger::Transfer;
use types::balance::Balance;
use types::ids::OrganizationId;
use types::money::{Money, MoneyError};

use crate::chart::{USAGE_REVENUE, owed, prepaid, promotional};

/// `cost` is not below zero; of zero there is nothing to move.
pub(crate) fn transfers(
    organization: OrganizationId,
    before: &Balance,
    cost: Money,
) -> Result<Vec<Transfer>, MoneyError> {
    let given = before.promotional.min(cost);
    let after_given = cost.minus(given)?;
    let bought = before.prepaid.min(after_given);
    let left = after_given.minus(bought)?;
    let parts = [
        (promotional(organization), given),
        (prepaid(organization), bought),
        (owed(organization), left),
    ];
    Ok(parts
        .into_iter()
        .filter(|(_, amount)| amount.is_positive())
        .map(|(debit, amount)| Transfer::new(debit, USAGE_REVENUE, amount))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Debit account, amount.
    type Rows = &'static [(&'static str, i64)];

    #[test]
    fn given_credit_is_used_before_bought_and_the_rest_is_owed() {
        let organization = OrganizationId::generate();
        let cases: [(i64, i64, i64, Rows); 6] = [
            (0, 10, 0, &[]),
            (0, 10, 4, &[("prepaid", 4)]),
            (3, 10, 3, &[("promotional", 3)]),
            (3, 10, 5, &[("promotional", 3), ("prepaid", 2)]),
            (
                3,
                10,
                20,
                &[("promotional", 3), ("prepaid", 10), ("owed", 7)],
            ),
            (0, 0, 1, &[("owed", 1)]),
        ];
        for (given, bought, cost, expected) in cases {
            let before = Balance {
                promotional: Money::from_nanos(given),
                prepaid: Money::from_nanos(bought),
                ..Balance::default()
            };
            let made = transfers(organization, &before, Money::from_nanos(cost)).unwrap();
            let made: Vec<_> = made
                .iter()
                .map(|t| (t.debit.kind(), t.amount.nanos()))
                .collect();
            assert_eq!(
                made, expected,
                "given {given}, bought {bought}, cost {cost}"
            );
        }
    }
}

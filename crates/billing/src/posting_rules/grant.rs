//! Credit that is given: what is owed is settled first, the rest opens a lot.
//!
//! | debit | credit | amount |
//! | --- | --- | --- |
//! | `promotion_expense` | `owed` | what is owed, at most what is given |
//! | `promotion_expense` | `promotional`, the new lot | the rest |
//!
//! As with a top-up. Whoever is given $5 while owing $1 has $4 either way; but a debt that stayed
//! would outlive the credit that could have settled it.

use ledger::{NewLot, Transfer};
use types::ids::OrganizationId;
use types::money::{Money, MoneyError};

use super::Movement;
use crate::chart::{PROMOTION_EXPENSE, owed, promotional};

/// `given` is above zero; `owes` is not below it. `lot` is opened if anything is left for it.
pub(crate) fn movement(
    lot: NewLot,
    organization: OrganizationId,
    owes: Money,
    given: Money,
) -> Result<Movement, MoneyError> {
    let settles = owes.min(given);
    let rest = given.minus(settles)?;
    let mut made = Movement {
        transfers: Vec::with_capacity(2),
        opens: Vec::new(),
    };
    if settles.is_positive() {
        let settling = Transfer::new(PROMOTION_EXPENSE, owed(organization), settles);
        made.transfers.push(settling);
    }
    if rest.is_positive() {
        let filling = Transfer::new(PROMOTION_EXPENSE, promotional(organization), rest);
        made.transfers.push(filling.of_lot(lot.id));
        made.opens.push(lot);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use ledger::LotKind;
    use types::ids::LotId;

    use super::super::row;
    use super::*;

    /// Debit account, credit account, amount, whether it fills the lot.
    type Rows = &'static [(&'static str, &'static str, i64, bool)];

    #[test]
    fn what_is_owed_is_settled_first_and_the_rest_opens_a_lot() {
        let organization = OrganizationId::generate();
        let cases: [(i64, Rows); 4] = [
            (0, &[("promotion_expense", "promotional", 5, true)]),
            (
                1,
                &[
                    ("promotion_expense", "owed", 1, false),
                    ("promotion_expense", "promotional", 4, true),
                ],
            ),
            (5, &[("promotion_expense", "owed", 5, false)]),
            (9, &[("promotion_expense", "owed", 5, false)]),
        ];
        for (owes, expected) in cases {
            let lot = NewLot {
                id: LotId::generate(),
                kind: LotKind::Promotion,
                priority: 0,
                expires_at: None,
            };
            let (owes, given) = (Money::from_nanos(owes), Money::from_nanos(5));
            let made = movement(lot.clone(), organization, owes, given).unwrap();
            let rows: Vec<_> = made.transfers.iter().map(row).collect();
            assert_eq!(rows, expected, "owed {owes:?}");
            let is_opened = expected.iter().any(|(.., fills)| *fills);
            let opened: &[NewLot] = if is_opened { &[lot] } else { &[] };
            assert_eq!(made.opens, opened, "owed {owes:?}");
        }
    }
}

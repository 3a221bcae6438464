//! Credit that was not used in time.
//!
//! | debit | credit | amount |
//! | --- | --- | --- |
//! | `promotional` or `prepaid`, the lot | `expired_credit` | what is left of it |

use ledger::{Lot, Transfer};
use types::ids::OrganizationId;

use crate::chart::EXPIRED_CREDIT;

/// Nothing for a lot of which nothing is left.
pub(crate) fn transfer(organization: OrganizationId, lot: &Lot) -> Option<Transfer> {
    let account = lot.kind.account(organization);
    lot.remaining
        .is_positive()
        .then(|| Transfer::new(account, EXPIRED_CREDIT, lot.remaining).of_lot(lot.id))
}

#[cfg(test)]
mod tests {
    use ledger::LotKind;
    use types::ids::LotId;
    use types::money::Money;

    use super::super::row;
    use super::*;

    #[test]
    fn what_is_left_of_a_lot_leaves_the_account_that_it_is_part_of() {
        let organization = OrganizationId::generate();
        let now = "2026-03-11T12:00:00Z".parse().unwrap();
        let cases = [
            (LotKind::Promotion, 3, Some(("promotional", 3))),
            (LotKind::Purchase, 5, Some(("prepaid", 5))),
            (LotKind::Promotion, 0, None),
        ];
        for (kind, left, expected) in cases {
            let lot = Lot {
                id: LotId::generate(),
                kind,
                priority: 0,
                granted: Money::from_nanos(5),
                remaining: Money::from_nanos(left),
                opened_at: now,
                expires_at: Some(now),
            };
            let made = transfer(organization, &lot);
            let expected = expected.map(|(debit, amount)| (debit, "expired_credit", amount, true));
            assert_eq!(made.as_ref().map(row), expected, "{kind:?} {left}");
            assert!(made.is_none_or(|transfer| transfer.lot == Some(lot.id)));
        }
    }
}

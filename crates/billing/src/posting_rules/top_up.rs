//! A paid top-up: what is owed is settled first, the rest opens a lot that never expires.
//!
//! | debit | credit | amount |
//! | --- | --- | --- |
//! | `gateway_clearing` | `owed` | what is owed, at most what was paid |
//! | `gateway_clearing` | `prepaid`, the new lot | the rest |
//! | `gateway_fees`, `gateway_balance` | `gateway_clearing` | `gateway_fee`, where the fee is known |

use ledger::{LotKind, NewLot, Transfer};
use types::ids::{LotId, OrganizationId, TopUpId};
use types::money::{Money, MoneyError};

use super::{Movement, gateway_fee};
use crate::chart::{GATEWAY_CLEARING, owed, prepaid};
use crate::credits::USUAL_PRIORITY;

/// `paid` is above zero; `owes` and `fee` are not below it.
pub(crate) fn movement(
    top_up: TopUpId,
    organization: OrganizationId,
    owes: Money,
    paid: Money,
    fee: Option<Money>,
) -> Result<Movement, MoneyError> {
    let settles = owes.min(paid);
    let rest = paid.minus(settles)?;
    // One top-up opens one lot at most: they share their id, so a replay names the same.
    let lot = LotId::from_uuid(top_up.as_uuid());
    let mut made = Movement {
        transfers: Vec::with_capacity(4),
        opens: Vec::new(),
    };
    if settles.is_positive() {
        let settling = Transfer::new(GATEWAY_CLEARING, owed(organization), settles);
        made.transfers.push(settling);
    }
    if rest.is_positive() {
        let filling = Transfer::new(GATEWAY_CLEARING, prepaid(organization), rest);
        made.transfers.push(filling.of_lot(lot));
        made.opens.push(NewLot {
            id: lot,
            kind: LotKind::Purchase,
            priority: USUAL_PRIORITY,
            expires_at: None,
        });
    }
    if let Some(fee) = fee {
        made.transfers.extend(gateway_fee::transfers(paid, fee)?);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::super::row;
    use super::*;

    /// Debit account, credit account, amount, whether it fills the lot.
    type Rows = &'static [(&'static str, &'static str, i64, bool)];

    #[test]
    fn what_is_owed_is_settled_first_and_the_rest_opens_a_lot() {
        let (top_up, organization) = (TopUpId::generate(), OrganizationId::generate());
        let cases: [(i64, Option<i64>, Rows); 4] = [
            (0, None, &[("gateway_clearing", "prepaid", 25, true)]),
            (
                4,
                None,
                &[
                    ("gateway_clearing", "owed", 4, false),
                    ("gateway_clearing", "prepaid", 21, true),
                ],
            ),
            (30, None, &[("gateway_clearing", "owed", 25, false)]),
            (
                0,
                Some(1),
                &[
                    ("gateway_clearing", "prepaid", 25, true),
                    ("gateway_fees", "gateway_clearing", 1, false),
                    ("gateway_balance", "gateway_clearing", 24, false),
                ],
            ),
        ];
        for (owes, fee, expected) in cases {
            let fee = fee.map(Money::from_nanos);
            let (owes, paid) = (Money::from_nanos(owes), Money::from_nanos(25));
            let made = movement(top_up, organization, owes, paid, fee).unwrap();
            let rows: Vec<_> = made.transfers.iter().map(row).collect();
            assert_eq!(rows, expected, "owed {owes:?}, fee {fee:?}");
            let named: Vec<LotId> = made.transfers.iter().filter_map(|t| t.lot).collect();
            let opened: Vec<LotId> = made.opens.iter().map(|lot| lot.id).collect();
            assert_eq!(named, opened, "owed {owes:?}, fee {fee:?}");
        }
    }

    #[test]
    fn a_bought_lot_never_expires_and_has_the_id_of_its_top_up() {
        let (top_up, organization) = (TopUpId::generate(), OrganizationId::generate());
        let paid = Money::from_nanos(25);
        let made = movement(top_up, organization, Money::ZERO, paid, None).unwrap();
        let expected = NewLot {
            id: top_up.to_string().parse().unwrap(),
            kind: LotKind::Purchase,
            priority: USUAL_PRIORITY,
            expires_at: None,
        };
        assert_eq!(made.opens, [expected]);
    }
}

//! Usage, paid from lots in their burn order; what they do not cover is owed.
//!
//! | debit | credit | amount |
//! | --- | --- | --- |
//! | `promotional` or `prepaid`, one transfer for each lot | `usage_revenue` | as far as it goes |
//! | `owed` | `usage_revenue` | what is left |

use ledger::{Lot, Transfer};
use types::ids::OrganizationId;
use types::money::{Money, MoneyError};
use types::time::Timestamp;

use crate::chart::{USAGE_REVENUE, owed};

/// The most lots that one batch is paid from, below the most transfers that the ledger takes in
/// one: what even they do not cover is owed, and the next top-up settles it.
const MOST_LOTS: usize = 1_000;

/// `lots` are the organization's open ones in burn order; those that have expired by `at`, when
/// this is booked, pay nothing. `cost` is not below zero; of zero there is nothing to move.
pub(crate) fn transfers<'l>(
    organization: OrganizationId,
    lots: impl IntoIterator<Item = &'l Lot>,
    at: Timestamp,
    cost: Money,
) -> Result<Vec<Transfer>, MoneyError> {
    let mut left = cost;
    let mut transfers = Vec::new();
    let usable = lots.into_iter().filter(|lot| !lot.is_expired(at));
    for lot in usable.take(MOST_LOTS) {
        let pays = lot.remaining.min(left);
        if !pays.is_positive() {
            break;
        }
        let account = lot.kind.account(organization);
        transfers.push(Transfer::new(account, USAGE_REVENUE, pays).of_lot(lot.id));
        left = left.minus(pays)?;
    }
    if left.is_positive() {
        transfers.push(Transfer::new(owed(organization), USAGE_REVENUE, left));
    }
    Ok(transfers)
}

#[cfg(test)]
mod tests {
    use ledger::LotKind;
    use types::ids::LotId;

    use super::*;

    const PROMOTION: LotKind = LotKind::Promotion;
    const PURCHASE: LotKind = LotKind::Purchase;

    /// Kind, amount, hour of expiry.
    type Lots = &'static [(LotKind, i64, Option<u32>)];
    /// Debit account, amount, which of the lots.
    type Rows = &'static [(&'static str, i64, Option<usize>)];

    fn lot(kind: LotKind, amount: i64, expires: Option<u32>) -> Lot {
        let hour = |hour: u32| format!("2026-03-11T{hour:02}:00:00Z").parse().unwrap();
        Lot {
            id: LotId::generate(),
            kind,
            priority: 0,
            granted: Money::from_nanos(amount),
            remaining: Money::from_nanos(amount),
            opened_at: hour(0),
            expires_at: expires.map(hour),
        }
    }

    #[test]
    fn each_lot_pays_as_far_as_it_goes_and_the_rest_is_owed() {
        let organization = OrganizationId::generate();
        let noon = "2026-03-11T12:00:00Z".parse().unwrap();
        let bought: Lots = &[(PURCHASE, 10, None)];
        let both: Lots = &[(PROMOTION, 3, Some(13)), (PURCHASE, 10, None)];
        let three: Lots = &[
            (PROMOTION, 1, Some(13)),
            (PURCHASE, 2, None),
            (PURCHASE, 3, None),
        ];
        let expired: Lots = &[
            (PROMOTION, 3, Some(11)),
            (PROMOTION, 4, Some(12)),
            (PROMOTION, 5, Some(13)),
        ];
        let cases: [(Lots, i64, Rows); 9] = [
            (bought, 0, &[]),
            (bought, 4, &[("prepaid", 4, Some(0))]),
            (both, 3, &[("promotional", 3, Some(0))]),
            (
                both,
                5,
                &[("promotional", 3, Some(0)), ("prepaid", 2, Some(1))],
            ),
            (
                both,
                20,
                &[
                    ("promotional", 3, Some(0)),
                    ("prepaid", 10, Some(1)),
                    ("owed", 7, None),
                ],
            ),
            (
                three,
                5,
                &[
                    ("promotional", 1, Some(0)),
                    ("prepaid", 2, Some(1)),
                    ("prepaid", 2, Some(2)),
                ],
            ),
            // At the instant of its expiry a lot pays no more.
            (expired, 4, &[("promotional", 4, Some(2))]),
            (
                expired,
                6,
                &[("promotional", 5, Some(2)), ("owed", 1, None)],
            ),
            (&[], 1, &[("owed", 1, None)]),
        ];
        for (lots, cost, expected) in cases {
            let lots: Vec<Lot> = lots
                .iter()
                .map(|(kind, amount, expires)| lot(*kind, *amount, *expires))
                .collect();
            let made = transfers(organization, &lots, noon, Money::from_nanos(cost)).unwrap();
            let rows: Vec<_> = made
                .iter()
                .map(|t| {
                    let place = lots.iter().position(|lot| Some(lot.id) == t.lot);
                    (t.debit.kind(), t.amount.nanos(), place)
                })
                .collect();
            assert_eq!(rows, expected, "{lots:#?} cost {cost}");
        }
    }

    #[test]
    fn more_lots_than_fit_into_a_batch_leave_the_rest_owed() {
        let organization = OrganizationId::generate();
        let noon = "2026-03-11T12:00:00Z".parse().unwrap();
        let lots: Vec<Lot> = (0..1_005).map(|_| lot(PURCHASE, 1, None)).collect();
        let made = transfers(organization, &lots, noon, Money::from_nanos(1_005)).unwrap();
        assert_eq!(made.len(), 1_001);
        let last = made.last().unwrap();
        assert_eq!((last.debit.kind(), last.amount.nanos()), ("owed", 5));
    }
}

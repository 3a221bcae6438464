//! Which bought credit refunds and disputes take, all of an organization's together.
//!
//! What is left of each lot, and what is owed, is worked out anew from what does not depend on the
//! order in which anything became known:
//!
//! 1. of each lot, what would be left if nothing had been taken back;
//! 2. of each purchase, what is taken back by now. Its own lot bears it, as far as that goes; the
//!    rest, and what was used beyond all credit, other bought lots bear in the order in which they
//!    are used; what no lot covers is owed. So nothing is owed while bought credit is left.
//!
//! What is posted is the difference to what there is. So notices in any order lead to the same
//! lots, and what is given back returns to where it was taken.
//!
//! | $5 is left of A ($25), $30 of B | A | B | owed |
//! | --- | --- | --- | --- |
//! | $25 of A is disputed | – | $10 | – |
//! | and $15 of B is refunded | – | – | $5 |
//! | and the dispute is won | $5 | $15 | – |
//!
//! Money that came in later may have settled what was owed before it. Where more comes back then
//! than was taken, the rest fills the purchase's lot as far as it ever was, or a lot of its own. The
//! balance and what is owed are then still the same in any order, but which lot it is may depend on
//! what came back first.

use std::collections::BTreeMap;

use ledger::{AccountId, Lot, LotKind, NewLot, Transfer};
use types::ids::{LotId, OrganizationId};
use types::money::{Money, MoneyError};

use super::Movement;
use crate::chart::{owed, prepaid};
use crate::credits::USUAL_PRIORITY;

/// The most lots that one batch takes from, below the most transfers that the ledger takes in one.
const MOST_LOTS: usize = 500;

/// A lot that was bought.
#[derive(Debug, Clone)]
pub(crate) struct BoughtLot {
    pub(crate) lot: Lot,
    /// What refunds and disputes have taken of it, less what they gave back. Below zero where they
    /// filled it with what other money had settled.
    pub(crate) taken: Money,
}

/// An organization's bought credit as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Bought {
    /// In burn order. Of the purchase that changes, the lot is here even if nothing is left of it.
    pub(crate) lots: Vec<BoughtLot>,
    /// What refunds and disputes have taken back of each purchase, by the id of its lot.
    pub(crate) taken_back: BTreeMap<LotId, Money>,
    /// Not below zero.
    pub(crate) owes: Money,
}

/// How it is to stand.
struct Target {
    /// One for each lot.
    left: Vec<Money>,
    /// What a new lot is filled with.
    beyond: Money,
}

/// Takes `change` of a purchase's credit back, into `other`; below zero it is given back, out of it.
pub(crate) fn movement(
    organization: OrganizationId,
    bought: &Bought,
    purchase: LotId,
    change: Money,
    other: &AccountId,
) -> Result<Movement, MoneyError> {
    let target = target(bought, purchase, change)?;
    let mut made = Movement {
        transfers: Vec::new(),
        opens: Vec::new(),
    };
    let mut owed_more = change;
    for (bought, left) in bought.lots.iter().zip(&target.left) {
        let takes = bought.lot.remaining.minus(*left)?;
        let account = prepaid(organization);
        let taking = between(account, other, takes)?;
        made.transfers
            .extend(taking.map(|taking| taking.of_lot(bought.lot.id)));
        owed_more = owed_more.minus(takes)?;
    }
    if target.beyond.is_positive() {
        let new = LotId::generate();
        let filling = Transfer::new(other.clone(), prepaid(organization), target.beyond);
        made.transfers.push(filling.of_lot(new));
        made.opens.push(NewLot {
            id: new,
            kind: LotKind::Purchase,
            priority: USUAL_PRIORITY,
            expires_at: None,
        });
        owed_more = owed_more.plus(target.beyond)?;
    }
    let owing = between(owed(organization), other, owed_more)?;
    made.transfers.extend(owing);
    Ok(made)
}

/// `None` for nothing; below zero it goes the other way.
fn between(from: AccountId, to: &AccountId, amount: Money) -> Result<Option<Transfer>, MoneyError> {
    Ok(if amount.is_positive() {
        Some(Transfer::new(from, to.clone(), amount))
    } else if amount.is_negative() {
        Some(Transfer::new(to.clone(), from, amount.negated()?))
    } else {
        None
    })
}

fn target(bought: &Bought, purchase: LotId, change: Money) -> Result<Target, MoneyError> {
    // What later money has settled of all that was taken, less what was used beyond all credit:
    // that part is no lot's to bear any more.
    let mut settled = Money::ZERO.minus(bought.owes)?;
    for taken in bought.taken_back.values() {
        settled = settled.plus(*taken)?;
    }
    let mut left = Vec::with_capacity(bought.lots.len());
    for bought in &bought.lots {
        settled = settled.minus(bought.taken)?;
        let untouched = bought.lot.remaining.plus(bought.taken)?;
        // Below zero where what it had been filled with beyond was used.
        settled = settled.plus(untouched.min(Money::ZERO))?;
        left.push(untouched.max(Money::ZERO));
    }
    let mut taken_back = bought.taken_back.clone();
    let of_purchase = taken_back.entry(purchase).or_insert(Money::ZERO);
    *of_purchase = of_purchase.plus(change)?;

    let mut rest = settled.negated()?;
    let mut place = BTreeMap::new();
    for (number, bought) in bought.lots.iter().enumerate() {
        place.insert(bought.lot.id, number);
    }
    for (lot, taken) in &taken_back {
        let mut bears = Money::ZERO;
        if let Some(own) = place.get(lot) {
            bears = left[*own].min(*taken);
            left[*own] = left[*own].minus(bears)?;
        }
        rest = rest.plus(taken.minus(bears)?)?;
    }
    for left in left
        .iter_mut()
        .filter(|left| left.is_positive())
        .take(MOST_LOTS)
    {
        let bears = rest.max(Money::ZERO).min(*left);
        *left = left.minus(bears)?;
        rest = rest.minus(bears)?;
    }
    let beyond = fill(
        bought,
        purchase,
        &mut left,
        rest.min(Money::ZERO).negated()?,
    )?;
    Ok(Target { left, beyond })
}

/// Puts `beyond` where such credit was put before, then into the purchase's own lot. Answers what
/// is to fill a new one.
fn fill(
    bought: &Bought,
    purchase: LotId,
    left: &mut [Money],
    mut beyond: Money,
) -> Result<Money, MoneyError> {
    let filled_before = |lot: &BoughtLot| lot.taken.is_negative();
    let own = |lot: &BoughtLot| lot.lot.id == purchase;
    for (bought, left) in bought.lots.iter().zip(left.iter_mut()) {
        if filled_before(bought) {
            let fills = bought
                .lot
                .remaining
                .minus(*left)?
                .max(Money::ZERO)
                .min(beyond);
            *left = left.plus(fills)?;
            beyond = beyond.minus(fills)?;
        }
    }
    for (bought, left) in bought.lots.iter().zip(left.iter_mut()) {
        if own(bought) {
            let fills = bought.lot.granted.minus(*left)?.min(beyond);
            *left = left.plus(fills)?;
            beyond = beyond.minus(fills)?;
        }
    }
    Ok(beyond)
}

#[cfg(test)]
mod tests {
    use super::super::tests::bought;
    use super::*;
    use crate::chart::DISPUTES;

    fn nano(amount: i64) -> Money {
        Money::from_nanos(amount)
    }

    impl Bought {
        /// Posts a change, as the ledger and the rows do.
        fn change(&mut self, purchase: usize, amount: i64) {
            let organization = OrganizationId::generate();
            let (lot, change) = (self.lots[purchase].lot.id, nano(amount));
            let made = movement(organization, self, lot, change, &DISPUTES).unwrap();
            let mut taken_in_all = Money::ZERO;
            for opened in made.opens {
                let mut new = bought(&[(0, 0)], 0).lots.remove(0);
                new.lot.id = opened.id;
                self.lots.push(new);
            }
            for transfer in made.transfers {
                let is_taken = transfer.credit == DISPUTES;
                let (own, signed) = if is_taken {
                    (transfer.debit, transfer.amount)
                } else {
                    (transfer.credit, transfer.amount.negated().unwrap())
                };
                taken_in_all = taken_in_all.plus(signed).unwrap();
                match transfer.lot {
                    Some(lot) => {
                        let found = self.lots.iter_mut().find(|bought| bought.lot.id == lot);
                        let found = found.unwrap();
                        found.taken = found.taken.plus(signed).unwrap();
                        found.lot.remaining = found.lot.remaining.minus(signed).unwrap();
                        found.lot.granted = found.lot.granted.max(found.lot.remaining);
                    }
                    None => {
                        assert_eq!(own.kind(), "owed");
                        self.owes = self.owes.plus(signed).unwrap();
                    }
                }
            }
            assert_eq!(taken_in_all, change);
            let taken_back = self.taken_back.entry(lot).or_insert(Money::ZERO);
            *taken_back = taken_back.plus(change).unwrap();
        }

        /// Uses credit as requests do: the oldest first, and what no lot covers is owed.
        fn use_up(&mut self, amount: i64) {
            let mut rest = nano(amount);
            for bought in &mut self.lots {
                let pays = bought.lot.remaining.min(rest);
                bought.lot.remaining = bought.lot.remaining.minus(pays).unwrap();
                rest = rest.minus(pays).unwrap();
            }
            self.owes = self.owes.plus(rest).unwrap();
        }

        /// What is left of each lot, and what is owed.
        fn state(&self) -> (Vec<i64>, i64) {
            let left = self.lots.iter().map(|bought| bought.lot.remaining.nanos());
            (left.collect(), self.owes.nanos())
        }
    }

    #[test]
    fn what_is_taken_returns_to_where_it_was_taken() {
        let mut bought = bought(&[(25, 5), (30, 30)], 0);
        let table = [
            (0, 25, (vec![0, 10], 0)),
            (1, 15, (vec![0, 0], 5)),
            (0, -25, (vec![5, 15], 0)),
            (1, -15, (vec![5, 30], 0)),
        ];
        for (purchase, change, expected) in table {
            bought.change(purchase, change);
            assert_eq!(bought.state(), expected);
        }
    }

    #[test]
    fn what_was_used_meanwhile_is_settled_first() {
        let mut bought = bought(&[(25, 25)], 0);
        bought.change(0, 25);
        bought.use_up(10);
        assert_eq!(bought.state(), (vec![0], 10));
        bought.change(0, -25);
        assert_eq!(bought.state(), (vec![15], 0));
        // And again, with what was used then staying used.
        bought.change(0, 25);
        bought.change(0, -20);
        assert_eq!(bought.state(), (vec![10], 0));
    }

    #[test]
    fn what_comes_back_after_other_money_settled_it_fills_the_lot_and_then_a_new_one() {
        let mut bought = bought(&[(25, 23)], 0);
        bought.change(0, 25);
        assert_eq!(bought.state(), (vec![0], 2));
        // Somebody pays.
        bought.owes = Money::ZERO;
        bought.lots[0].lot.granted = nano(24);
        bought.change(0, -25);
        assert_eq!(bought.state(), (vec![24, 1], 0));
        bought.change(0, 25);
        assert_eq!(bought.state(), (vec![0, 0], 0));
    }

    /// Every order of `changes` in which no purchase's ever come to less than nothing.
    fn orders(changes: &[(usize, i64)]) -> Vec<Vec<(usize, i64)>> {
        let Some(_) = changes.first() else {
            return vec![Vec::new()];
        };
        let mut all = Vec::new();
        for number in 0..changes.len() {
            let mut others = changes.to_vec();
            let last = others.remove(number);
            let of_purchase = others.iter().filter(|(purchase, _)| *purchase == last.0);
            if of_purchase.map(|(_, change)| change).sum::<i64>() + last.1 < 0 {
                continue;
            }
            for mut order in orders(&others) {
                order.push(last);
                all.push(order);
            }
        }
        all.retain(|order| {
            let mut sums = [0; 3];
            order.iter().all(|(purchase, change)| {
                sums[*purchase] += change;
                sums[*purchase] >= 0
            })
        });
        all
    }

    #[test]
    fn changes_of_three_purchases_in_every_order_lead_to_the_same_lots() {
        let stories: [(&[(i64, i64)], i64); 4] = [
            (&[(25, 5), (30, 30), (10, 10)], 0),
            (&[(25, 25), (30, 30), (10, 10)], 0),
            (&[(25, 0), (30, 4), (10, 10)], 0),
            (&[(25, 0), (30, 0), (10, 0)], 7),
        ];
        let changes = [(0, 25), (0, -15), (1, 30), (1, -20), (2, 8), (2, 1), (0, 5)];
        let all = orders(&changes);
        assert!(all.len() > 1_000, "{}", all.len());
        for (lots, owes) in stories {
            let mut first = None;
            for order in &all {
                let mut bought = bought(lots, owes);
                for (purchase, change) in order {
                    bought.change(*purchase, *change);
                    let (left, owes) = bought.state();
                    assert!(owes == 0 || left.iter().all(|left| *left == 0), "{order:?}");
                }
                let state = bought.state();
                assert_eq!(first.get_or_insert(state.clone()), &state, "{order:?}");
            }
        }
    }
}

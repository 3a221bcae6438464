//! What is offered to be paid, and what settles what is owed: in whole cents, which is what a card
//! can be charged, and never too little.

use types::balance::Balance;
use types::money::{Cents, Money};
use types::top_up::{DEFAULT_PRESET, TopUpLimits};

/// Nano-dollars in a cent.
const NANOS_A_CENT: i64 = 10_000_000;

/// What settles what is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settling {
    /// What is owed, rounded up: a cent less would leave something.
    pub amount: Cents,
    /// Whether it is below what can be added at all: then any top-up settles it.
    pub by_any: bool,
}

impl Settling {
    /// `None` when nothing is owed.
    pub fn of(balance: &Balance, limits: TopUpLimits) -> Option<Self> {
        if !balance.owed.is_positive() {
            return None;
        }
        let amount = rounded_up(balance.owed);
        Some(Self {
            amount,
            by_any: amount < limits.minimum,
        })
    }
}

/// The amount that the form opens with: what is owed, where it can be paid by itself.
pub fn offer(balance: &Balance, limits: TopUpLimits) -> Cents {
    Settling::of(balance, limits)
        .filter(|settling| limits.check(settling.amount).is_ok())
        .map_or(DEFAULT_PRESET, |settling| settling.amount)
}

/// Of an amount above zero.
fn rounded_up(money: Money) -> Cents {
    let nanos = money.nanos();
    let rest = i64::from(nanos % NANOS_A_CENT > 0);
    Cents::new(nanos / NANOS_A_CENT + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owing(nanos: i64) -> Balance {
        Balance {
            owed: Money::from_nanos(nanos),
            ..Balance::default()
        }
    }

    #[test]
    fn what_is_said_to_settle_what_is_owed_does() {
        let limits = TopUpLimits::default();
        for nanos in [
            1,
            9_999_999,
            10_000_000,
            10_000_001,
            184_752_619_220,
            600_004_000_000,
            i64::MAX,
        ] {
            let settling = Settling::of(&owing(nanos), limits).unwrap();
            let cents = settling.amount.get();
            assert!(
                i128::from(cents) * 10_000_000 >= i128::from(nanos),
                "{nanos}"
            );
            assert!(
                i128::from(cents - 1) * 10_000_000 < i128::from(nanos),
                "{nanos}"
            );
            assert_eq!(settling.by_any, cents < 500, "{nanos}");
        }
        assert_eq!(Settling::of(&owing(0), limits), None);
    }

    #[test]
    fn what_is_owed_is_offered_where_it_can_be_paid_by_itself() {
        let limits = TopUpLimits::default();
        let cases = [
            (0, DEFAULT_PRESET),
            (43_200, DEFAULT_PRESET),
            (5_000_000_000, Cents::new(500)),
            (184_752_619_220, Cents::new(18_476)),
            (500_000_000_000, Cents::new(50_000)),
            (500_000_000_001, DEFAULT_PRESET),
        ];
        for (nanos, expected) in cases {
            assert_eq!(offer(&owing(nanos), limits), expected, "{nanos}");
        }
    }
}

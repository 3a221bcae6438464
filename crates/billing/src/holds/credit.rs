//! How much of what is available one request may have. Pure: figures in, a grant or a refusal out.
//!
//! | available | a hold |
//! | --- | --- |
//! | above zero | may take it below zero, down to the floor and no further: a request is not cut off for the last cent of a balance. Where that does not reach, the output that it reaches for is offered |
//! | zero or less | is refused, unless it costs nothing |
//! | below the floor | is refused |
//!
//! So holds alone never take a balance below the floor, and an organization that has bought nothing
//! is given nothing. What takes it below is only what really ran and cost more than was held.

use types::money::{Cost, Money, MoneyError};
use types::pricing::{ModelRates, Rate};

use super::error::{Shortfall, ShortfallReason};

/// How far below zero holds may take what is available: −$1.00.
pub const FLOOR: Money = Money::from_nanos(-1_000_000_000);
/// The most that one request may cost, $1,000, as for a usage event.
const MOST: i128 = crate::metering::MOST_COST.picos() as i128;
const PICOS_A_NANO: i128 = 1_000;

/// What a request costs by its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quote {
    input: i128,
    output_rate: i128,
    /// The most output that is asked for; at least 1.
    wanted: i64,
}

/// What was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) output_tokens: i64,
    pub(crate) amount: Money,
}

impl Quote {
    /// `None` when such a request could cost more than one may.
    pub(crate) fn new(rates: &ModelRates, input_tokens: i64, wanted: i64) -> Option<Self> {
        let picos = |rate: Option<Rate>| i128::from(rate.map_or(0, Rate::picos_a_token));
        // Cached input may have a price of its own, and nobody knows yet what is cached.
        let input_rate = picos(rates.input).max(picos(rates.cached_input));
        let quote = Self {
            input: input_rate * i128::from(input_tokens),
            output_rate: picos(rates.output),
            wanted,
        };
        (quote.picos(wanted) <= MOST).then_some(quote)
    }

    const fn picos(&self, output_tokens: i64) -> i128 {
        self.input + self.output_rate * output_tokens as i128
    }

    /// Rounded up: with what an organization carries over, a cost can reach the next nano-dollar.
    fn amount(&self, output_tokens: i64) -> Result<Money, MoneyError> {
        let picos = i64::try_from(self.picos(output_tokens)).map_err(|_| MoneyError)?;
        let (whole, rest) = Cost::from_picos(picos).into_money_and_carry()?;
        let up = i64::from(rest > Cost::ZERO);
        whole.plus(Money::from_nanos(up))
    }

    /// What may be granted where so much is available.
    pub(crate) fn grant(&self, available: Money) -> Result<Result<Grant, Shortfall>, MoneyError> {
        let needed = self.amount(1)?;
        let refuse = |reason| {
            Ok(Err(Shortfall {
                available,
                needed,
                reason,
            }))
        };
        if available < FLOOR {
            return refuse(ShortfallReason::BelowFloor);
        }
        let room = room(available)?;
        if room.is_zero() && needed.is_positive() {
            return refuse(ShortfallReason::Exhausted);
        }
        let room = i128::from(room.nanos()) * PICOS_A_NANO;
        let output_tokens = if self.picos(self.wanted) <= room {
            self.wanted
        } else if self.picos(1) <= room {
            // It does not reach for what is wanted, so output has a price.
            let covered = (room - self.input) / self.output_rate;
            i64::try_from(covered).map_err(|_| MoneyError)?
        } else {
            return refuse(ShortfallReason::TooLittle);
        };
        let amount = self.amount(output_tokens)?;
        Ok(Ok(Grant {
            output_tokens,
            amount,
        }))
    }
}

/// What new holds may take of it together.
///
/// # Errors
/// When the sum does not fit.
pub(crate) fn room(available: Money) -> Result<Money, MoneyError> {
    if available.is_positive() {
        available.minus(FLOOR)
    } else {
        Ok(Money::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// $0.15 and $0.60 per 1M tokens.
    fn rates() -> ModelRates {
        ModelRates {
            input: Some(Rate::from_picos_a_token(150_000)),
            cached_input: None,
            output: Some(Rate::from_picos_a_token(600_000)),
        }
    }

    fn granted(quote: &Quote, available: i64) -> Result<Grant, ShortfallReason> {
        let granted = quote.grant(Money::from_nanos(available)).unwrap();
        granted.map_err(|shortfall| shortfall.reason)
    }

    #[test]
    fn credit_that_covers_a_part_is_offered_and_the_floor_is_not_passed() {
        // 1,000 tokens of input cost 150,000 nano-dollars, one of output 600.
        let quote = Quote::new(&rates(), 1_000, 4_000_000).unwrap();
        let floor = FLOOR.nanos();
        let grant = |output_tokens, amount| {
            let amount = Money::from_nanos(amount);
            Ok(Grant {
                output_tokens,
                amount,
            })
        };
        let cases = [
            (5_000_000_000, grant(4_000_000, 2_400_150_000)),
            // Exactly to the floor, and one nano-dollar less.
            (1_400_150_000, grant(4_000_000, 2_400_150_000)),
            (1_400_149_999, grant(3_999_999, 2_400_149_400)),
            (1, grant(1_666_416, 999_999_600)),
            (0, Err(ShortfallReason::Exhausted)),
            (-1, Err(ShortfallReason::Exhausted)),
            (floor, Err(ShortfallReason::Exhausted)),
            (floor - 1, Err(ShortfallReason::BelowFloor)),
        ];
        for (available, expected) in cases {
            assert_eq!(granted(&quote, available), expected, "{available}");
        }
    }

    #[test]
    fn what_does_not_reach_for_one_token_of_output_is_refused() {
        // The input alone: $1.50.
        let quote = Quote::new(&rates(), 10_000_000, 5).unwrap();
        let least = 500_000_600;
        assert!(granted(&quote, least).is_ok_and(|grant| grant.output_tokens == 1));
        assert_eq!(granted(&quote, least - 1), Err(ShortfallReason::TooLittle));
    }

    #[test]
    fn what_costs_nothing_runs_until_the_floor() {
        let free = ModelRates {
            input: None,
            cached_input: None,
            output: None,
        };
        let quote = Quote::new(&free, 1_000, 7).unwrap();
        for available in [1, 0, FLOOR.nanos()] {
            let grant = granted(&quote, available).unwrap();
            assert_eq!((grant.output_tokens, grant.amount), (7, Money::ZERO));
        }
        let refused = granted(&quote, FLOOR.nanos() - 1);
        assert_eq!(refused, Err(ShortfallReason::BelowFloor));
    }

    #[test]
    fn a_part_of_a_nano_dollar_is_held_as_a_whole_one() {
        let rates = ModelRates {
            input: Some(Rate::from_picos_a_token(1)),
            cached_input: Some(Rate::from_picos_a_token(2)),
            output: None,
        };
        let quote = Quote::new(&rates, 501, 1).unwrap();
        assert_eq!(
            granted(&quote, 10).unwrap().amount,
            Money::from_nanos(2),
            "the dearer of the two input rates"
        );
    }

    #[test]
    fn a_request_that_could_cost_more_than_one_may_has_no_quote() {
        let rates = ModelRates {
            input: Some(Rate::from_picos_a_token(1_000_000_000_000)),
            cached_input: None,
            output: Some(Rate::from_picos_a_token(1_000_000_000_000)),
        };
        assert!(Quote::new(&rates, 1_000, 1).is_none());
        assert!(Quote::new(&rates, 999, 1).is_some());
        assert!(Quote::new(&rates, 100_000_000, 100_000_000).is_none());
    }

    proptest! {
        #[test]
        fn a_grant_never_passes_the_floor_and_is_the_most_that_does_not(
            input_rate in 0_i64..2_000_000,
            output_rate in 0_i64..20_000_000,
            input in 0_i64..100_000,
            wanted in 1_i64..1_000_000,
            available in -2_000_000_000_i64..5_000_000_000,
        ) {
            let rates = ModelRates {
                input: Some(Rate::from_picos_a_token(input_rate)),
                cached_input: None,
                output: Some(Rate::from_picos_a_token(output_rate)),
            };
            let quote = Quote::new(&rates, input, wanted).unwrap();
            let before = Money::from_nanos(available);
            match quote.grant(before).unwrap() {
                Ok(grant) => {
                    prop_assert!((1..=wanted).contains(&grant.output_tokens));
                    prop_assert!(before.minus(grant.amount).unwrap() >= FLOOR);
                    if grant.output_tokens < wanted {
                        let more = quote.amount(grant.output_tokens + 1).unwrap();
                        prop_assert!(before.minus(more).unwrap() < FLOOR);
                    }
                }
                Err(_) => {
                    let least = quote.amount(1).unwrap();
                    prop_assert!(available <= 0 || before.minus(least).unwrap() < FLOOR);
                }
            }
        }
    }
}

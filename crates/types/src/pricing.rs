//! Rates: what a model's tokens cost.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::money::{Cost, MoneyError};

/// Decimals that a price per 1M tokens may have: finer ones are not whole pico-dollars a token.
pub const RATE_DECIMALS: u32 = 6;
/// Pico-dollars a token that make $1 per 1M tokens.
const PICOS_A_TOKEN: i64 = 1_000_000;

/// Why a price is not usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    #[error("a price cannot be below zero")]
    Negative,
    #[error("a price has at most {RATE_DECIMALS} decimals per 1M tokens")]
    TooFine,
    #[error("a price is at most $1,000,000 per 1M tokens")]
    TooLarge,
}

/// Pico-dollars a token: a price per 1M tokens as an exact integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(i64);

impl Rate {
    /// From dollars per 1M tokens, such as `0.00875`.
    ///
    /// # Errors
    /// When the price is below zero, finer than [`RATE_DECIMALS`] or above $1,000,000.
    pub fn try_per_million(dollars: Decimal) -> Result<Self, RateError> {
        if dollars.is_sign_negative() && !dollars.is_zero() {
            return Err(RateError::Negative);
        }
        if dollars > Decimal::from(1_000_000) {
            return Err(RateError::TooLarge);
        }
        let exact = dollars.normalize();
        if exact.scale() > RATE_DECIMALS {
            return Err(RateError::TooFine);
        }
        let picos = exact
            .checked_mul(Decimal::from(PICOS_A_TOKEN))
            .ok_or(RateError::TooLarge)?;
        i64::try_from(picos)
            .map(Self)
            .map_err(|_| RateError::TooLarge)
    }

    #[must_use]
    pub const fn from_picos_a_token(picos: i64) -> Self {
        Self(picos)
    }

    #[must_use]
    pub const fn picos_a_token(self) -> i64 {
        self.0
    }

    /// Dollars per 1M tokens, exact.
    #[must_use]
    pub fn per_million(self) -> Decimal {
        Decimal::new(self.0, RATE_DECIMALS).normalize()
    }

    /// `$0.15`: at least two decimals, never rounded.
    #[must_use]
    pub fn label(self) -> String {
        let exact = self.per_million();
        if exact.scale() < 2 {
            format!("${exact:.2}")
        } else {
            format!("${exact}")
        }
    }

    /// tokens × rate, exact.
    ///
    /// # Errors
    /// When the cost does not fit.
    pub fn cost(self, tokens: i64) -> Result<Cost, MoneyError> {
        self.0
            .checked_mul(tokens)
            .map(Cost::from_picos)
            .ok_or(MoneyError)
    }
}

/// What a model costs. `None`: those tokens are not billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRates {
    pub input: Option<Rate>,
    /// `None`: cached input is billed as input.
    pub cached_input: Option<Rate>,
    pub output: Option<Rate>,
}

/// A model as the rate list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelView {
    pub model: String,
    pub task: String,
    pub parameters: String,
    pub max_tokens: i64,
    pub rates: ModelRates,
}

/// Another provider's model, for comparing costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparisonModelView {
    pub provider: String,
    pub model: String,
    pub name: String,
    pub input: Rate,
    pub output: Rate,
}

/// The plan as the Billing page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// The lowest prices, at most three.
    pub cheapest: Vec<ModelView>,
    /// What the organization used most in the last 30 days, at most three.
    pub most_used: Vec<ModelView>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_become_whole_picos_a_token() {
        let cases = [
            ("0.02", 20_000),
            ("0.0375", 37_500),
            ("0.00875", 8_750),
            ("15", 15_000_000),
        ];
        for (price, picos) in cases {
            let rate = Rate::try_per_million(price.parse().unwrap()).unwrap();
            assert_eq!(rate.picos_a_token(), picos, "{price}");
            assert_eq!(rate.per_million(), price.parse::<Decimal>().unwrap());
        }
    }

    #[test]
    fn prices_that_cannot_be_exact_are_refused() {
        let refused = |price: &str| Rate::try_per_million(price.parse().unwrap()).unwrap_err();
        assert_eq!(refused("-0.01"), RateError::Negative);
        assert_eq!(refused("0.0000001"), RateError::TooFine);
        assert_eq!(refused("1000000.01"), RateError::TooLarge);
    }

    #[test]
    fn a_cost_past_the_edge_is_refused() {
        let rate = Rate::try_per_million(Decimal::from(1_000_000)).unwrap();
        assert!(rate.cost(i64::MAX).is_err());
    }
}

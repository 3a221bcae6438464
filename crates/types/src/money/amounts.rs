use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Dollars;

/// Nano-dollars in a cent.
const NANOS_A_CENT: i64 = 10_000_000;
/// Pico-dollars in a nano-dollar.
const PICOS_A_NANO: i64 = 1_000;

/// The result does not fit the type. An account holds up to ±$9.2 billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the amount is larger than can be held")]
pub struct MoneyError;

/// Nano-dollars (10⁻⁹ $): the ledger's unit, ±$9,223,372,036.854775807.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// # Errors
    /// When the sum does not fit.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError)
    }

    /// # Errors
    /// When the difference does not fit.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_sub(other.0).map(Self).ok_or(MoneyError)
    }

    /// The same amount with the other sign.
    ///
    /// # Errors
    /// For the one amount that has no opposite.
    pub fn negated(self) -> Result<Self, MoneyError> {
        self.0.checked_neg().map(Self).ok_or(MoneyError)
    }

    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The exact amount in dollars.
    #[must_use]
    pub fn dollars(self) -> Dollars {
        Dollars::new(Decimal::new(self.0, 9))
    }
}

/// Pico-dollars (10⁻¹² $): what a usage event costs, exactly, and sums of such, ±$9.2 million.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cost(i64);

impl Cost {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn from_picos(picos: i64) -> Self {
        Self(picos)
    }

    #[must_use]
    pub const fn picos(self) -> i64 {
        self.0
    }

    /// # Errors
    /// When the sum does not fit.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError)
    }

    /// Splits a non-negative cost into what the ledger can hold and the rest, 0 to 999 pico.
    ///
    /// # Errors
    /// For a negative cost, which no usage has.
    pub fn into_money_and_carry(self) -> Result<(Money, Self), MoneyError> {
        if self.0 < 0 {
            return Err(MoneyError);
        }
        Ok((Money(self.0 / PICOS_A_NANO), Self(self.0 % PICOS_A_NANO)))
    }

    /// The exact cost in dollars.
    #[must_use]
    pub fn dollars(self) -> Dollars {
        Dollars::new(Decimal::new(self.0, 12))
    }
}

/// Whole cents: what a card can be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cents(i64);

impl Cents {
    #[must_use]
    pub const fn new(cents: i64) -> Self {
        Self(cents)
    }

    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// # Errors
    /// When the amount does not fit the ledger (above $9.2 billion).
    pub fn money(self) -> Result<Money, MoneyError> {
        self.0
            .checked_mul(NANOS_A_CENT)
            .map(Money)
            .ok_or(MoneyError)
    }

    /// The exact amount in dollars.
    #[must_use]
    pub fn dollars(self) -> Dollars {
        Dollars::new(Decimal::new(self.0, 2))
    }
}

/// Why a text is not an amount that a card can be charged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCentsError {
    #[error("enter an amount in dollars, such as 25 or 25.00")]
    NotAnAmount,
    #[error("a card is charged in whole cents; use at most two decimals")]
    FractionOfACent,
}

impl FromStr for Cents {
    type Err = ParseCentsError;

    /// Reads what a person types: `25`, `25.5`, `$1,250.00`. No sign, no exponent.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let text = text.strip_prefix('$').unwrap_or(text).trim_start();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let whole = without_separators(whole)?;
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(&whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
            return Err(ParseCentsError::NotAnAmount);
        }
        if fraction.len() > 2 && fraction.bytes().skip(2).any(|byte| byte != b'0') {
            return Err(ParseCentsError::FractionOfACent);
        }
        let cents: String = fraction.chars().chain("00".chars()).take(2).collect();
        format!("{whole}{cents}")
            .parse()
            .map(Self)
            .map_err(|_| ParseCentsError::NotAnAmount)
    }
}

/// Commas are taken only where they separate thousands: `1,25` would be a guess.
fn without_separators(whole: &str) -> Result<String, ParseCentsError> {
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let well_formed = rest.iter().all(|group| group.len() == 3)
        && (rest.is_empty() || (1..=3).contains(&first.len()));
    if well_formed {
        Ok(whole.replace(',', ""))
    } else {
        Err(ParseCentsError::NotAnAmount)
    }
}

impl fmt::Display for Cents {
    /// `25.00`: two decimals, no sign of the currency.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Decimal::new(self.0, 2))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_type_is_read_to_the_cent() {
        let cases = [
            ("25", Ok(2_500)),
            ("25.", Ok(2_500)),
            ("25.5", Ok(2_550)),
            (" $25.00 ", Ok(2_500)),
            ("1,250", Ok(125_000)),
            ("25.000", Ok(2_500)),
            (".50", Ok(50)),
            ("25.001", Err(ParseCentsError::FractionOfACent)),
            ("1,25", Err(ParseCentsError::NotAnAmount)),
            (",250", Err(ParseCentsError::NotAnAmount)),
            ("-5", Err(ParseCentsError::NotAnAmount)),
            ("1e3", Err(ParseCentsError::NotAnAmount)),
            ("", Err(ParseCentsError::NotAnAmount)),
            (".", Err(ParseCentsError::NotAnAmount)),
            ("NaN", Err(ParseCentsError::NotAnAmount)),
            ("99999999999999999999", Err(ParseCentsError::NotAnAmount)),
            ("٢٥", Err(ParseCentsError::NotAnAmount)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Cents>().map(Cents::get), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cost_splits_without_loss() {
        let (money, carry) = Cost::from_picos(43_200_001).into_money_and_carry().unwrap();
        assert_eq!((money.nanos(), carry.picos()), (43_200, 1));
        assert!(Cost::from_picos(-1).into_money_and_carry().is_err());
    }

    #[test]
    fn arithmetic_past_the_edge_is_refused() {
        let most = Money::from_nanos(i64::MAX);
        assert_eq!(most.plus(Money::from_nanos(1)), Err(MoneyError));
        assert_eq!(Money::from_nanos(i64::MIN).negated(), Err(MoneyError));
        assert_eq!(Cents::new(i64::MAX).money(), Err(MoneyError));
    }

    proptest! {
        #[test]
        fn cents_survive_their_text_form(cents in 0_i64..=i64::MAX / 2) {
            prop_assert_eq!(Cents::new(cents).to_string().parse(), Ok(Cents::new(cents)));
        }

        #[test]
        fn any_text_parses_or_is_refused_without_panic(text in ".{0,24}") {
            let _ = text.parse::<Cents>();
        }
    }
}

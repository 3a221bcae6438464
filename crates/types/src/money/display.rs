use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// An exact amount of dollars, for reading: it crosses JSON as a decimal string (`"-0.0000432"`).
///
/// [`fmt::Display`] writes it for a person: from $1 two decimals, below four, below a cent two
/// significant digits, so that an amount that is not zero never reads `$0.00`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Dollars(Decimal);

impl Dollars {
    #[must_use]
    pub fn new(amount: Decimal) -> Self {
        Self(amount)
    }

    #[must_use]
    pub fn decimal(self) -> Decimal {
        self.0
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// Every digit and no more: `24.9999568`; at least two decimals: `25.00`.
    #[must_use]
    pub fn exact(self) -> String {
        let exact = self.0.normalize();
        if exact.scale() < 2 {
            format!("{exact:.2}")
        } else {
            exact.to_string()
        }
    }

    /// Every digit behind its sign and `$`: `−$0.0000432`, `$25.00`.
    #[must_use]
    pub fn exact_label(self) -> String {
        let sign = if self.is_negative() { "-" } else { "" };
        format!("{sign}${}", grouped(&Self(self.0.abs()).exact()))
    }

    /// As [`fmt::Display`], with `+` before what is above zero: `+$5.00`.
    #[must_use]
    pub fn signed(self) -> String {
        if self.0 > Decimal::ZERO {
            format!("+{self}")
        } else {
            self.to_string()
        }
    }

    /// For a balance: rounded down, so that it never shows more than there is.
    #[must_use]
    pub fn rounded_down(self) -> String {
        self.written(RoundingStrategy::ToNegativeInfinity)
    }

    /// Whether the short form leaves digits out.
    #[must_use]
    pub fn has_hidden_digits(self) -> bool {
        self.rounded_down() != self.exact_label()
            && self.0
                != self
                    .0
                    .round_dp(if self.0.abs() >= Decimal::ONE { 2 } else { 4 })
    }

    fn written(self, rounding: RoundingStrategy) -> String {
        let amount = self.0;
        let magnitude = amount.abs();
        let places = if magnitude.is_zero() || magnitude >= Decimal::ONE {
            2
        } else if magnitude >= Decimal::new(1, 2) {
            4
        } else {
            two_significant(magnitude)
        };
        let rounded = amount.round_dp_with_strategy(places, rounding);
        let sign = if rounded.is_sign_negative() && !rounded.is_zero() {
            "-"
        } else {
            ""
        };
        let digits = format!("{:.1$}", rounded.abs(), places as usize);
        format!("{sign}${}", grouped(&digits))
    }
}

/// How many decimals show two significant digits of an amount below a cent.
fn two_significant(magnitude: Decimal) -> u32 {
    let mut places = 3;
    while places < Decimal::MAX_SCALE && magnitude < Decimal::new(1, places) {
        places += 1;
    }
    (places + 1).min(Decimal::MAX_SCALE)
}

/// Commas between thousands.
fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut written = String::with_capacity(digits.len() + whole.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            written.push(',');
        }
        written.push(digit);
    }
    if fraction.is_empty() {
        written
    } else {
        format!("{written}.{fraction}")
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.written(RoundingStrategy::MidpointNearestEven))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dollars(text: &str) -> Dollars {
        Dollars::new(text.parse().unwrap())
    }

    #[test]
    fn amounts_read_as_people_expect() {
        let cases = [
            ("0", "$0.00"),
            ("5", "$5.00"),
            ("1234567.891", "$1,234,567.89"),
            ("-12.5", "-$12.50"),
            ("0.5", "$0.5000"),
            ("0.01", "$0.0100"),
            ("0.0000432", "$0.000043"),
            ("-0.0000432", "-$0.000043"),
            ("0.000000000001", "$0.0000000000010"),
            ("0.00999", "$0.0100"),
            ("0.99999", "$1.0000"),
        ];
        for (amount, expected) in cases {
            assert_eq!(dollars(amount).to_string(), expected, "{amount}");
        }
    }

    #[test]
    fn a_balance_never_shows_more_than_there_is() {
        assert_eq!(dollars("24.9999568").rounded_down(), "$24.99");
        assert_eq!(dollars("-0.5").rounded_down(), "-$0.5000");
        assert_eq!(dollars("-1.001").rounded_down(), "-$1.01");
        assert!(dollars("24.9999568").has_hidden_digits());
        assert!(!dollars("25").has_hidden_digits());
        assert!(!dollars("0.5").has_hidden_digits());
    }

    #[test]
    fn the_exact_form_has_every_digit_and_the_sign_leads() {
        assert_eq!(dollars("24.9999568000").exact(), "24.9999568");
        assert_eq!(dollars("25").exact(), "25.00");
        assert_eq!(dollars("-1250.5").exact_label(), "-$1,250.50");
        assert_eq!(dollars("5").signed(), "+$5.00");
        assert_eq!(dollars("-5").signed(), "-$5.00");
        assert_eq!(dollars("0").signed(), "$0.00");
    }

    proptest! {
        #[test]
        fn what_is_not_zero_never_reads_as_zero(picos in any::<i64>().prop_filter("zero", |n| *n != 0)) {
            let text = Dollars::new(Decimal::new(picos, 12)).to_string();
            prop_assert!(text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)), "{}", text);
        }

        #[test]
        fn the_exact_form_loses_nothing(picos in any::<i64>()) {
            let amount = Decimal::new(picos, 12);
            prop_assert_eq!(Dollars::new(amount).exact().parse::<Decimal>().unwrap(), amount);
        }
    }
}

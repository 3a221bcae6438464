//! Adding credit by card: what is asked, and how it stands.

use serde::{Deserialize, Serialize};

use crate::ids::{PaymentMethodId, TopUpId};
use crate::money::{Cents, Money};
use crate::payment::{Card, DeclineReason, PaymentField};
use crate::refund::Aftermath;
use crate::time::Timestamp;

/// The amounts offered as buttons, in cents: $10, $25, $50, $100.
pub const PRESETS: [Cents; 4] = [
    Cents::new(1_000),
    Cents::new(2_500),
    Cents::new(5_000),
    Cents::new(10_000),
];

/// The preset that is selected when the form opens.
pub const DEFAULT_PRESET: Cents = PRESETS[1];

/// The least and the most that one top-up may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpLimits {
    pub minimum: Cents,
    pub maximum: Cents,
}

impl Default for TopUpLimits {
    fn default() -> Self {
        Self {
            minimum: Cents::new(500),
            maximum: Cents::new(50_000),
        }
    }
}

/// With what a person pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayWith {
    Saved(PaymentMethodId),
    /// A card that the browser just gave to the gateway: the gateway's token for it.
    NewCard(String),
}

/// How a top-up stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TopUpState {
    /// The gateway has not given a definite answer. It must not be paid again.
    Processing,
    /// The bank asks the person to confirm on its own page.
    RequiresAction {
        /// The page of the bank, to be shown in a frame. `None` where the gateway named none.
        url: Option<String>,
    },
    Succeeded {
        settled_at: Timestamp,
        /// What became of it since.
        since: Aftermath,
    },
    Failed {
        reason: DeclineReason,
    },
    Canceled,
}

/// A top-up as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpView {
    pub id: TopUpId,
    pub amount: Cents,
    pub state: TopUpState,
    pub card: Option<Card>,
    pub created_at: Timestamp,
    /// The organization's balance right after this answer was known.
    pub balance: Money,
}

impl TopUpView {
    /// Whether there is no definite answer yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.state {
            TopUpState::Processing | TopUpState::RequiresAction { .. } => true,
            TopUpState::Succeeded { .. } | TopUpState::Failed { .. } | TopUpState::Canceled => {
                false
            }
        }
    }
}

/// What the person sees before paying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpQuote {
    /// What the balance gains.
    pub credit: Cents,
    pub fee: Cents,
    pub tax: Cents,
    /// What the card is charged.
    pub total: Cents,
}

impl TopUpQuote {
    /// No fee and no tax is added: what is paid is what is credited.
    #[must_use]
    pub const fn of(amount: Cents) -> Self {
        Self {
            credit: amount,
            fee: Cents::new(0),
            tax: Cents::new(0),
            total: amount,
        }
    }
}

/// Why an amount cannot be paid, in words for the amount's field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("The least you can add is ${minimum}.")]
    BelowMinimum { minimum: Cents },
    #[error("The most you can add at once is ${maximum}.")]
    AboveMaximum { maximum: Cents },
}

impl TopUpLimits {
    /// The same check in the browser, for a message while typing, and on the server, which decides.
    ///
    /// # Errors
    /// When `amount` is outside the limits.
    pub fn check(&self, amount: Cents) -> Result<(), AmountError> {
        if amount < self.minimum {
            return Err(AmountError::BelowMinimum {
                minimum: self.minimum,
            });
        }
        if amount > self.maximum {
            return Err(AmountError::AboveMaximum {
                maximum: self.maximum,
            });
        }
        Ok(())
    }
}

impl AmountError {
    /// The field that the message belongs to.
    #[must_use]
    pub const fn field(&self) -> PaymentField {
        PaymentField::Amount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_outside_the_limits_are_refused_with_the_limit() {
        let limits = TopUpLimits::default();
        assert_eq!(limits.check(Cents::new(500)), Ok(()));
        assert_eq!(limits.check(Cents::new(50_000)), Ok(()));
        let refused = limits.check(Cents::new(499)).unwrap_err();
        assert_eq!(refused.to_string(), "The least you can add is $5.00.");
        assert!(limits.check(Cents::new(50_001)).is_err());
    }
}

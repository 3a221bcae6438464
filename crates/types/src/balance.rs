//! What an organization has left.

use serde::{Deserialize, Serialize};

use crate::money::{Money, MoneyError};

/// The parts of a balance at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    /// Bought and not yet used.
    pub prepaid: Money,
    /// Given and not yet used.
    pub promotional: Money,
    /// Used beyond what was there; the next top-up settles it first.
    pub owed: Money,
    /// Set aside for requests that are running.
    pub held: Money,
}

impl Balance {
    /// prepaid + promotional + held − owed: what is set aside is still the organization's. Below
    /// zero while something is owed.
    ///
    /// # Errors
    /// When the sum does not fit.
    pub fn posted(&self) -> Result<Money, MoneyError> {
        self.prepaid
            .plus(self.promotional)?
            .plus(self.held)?
            .minus(self.owed)
    }

    /// posted − held: what a new request may spend.
    ///
    /// # Errors
    /// When the difference does not fit.
    pub fn available(&self) -> Result<Money, MoneyError> {
        self.posted()?.minus(self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_still_there_and_cannot_be_spent() {
        let balance = Balance {
            prepaid: Money::from_nanos(20),
            promotional: Money::from_nanos(5),
            held: Money::from_nanos(7),
            owed: Money::from_nanos(2),
        };
        assert_eq!(balance.posted(), Ok(Money::from_nanos(30)));
        assert_eq!(balance.available(), Ok(Money::from_nanos(23)));
    }
}

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
    /// Set aside for requests that are running: a part of the above that cannot be spent twice.
    pub held: Money,
    /// Given, not used in time, and not taken out of the books yet: a part of what was bought or
    /// given that cannot be spent any more.
    pub expired: Money,
}

impl Balance {
    /// prepaid + promotional − owed: what is set aside is still the organization's. Below zero
    /// while something is owed.
    ///
    /// # Errors
    /// When the sum does not fit.
    pub fn posted(&self) -> Result<Money, MoneyError> {
        self.prepaid.plus(self.promotional)?.minus(self.owed)
    }

    /// posted − held − expired: what a new request may spend.
    ///
    /// # Errors
    /// When the difference does not fit.
    pub fn available(&self) -> Result<Money, MoneyError> {
        self.posted()?.minus(self.held)?.minus(self.expired)
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
            expired: Money::from_nanos(3),
        };
        assert_eq!(balance.posted(), Ok(Money::from_nanos(23)));
        assert_eq!(balance.available(), Ok(Money::from_nanos(13)));
    }
}

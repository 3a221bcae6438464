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
    /// prepaid + promotional − owed. Below zero while something is owed.
    ///
    /// # Errors
    /// When the sum does not fit.
    pub fn posted(&self) -> Result<Money, MoneyError> {
        self.prepaid.plus(self.promotional)?.minus(self.owed)
    }

    /// posted − held: what a new request may spend.
    ///
    /// # Errors
    /// When the difference does not fit.
    pub fn available(&self) -> Result<Money, MoneyError> {
        self.posted()?.minus(self.held)
    }
}

//! Giving unused credit back to the card that paid for it: what may be given back, what is asked,
//! and how it stands.

use serde::{Deserialize, Serialize};

use crate::ids::{RefundId, TopUpId};
use crate::money::{Cents, Money};
use crate::time::Timestamp;

/// What became of a top-up after it had succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "aftermath", rename_all = "snake_case")]
pub enum Aftermath {
    /// Nothing was taken back.
    #[default]
    Kept,
    PartiallyRefunded {
        refunded: Cents,
    },
    /// All of it went back to the card.
    Refunded,
    /// The card's owner disputes it, and the bank has not decided.
    Disputed,
    /// The bank decided for the card's owner: the money is gone.
    Reversed,
}

impl Aftermath {
    /// The word on a credit's pill.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Kept => "Credit",
            Self::PartiallyRefunded { .. } => "Partially refunded",
            Self::Refunded => "Refunded",
            Self::Disputed => "Disputed",
            Self::Reversed => "Reversed",
        }
    }
}

/// How a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// The credit is taken out of the balance, and the card has not got it yet. Asking again is
    /// not needed.
    Processing,
    /// The gateway sends it to the card.
    Succeeded,
    /// It did not go through, and the credit is back.
    Failed,
}

impl RefundState {
    /// The word that the database uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Processing, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// The word on a refund's pill.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Processing => "Refund pending",
            Self::Succeeded => "Refund",
            Self::Failed => "Failed",
        }
    }

    /// What it means for the person who asked.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Processing => "The refund is on its way. There is no need to ask again.",
            Self::Succeeded => "Refunded. Your bank shows it within 5 to 10 business days.",
            Self::Failed => "The refund did not go through. The credit is back in your balance.",
        }
    }
}

/// A refund as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundView {
    pub id: RefundId,
    pub top_up: TopUpId,
    pub amount: Cents,
    pub state: RefundState,
    pub requested_at: Timestamp,
    /// The organization's balance right after this answer was known.
    pub balance: Money,
}

/// What a person may have back of a top-up, or why nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "offer", rename_all = "snake_case")]
pub enum RefundOffer {
    Refundable {
        /// Unused, in whole cents; at least one.
        most: Cents,
        /// Until then it can be asked for.
        until: Timestamp,
    },
    Refused {
        why: RefundRefusal,
    },
}

impl RefundOffer {
    /// The most that can be asked for.
    #[must_use]
    pub const fn most(&self) -> Option<Cents> {
        match self {
            Self::Refundable { most, .. } => Some(*most),
            Self::Refused { .. } => None,
        }
    }
}

/// Why nothing of a top-up can be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum RefundRefusal {
    #[error("this credit has been used")]
    Used,
    /// Unused, and set aside for requests that run.
    #[error("what is left of this credit is reserved for running requests; try again in a moment")]
    Held,
    #[error("the time for refunding this credit is over; contact support")]
    TooLate { since: Timestamp },
    #[error("this payment is disputed; the bank decides who gets the money")]
    Disputed,
    /// It was paid at a gateway's account that is not connected any more.
    #[error("this payment cannot be refunded here; contact support")]
    NotConnected,
}

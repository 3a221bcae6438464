//! Payments that a card's owner has complained about at the bank.

use serde::{Deserialize, Serialize};

use crate::ids::TopUpId;
use crate::money::Cents;
use crate::time::Timestamp;

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStage {
    /// The bank asks; no money has moved.
    Inquiry,
    /// The money is withdrawn until the bank decides.
    Open,
    /// The bank decided for us: the money and the credit are back.
    Won,
    /// The bank decided for the card's owner.
    Lost,
    /// An inquiry that came to nothing.
    Closed,
}

impl DisputeStage {
    pub const ALL: [Self; 5] = [
        Self::Inquiry,
        Self::Open,
        Self::Won,
        Self::Lost,
        Self::Closed,
    ];

    /// The word that the database uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inquiry => "inquiry",
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Closed => "closed",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }

    /// The word that people read.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Inquiry => "Inquiry",
            Self::Open => "Disputed",
            Self::Won => "Dispute won",
            Self::Lost => "Dispute lost",
            Self::Closed => "Inquiry closed",
        }
    }
}

/// Disputes that stand alike, together. None of them is zero of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeSum {
    pub count: u32,
    pub amount: Cents,
}

/// What the Billing page says above all else while something is disputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeNotice {
    /// The newest of them.
    pub top_up: TopUpId,
    /// Those that a bank has yet to decide, and what it holds back until then.
    pub awaited: DisputeSum,
    /// Those that were decided for the card's owner, and what of it credit bears.
    pub lost: DisputeSum,
    pub opened_at: Timestamp,
    /// Nothing is charged by itself until the operator has looked at it.
    pub recharge_frozen: bool,
}

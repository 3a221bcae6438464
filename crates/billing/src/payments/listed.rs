//! What the gateway has, as its lists tell it: for comparing, never for acting.
//!
//! Owns neutral words for what is listed. Nothing here is checked against what we asked for: an
//! amount may be any, in any currency, for anybody. What acts on an answer asks for an `Outcome`.

use types::dispute::DisputeStage;
use types::ids::{RefundId, TopUpId};

use super::gateway::GatewayIntent;

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// What the next page begins after; `None` on the last one.
    pub next: Option<String>,
}

/// Money as a gateway writes it: the smallest unit of any currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    pub cents: i64,
    /// In small letters, such as `usd`.
    pub currency: String,
}

/// What a payment came to at the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Paid,
    /// It may still be paid without us: it is being decided, or waits for its person.
    Open,
    /// Nothing was taken, and nothing will be unless we ask again.
    Unpaid,
}

/// One attempt to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPayment {
    pub intent: GatewayIntent,
    pub standing: Standing,
    /// The gateway's own word, for people.
    pub status: String,
    /// What was taken of a paid one, what was asked for of any other.
    pub sum: Sum,
    /// What of it went back to the card.
    pub refunded_cents: i64,
    /// What the gateway kept, where it says so.
    pub fee: Option<Sum>,
    pub customer: Option<String>,
    /// Our mark, where it carries one.
    pub top_up: Option<TopUpId>,
}

/// Money on its way back to a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRefund {
    pub refund: String,
    /// `Paid` when it was sent, `Unpaid` when it failed.
    pub standing: Standing,
    pub status: String,
    pub sum: Sum,
    pub intent: Option<GatewayIntent>,
    /// Our mark, where it carries one.
    pub ours: Option<RefundId>,
}

/// What a card's owner complains about at the bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDispute {
    pub dispute: String,
    /// `None` for a status that is new.
    pub stage: Option<DisputeStage>,
    pub status: String,
    /// What is complained about.
    pub sum: Sum,
    /// What was taken from us by now, less what was given back.
    pub withdrawn_cents: i64,
    pub intent: Option<GatewayIntent>,
}

/// What a customer can be charged with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedMethod {
    pub method: String,
    /// Month and year of a card; what is no card has none.
    pub expiry: Option<(u8, u16)>,
}

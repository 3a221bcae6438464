//! What the gateway has, as its lists tell it: for comparing, never for acting.
//!
//! Owns neutral words for what is listed. Nothing here is checked against what we asked for: an
//! amount may be any, in any currency, for anybody. What acts on an answer asks for an `Outcome`.

use types::ids::{RefundId, TopUpId};

use super::gateway::GatewayIntent;

/// One page of a list.
#[derive(Debug, Clone)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    /// What the next page begins after; `None` on the last one.
    pub(crate) next: Option<String>,
}

/// Money as a gateway writes it: the smallest unit of any currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) cents: i64,
    /// In small letters, such as `usd`.
    pub(crate) currency: String,
}

/// What a payment came to at the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Paid,
    /// It may still be paid without us: it is being decided, or waits for its person.
    Open,
    /// Nothing was taken, and nothing will be unless we ask again.
    Unpaid,
}

/// One attempt to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedPayment {
    pub(crate) intent: GatewayIntent,
    pub(crate) standing: Standing,
    /// The gateway's own word, for people.
    pub(crate) status: String,
    /// What was taken of a paid one, what was asked for of any other.
    pub(crate) sum: Sum,
    /// What of it went back to the card.
    pub(crate) refunded_cents: i64,
    /// What the gateway kept, where it says so.
    pub(crate) fee: Option<Sum>,
    pub(crate) customer: Option<String>,
    /// Our mark, where it carries one.
    pub(crate) top_up: Option<TopUpId>,
}

/// Money on its way back to a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedRefund {
    pub(crate) refund: String,
    /// `Paid` when it was sent, `Unpaid` when it failed.
    pub(crate) standing: Standing,
    pub(crate) status: String,
    pub(crate) sum: Sum,
    pub(crate) intent: Option<GatewayIntent>,
    /// Our mark, where it carries one.
    pub(crate) ours: Option<RefundId>,
}

/// What a card's owner complains about at the bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedDispute {
    pub(crate) dispute: String,
    pub(crate) status: String,
    /// What is complained about.
    pub(crate) sum: Sum,
    /// What was taken from us by now, less what was given back.
    pub(crate) withdrawn_cents: i64,
    pub(crate) intent: Option<GatewayIntent>,
}

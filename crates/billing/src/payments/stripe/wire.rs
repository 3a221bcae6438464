//! Stripe's objects as they cross the wire: only the fields we read, every one of them optional.
//!
//! Owns reading JSON without failing on what is new or missing. Does not own what it means: a status
//! stays the word that it is (`map`, `refunds`, `disputes`, `lists`).

use std::collections::BTreeMap;

use serde::Deserialize;

/// An id where the object was not expanded, the object where it was.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    Id(String),
    Object(Box<T>),
}

impl<T> Expandable<T> {
    pub(super) fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

impl Expandable<Intent> {
    /// The intent's id, in either form.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id),
            Self::Object(intent) => intent.id.as_deref(),
        }
    }
}

impl Expandable<Customer> {
    /// The customer's id, in either form.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id),
            Self::Object(customer) => customer.id.as_deref(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Intent {
    pub(super) id: Option<String>,
    pub(super) amount: Option<i64>,
    pub(super) amount_received: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) status: Option<String>,
    pub(super) customer: Option<Expandable<Customer>>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) next_action: Option<NextAction>,
    pub(super) last_payment_error: Option<Fault>,
    pub(super) latest_charge: Option<Expandable<Charge>>,
    pub(super) payment_method: Option<Expandable<PaymentMethod>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NextAction {
    pub(super) redirect_to_url: Option<RedirectToUrl>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RedirectToUrl {
    pub(super) url: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Charge {
    pub(super) amount_refunded: Option<i64>,
    pub(super) balance_transaction: Option<Expandable<BalanceTransaction>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct BalanceTransaction {
    /// Below zero where money leaves.
    pub(super) amount: Option<i64>,
    pub(super) fee: Option<i64>,
    pub(super) currency: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refund {
    pub(super) id: Option<String>,
    pub(super) amount: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) status: Option<String>,
    pub(super) failure_reason: Option<String>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) payment_intent: Option<Expandable<Intent>>,
    pub(super) balance_transaction: Option<Expandable<BalanceTransaction>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Dispute {
    pub(super) id: Option<String>,
    pub(super) amount: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) created: Option<i64>,
    pub(super) status: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) payment_intent: Option<Expandable<Intent>>,
    pub(super) balance_transactions: Option<Vec<BalanceTransaction>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct PaymentMethod {
    pub(super) id: Option<String>,
    pub(super) card: Option<Card>,
    pub(super) customer: Option<Expandable<Customer>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Card {
    pub(super) brand: Option<String>,
    pub(super) last4: Option<String>,
    pub(super) exp_month: Option<u8>,
    pub(super) exp_year: Option<u16>,
    pub(super) country: Option<String>,
    pub(super) fingerprint: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Customer {
    pub(super) id: Option<String>,
}

/// One page of a list, newest first.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// What is under `error` in a refusal; the same shape as an intent's `last_payment_error`.
/// Its `message` is not read: it may repeat what was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    #[serde(rename = "type")]
    pub(super) kind: Option<FaultKind>,
    pub(super) code: Option<String>,
    pub(super) decline_code: Option<String>,
    /// The name of the parameter at fault, never its value.
    pub(super) param: Option<String>,
    pub(super) payment_intent: Option<Box<Intent>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    CardError,
    InvalidRequestError,
    IdempotencyError,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FaultBody {
    pub(super) error: Fault,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_or_missing_or_null_is_read_all_the_same() {
        let text = r#"{"id":"pi_1","status":"awaiting_the_moon","charm":{"a":[1]},"metadata":null,
            "next_action":null,"latest_charge":"ch_1","payment_method":{"id":"pm_1","card":null}}"#;
        let intent: Intent = serde_json::from_str(text).unwrap();
        assert_eq!(intent.status.as_deref(), Some("awaiting_the_moon"));
        assert!(intent.latest_charge.unwrap().object().is_none());
        assert_eq!(
            intent
                .payment_method
                .unwrap()
                .object()
                .unwrap()
                .id
                .as_deref(),
            Some("pm_1")
        );
        let fault: FaultBody = serde_json::from_str(r#"{"error":{"type":"new_kind"}}"#).unwrap();
        assert_eq!(fault.error.kind, Some(FaultKind::Other));
    }
}

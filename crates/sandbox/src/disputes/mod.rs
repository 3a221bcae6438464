//! Owns disputes and inquiries: what a card's owner says to the bank after the fact. `course` is
//! what happens, `calls` what the merchant does about it. Does not own the charge.
//!
//! A dispute withdraws its amount and a fee when it opens; won, the amount comes back; lost, it
//! stays away; one that nobody answers in time is lost. An inquiry withdraws nothing until it is
//! escalated.

pub(crate) mod calls;
pub(crate) mod course;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::balance_transactions::BalanceTransaction;
use crate::charges::Charge;
use crate::ids::new_id;
use crate::store::{Object, Owners, View};

const RESPONSE_SECONDS: i64 = 7 * 24 * 60 * 60;

/// The evidence fields of the API that are texts; files are not taken.
const EVIDENCE: [&str; 18] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Dispute {
    id: String,
    created: i64,
    amount: i64,
    currency: String,
    charge: String,
    payment_intent: String,
    brand: String,
    reason: DisputeReason,
    status: DisputeStatus,
    /// Until then evidence is to be handed in; a store of an earlier version does not say.
    #[serde(default)]
    due_by: Option<i64>,
    evidence: BTreeMap<String, String>,
    submissions: i64,
    balance_transactions: Vec<BalanceTransaction>,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DisputeReason {
    Fraudulent,
    ProductNotReceived,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DisputeStatus {
    WarningNeedsResponse,
    WarningUnderReview,
    WarningClosed,
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
}

/// How the bank decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ruling {
    Won,
    Lost,
    Escalated,
}

impl Object for Dispute {
    const KIND: &'static str = "dispute";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owners(&self) -> Owners<'_> {
        Owners {
            customer: None,
            payment_intent: Some(&self.payment_intent),
            charge: Some(&self.charge),
        }
    }

    fn render(&self, view: &View<'_>) -> Value {
        let movements: Vec<Value> = self
            .balance_transactions
            .iter()
            .map(|movement| movement.render(view))
            .collect();
        json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transaction": self.balance_transactions.first().map(|first| first.id()),
            "balance_transactions": movements,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": self.render_evidence(),
            "evidence_details": {
                "due_by": self.due_by(),
                "enhanced_eligibility": {},
                "has_evidence": !self.evidence.is_empty(),
                "past_due": view.now > self.due_by(),
                "submission_count": self.submissions,
            },
            "is_charge_refundable": self.is_inquiry(),
            "livemode": false,
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "payment_method_details": {
                "card": {
                    "brand": self.brand,
                    "case_type": if self.is_inquiry() { "inquiry" } else { "chargeback" },
                    "network_reason_code": self.reason.network_code(),
                },
                "type": "card",
            },
            "reason": self.reason,
            "status": self.status,
        })
    }
}

impl DisputeReason {
    /// Visa's number for it.
    fn network_code(self) -> &'static str {
        match self {
            Self::Fraudulent => "10.4",
            Self::ProductNotReceived => "13.1",
        }
    }
}

impl Dispute {
    fn is_inquiry(&self) -> bool {
        use DisputeStatus::{WarningClosed, WarningNeedsResponse, WarningUnderReview};
        matches!(
            self.status,
            WarningNeedsResponse | WarningUnderReview | WarningClosed
        )
    }

    fn due_by(&self) -> i64 {
        self.due_by.unwrap_or(self.created + RESPONSE_SECONDS)
    }

    /// Whether it is decided: nothing changes it any more.
    fn is_over(&self) -> bool {
        use DisputeStatus::{NeedsResponse, UnderReview, WarningNeedsResponse, WarningUnderReview};
        match self.status {
            NeedsResponse | UnderReview | WarningNeedsResponse | WarningUnderReview => false,
            DisputeStatus::Won | DisputeStatus::Lost | DisputeStatus::WarningClosed => true,
        }
    }

    fn render_evidence(&self) -> Value {
        let text = |name: &&str| ((*name).to_owned(), json!(self.evidence.get(*name)));
        Value::Object(EVIDENCE.iter().map(text).collect::<Map<_, _>>())
    }

    fn new(charge: &Charge, amount: i64, reason: DisputeReason, now: i64) -> Self {
        Self {
            id: new_id("du"),
            created: now,
            amount,
            currency: charge.currency.clone(),
            charge: charge.id.clone(),
            payment_intent: charge.payment_intent.clone(),
            brand: charge.card.brand.name().to_owned(),
            reason,
            status: DisputeStatus::NeedsResponse,
            due_by: Some(now + RESPONSE_SECONDS),
            evidence: BTreeMap::new(),
            submissions: 0,
            balance_transactions: Vec::new(),
            metadata: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dispute_of_an_earlier_version_is_read_and_due_a_week_after_it_was_opened() {
        let earlier = json!({
            "id": "du_1", "created": 1_000, "amount": 2_500, "currency": "usd",
            "charge": "ch_1", "payment_intent": "pi_1", "brand": "visa",
            "reason": "fraudulent", "status": "needs_response", "evidence": {},
            "submissions": 0, "balance_transactions": [], "metadata": {},
        });
        let dispute: Dispute = serde_json::from_value(earlier).unwrap();
        assert_eq!(dispute.due_by(), 1_000 + RESPONSE_SECONDS);
    }
}

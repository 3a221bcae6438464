//! Owns charges: one attempt at a card, made by a payment intent. Does not own the decision
//! (`behaviour`), the intent's state (`payment_intents`) or giving money back (`refunds`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::behaviour::{Aftermath, SecurityCode};
use crate::call::Call;
use crate::cards::Card;
use crate::declines::Decline;
use crate::errors::ApiError;
use crate::form::Form;
use crate::lists::{self, PAGE_PARAMETERS};
use crate::payment_methods::billing_details::BillingDetails;
use crate::store::{Object, Owners, Selection, View};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) amount_refunded: i64,
    pub(crate) currency: String,
    pub(crate) customer: Option<String>,
    pub(crate) payment_intent: String,
    pub(crate) payment_method: String,
    /// The card as it was then.
    pub(crate) card: Card,
    pub(crate) three_d_secure: ThreeDSecure,
    pub(crate) billing_details: BillingDetails,
    pub(crate) description: Option<String>,
    pub(crate) receipt_email: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) status: ChargeStatus,
    pub(crate) dispute: DisputeMark,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub(crate) enum ChargeStatus {
    Pending,
    Succeeded { balance_transaction: String },
    Failed { decline: Decline },
}

/// How the owner was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ThreeDSecure {
    NotAsked,
    Challenged,
    Frictionless,
}

/// Whether the owner has turned to the bank about it. An inquiry withdraws nothing and does not
/// count as disputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DisputeMark {
    None,
    Disputed,
}

impl Object for Charge {
    const KIND: &'static str = "charge";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owners(&self) -> Owners<'_> {
        Owners {
            customer: self.customer.as_deref(),
            payment_intent: Some(&self.payment_intent),
            charge: None,
        }
    }

    fn render(&self, _view: &View<'_>) -> Value {
        let (status, balance_transaction, decline) = match &self.status {
            ChargeStatus::Pending => ("pending", None, None),
            ChargeStatus::Succeeded {
                balance_transaction,
            } => ("succeeded", Some(balance_transaction), None),
            ChargeStatus::Failed { decline } => ("failed", None, Some(*decline)),
        };
        let succeeded = balance_transaction.is_some();
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if succeeded { self.amount } else { 0 },
            "amount_refunded": self.amount_refunded,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": balance_transaction,
            "billing_details": self.billing_details.render(),
            "calculated_statement_descriptor": "SANDBOX",
            "captured": succeeded,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "disputed": self.dispute == DisputeMark::Disputed,
            "failure_balance_transaction": null,
            "failure_code": decline.map(Decline::code),
            "failure_message": decline.map(Decline::message),
            "fraud_details": {},
            "livemode": false,
            "metadata": self.metadata,
            "on_behalf_of": null,
            "outcome": self.render_outcome(decline),
            "paid": succeeded,
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method,
            "payment_method_details": self.render_details(decline),
            "receipt_email": self.receipt_email,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": succeeded && self.amount_refunded == self.amount,
            "review": null,
            "shipping": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": status,
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

impl Charge {
    fn render_outcome(&self, decline: Option<Decline>) -> Value {
        let (network_status, kind, risk_level, risk_score) = match (&self.status, decline) {
            (ChargeStatus::Pending, _) => return Value::Null,
            (_, None) if self.looks_risky() => {
                ("approved_by_network", "authorized", "elevated", 68)
            }
            (_, None) => ("approved_by_network", "authorized", "normal", 12),
            (_, Some(Decline::Fraudulent)) => ("not_sent_to_network", "blocked", "highest", 92),
            (_, Some(_)) => ("declined_by_network", "issuer_declined", "normal", 12),
        };
        let (reason, seller_message) = match decline {
            None => (None, "Payment complete."),
            Some(Decline::Fraudulent) => (
                Some("highest_risk_level"),
                "The sandbox blocked this payment as too risky.",
            ),
            Some(decline) => (
                decline.decline_code(),
                "The bank did not return any further details with this decline.",
            ),
        };
        json!({
            "network_status": network_status,
            "reason": reason,
            "risk_level": risk_level,
            "risk_score": risk_score,
            "seller_message": seller_message,
            "type": kind,
        })
    }

    fn looks_risky(&self) -> bool {
        self.card.behaviour.aftermath() == Some(Aftermath::EarlyFraudWarning)
    }

    fn render_details(&self, decline: Option<Decline>) -> Value {
        let brand = self.card.brand.name();
        let cvc_check = match (self.card.security_code, decline) {
            (SecurityCode::Absent, _) => Value::Null,
            (SecurityCode::Given, Some(Decline::IncorrectCvc)) => json!("fail"),
            (SecurityCode::Given, _) => json!("pass"),
        };
        json!({
            "card": {
                "amount_authorized": if decline.is_none() { json!(self.amount) } else { Value::Null },
                "authorization_code": null,
                "brand": brand,
                "checks": {
                    "address_line1_check": null,
                    "address_postal_code_check": null,
                    "cvc_check": cvc_check,
                },
                "country": "US",
                "exp_month": self.card.exp_month,
                "exp_year": self.card.exp_year,
                "fingerprint": self.card.fingerprint,
                "funding": self.card.funding,
                "installments": null,
                "last4": self.card.last4,
                "mandate": null,
                "network": brand,
                "network_token": { "used": false },
                "three_d_secure": self.render_three_d_secure(),
                "wallet": null,
            },
            "type": "card",
        })
    }

    fn render_three_d_secure(&self) -> Value {
        let flow = match self.three_d_secure {
            ThreeDSecure::NotAsked => return Value::Null,
            ThreeDSecure::Challenged => "challenge",
            ThreeDSecure::Frictionless => "frictionless",
        };
        json!({
            "authentication_flow": flow,
            "result": "authenticated",
            "result_reason": null,
            "version": "2.2.0",
        })
    }

    /// What may still be given back.
    pub(crate) fn unrefunded(&self) -> i64 {
        match self.status {
            ChargeStatus::Succeeded { .. } => self.amount - self.amount_refunded,
            ChargeStatus::Pending | ChargeStatus::Failed { .. } => 0,
        }
    }
}

pub(crate) async fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let charge: Charge = call.get(id).await?;
    Ok(call.render(&charge))
}

pub(crate) async fn list(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[PAGE_PARAMETERS.as_slice(), &["customer", "payment_intent"]].concat())?;
    let owners = Selection {
        customer: form.owned("customer"),
        payment_intent: form.owned("payment_intent"),
        ..Selection::default()
    };
    lists::page::<Charge>(call, form, "/v1/charges", owners).await
}

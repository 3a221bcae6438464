//! Owns payment methods: cards as tokens, attached to one customer or to none. `calls` has the API,
//! `holding` attaching and using up, `billing_details` the owner's particulars. Does not own the
//! list of cards (`cards`) or charging them (`payment_intents`).

pub(crate) mod billing_details;
pub(crate) mod calls;
pub(crate) mod holding;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::behaviour::SecurityCode;
use crate::cards::Card;
use crate::errors::ApiError;
use crate::form::Form;
use crate::ids::new_id;
use crate::store::{Object, Owners, View};
use billing_details::BillingDetails;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PaymentMethod {
    pub(crate) id: String,
    created: i64,
    pub(crate) holder: Holder,
    pub(crate) card: Card,
    pub(crate) billing_details: BillingDetails,
    metadata: BTreeMap<String, String>,
}

/// Whose it is; a card that was used or detached without a customer cannot be used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Holder {
    Nobody,
    Customer(String),
    SpentByNobody,
}

/// What the owner agreed to when the card was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FutureUsage {
    OnSession,
    OffSession,
}

impl Object for PaymentMethod {
    /// Stripe's word in "No such PaymentMethod".
    const KIND: &'static str = "PaymentMethod";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owners(&self) -> Owners<'_> {
        Owners {
            customer: self.customer(),
            ..Owners::default()
        }
    }

    fn render(&self, _view: &View<'_>) -> Value {
        json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": self.billing_details.render(),
            "card": self.render_card(),
            "created": self.created,
            "customer": self.customer(),
            "livemode": false,
            "metadata": self.metadata,
            "type": "card",
        })
    }
}

impl PaymentMethod {
    pub(crate) fn new(card: Card, billing_details: BillingDetails, now: i64) -> Self {
        Self {
            id: new_id("pm"),
            created: now,
            holder: Holder::Nobody,
            card,
            billing_details,
            metadata: BTreeMap::new(),
        }
    }

    pub(crate) fn customer(&self) -> Option<&str> {
        match &self.holder {
            Holder::Customer(id) => Some(id),
            Holder::Nobody | Holder::SpentByNobody => None,
        }
    }

    fn render_card(&self) -> Value {
        let brand = self.card.brand.name();
        json!({
            "brand": brand,
            "checks": self.render_checks(),
            "country": "US",
            "display_brand": brand,
            "exp_month": self.card.exp_month,
            "exp_year": self.card.exp_year,
            "fingerprint": self.card.fingerprint,
            "funding": self.card.funding,
            "generated_from": null,
            "last4": self.card.last4,
            "networks": { "available": [brand], "preferred": null },
            "regulated_status": "unregulated",
            "three_d_secure_usage": { "supported": true },
            "wallet": null,
        })
    }

    /// The security code is checked when the card is attached or charged, so until then there is
    /// only whether one was given.
    fn render_checks(&self) -> Value {
        let cvc_check = match (self.card.security_code, &self.holder) {
            (SecurityCode::Absent, _) => Value::Null,
            (SecurityCode::Given, Holder::Nobody) => json!("unchecked"),
            (SecurityCode::Given, Holder::Customer(_) | Holder::SpentByNobody) => json!("pass"),
        };
        json!({
            "address_line1_check": null,
            "address_postal_code_check": null,
            "cvc_check": cvc_check,
        })
    }
}

impl FutureUsage {
    pub(crate) fn read(form: &Form, param: &str) -> Result<Option<Self>, ApiError> {
        match form.text(param) {
            None => Ok(None),
            Some("on_session") => Ok(Some(Self::OnSession)),
            Some("off_session") => Ok(Some(Self::OffSession)),
            Some(_) => {
                let message = "Must be one of on_session or off_session.";
                Err(ApiError::parameter(param, "", message))
            }
        }
    }
}

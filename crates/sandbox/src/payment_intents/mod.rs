//! Owns payment intents: the state of one payment, from creation to its end. `calls` does what is
//! asked, `attempt` tries the card and writes the consequences down. Does not own how a card
//! decides (`behaviour`) or the bank's page (`three_d_secure`).
//!
//! States: requires_payment_method → requires_confirmation → [requires_action] → [processing] →
//! succeeded; a decline leads back to requires_payment_method; canceled ends it.

pub(crate) mod attempt;
pub(crate) mod calls;
pub(crate) mod parameters;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::behaviour::Authentication;
use crate::payment_methods::FutureUsage;
use crate::store::{Object, Owners, View};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PaymentIntent {
    pub(crate) id: String,
    created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) customer: Option<String>,
    pub(crate) payment_method: Option<String>,
    description: Option<String>,
    receipt_email: Option<String>,
    metadata: BTreeMap<String, String>,
    pub(crate) client_secret: String,
    setup_future_usage: Option<FutureUsage>,
    accepted: AcceptedMethods,
    request_three_d_secure: RequestThreeDSecure,
    pub(crate) status: IntentStatus,
    /// The last refusal, as the API words it.
    last_payment_error: Option<Value>,
    latest_charge: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub(crate) enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction { return_url: Option<String> },
    Processing,
    Succeeded,
    Canceled { at: i64, reason: Option<String> },
}

impl IntentStatus {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction { .. } => "requires_action",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Canceled { .. } => "canceled",
        }
    }
}

/// Which methods the intent takes: the merchant's list, or whatever the account has (which may
/// redirect, so a return address is needed unless redirects are excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AcceptedMethods {
    CardsOnly,
    CardsAndLink,
    Automatic,
    AutomaticWithoutRedirects,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RequestThreeDSecure {
    Automatic,
    Any,
    Challenge,
}

impl RequestThreeDSecure {
    fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Any => "any",
            Self::Challenge => "challenge",
        }
    }

    fn authentication(self) -> Authentication {
        match self {
            Self::Automatic => Authentication::Automatic,
            Self::Any | Self::Challenge => Authentication::Requested,
        }
    }
}

impl Object for PaymentIntent {
    const KIND: &'static str = "payment_intent";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owners(&self) -> Owners<'_> {
        Owners {
            customer: self.customer.as_deref(),
            ..Owners::default()
        }
    }

    fn render(&self, view: &View<'_>) -> Value {
        let succeeded = self.status == IntentStatus::Succeeded;
        let (mut canceled_at, mut cancellation_reason) = (None, None);
        if let IntentStatus::Canceled { at, reason } = &self.status {
            (canceled_at, cancellation_reason) = (Some(at), reason.as_ref());
        }
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_details": { "tip": {} },
            "amount_received": if succeeded { self.amount } else { 0 },
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": self.accepted.render(),
            "canceled_at": canceled_at,
            "cancellation_reason": cancellation_reason,
            "capture_method": "automatic",
            "client_secret": self.client_secret,
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "last_payment_error": self.last_payment_error,
            "latest_charge": self.latest_charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": self.render_next_action(view.public_url),
            "on_behalf_of": null,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": null,
            "payment_method_options": { "card": {
                "installments": null,
                "mandate_options": null,
                "network": null,
                "request_three_d_secure": self.request_three_d_secure.name(),
            } },
            "payment_method_types": self.accepted.kinds(),
            "processing": null,
            "receipt_email": self.receipt_email,
            "review": null,
            "setup_future_usage": self.setup_future_usage,
            "shipping": null,
            "source": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status.name(),
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

impl PaymentIntent {
    fn render_next_action(&self, public_url: &str) -> Value {
        let IntentStatus::RequiresAction { return_url } = &self.status else {
            return Value::Null;
        };
        next_action(
            public_url,
            &self.id,
            &self.client_secret,
            return_url.as_deref(),
        )
    }
}

/// Where the owner approves. With a return address it is a redirect; without, it is shown in a
/// frame. The page's address is in `use_stripe_sdk` either way.
pub(crate) fn next_action(
    public_url: &str,
    id: &str,
    client_secret: &str,
    return_url: Option<&str>,
) -> Value {
    let page = format!("{public_url}/3ds/{id}?client_secret={client_secret}");
    let in_frame = json!({ "type": "three_d_secure_redirect", "stripe_js": page });
    match return_url {
        Some(return_url) => json!({
            "type": "redirect_to_url",
            "redirect_to_url": { "url": page, "return_url": return_url },
            "use_stripe_sdk": in_frame,
        }),
        None => json!({ "type": "use_stripe_sdk", "use_stripe_sdk": in_frame }),
    }
}

impl AcceptedMethods {
    fn render(self) -> Value {
        match self {
            Self::CardsOnly | Self::CardsAndLink => Value::Null,
            Self::Automatic => json!({ "allow_redirects": "always", "enabled": true }),
            Self::AutomaticWithoutRedirects => {
                json!({ "allow_redirects": "never", "enabled": true })
            }
        }
    }

    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::CardsOnly | Self::Automatic | Self::AutomaticWithoutRedirects => &["card"],
            Self::CardsAndLink => &["card", "link"],
        }
    }
}

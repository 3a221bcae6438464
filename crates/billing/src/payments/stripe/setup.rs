//! Setting a card up for later charges, and what the gateway's own script needs in the browser.
//!
//! A setup tells the card's bank that it will be charged in its owner's absence, and lets the bank
//! ask the owner about it once. Does not own which cards are saved here.

use serde::Deserialize;

use super::client::{Answer, Form, Refusal, read};
use super::map;
use super::wire::{Customer, Expandable, Fault, NextAction, PaymentMethod};
use crate::payments::gateway::{
    Gateway, GatewayCustomer, GatewayError, GatewayIntent, GatewayMethod, GatewaySetup,
    SetupOutcome,
};

impl Gateway {
    /// Sets a card up for the customer. Repeated within 24 hours, it answers what the first one
    /// did: a browser makes a new token for each try.
    ///
    /// # Errors
    /// When nobody knows whether the card is kept.
    pub async fn set_up(
        &self,
        customer: &GatewayCustomer,
        method: &GatewayMethod,
        return_url: Option<&str>,
    ) -> Result<SetupOutcome, GatewayError> {
        let mut form = vec![
            ("expand[]", "payment_method".to_owned()),
            ("customer", customer.to_string()),
            ("payment_method", method.to_string()),
            ("payment_method_types[]", "card".to_owned()),
            ("usage", "off_session".to_owned()),
            ("confirm", "true".to_owned()),
        ];
        form.extend(return_url.map(|url| ("return_url", url.to_owned())));
        let key = format!("setup:{customer}:{method}");
        match self.client.post(&["setup_intents"], &form, &key).await? {
            Answer::Object(body) => outcome(&read(&body)?),
            Answer::Refusal(refusal) => Ok(refused(&refusal)),
        }
    }

    /// How a setup of this customer's stands. `None` when the customer has no such setup.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn find_setup(
        &self,
        customer: &GatewayCustomer,
        setup: &GatewaySetup,
    ) -> Result<Option<SetupOutcome>, GatewayError> {
        let form: Form = vec![("expand[]", "payment_method".to_owned())];
        match self
            .client
            .get(&["setup_intents", setup.as_str()], &form)
            .await?
        {
            Answer::Object(body) => {
                let setup: Setup = read(&body)?;
                let is_theirs = setup.owner() == Some(customer.as_str());
                is_theirs.then(|| outcome(&setup)).transpose()
            }
            Answer::Refusal(refusal) if refusal.is_missing => Ok(None),
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }

    /// What the gateway's script needs to ask about a payment in the browser. It is asked for when
    /// it is needed and kept nowhere.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn client_secret(
        &self,
        intent: &GatewayIntent,
    ) -> Result<Option<String>, GatewayError> {
        let path = ["payment_intents", intent.as_str()];
        match self.client.get(&path, &Form::new()).await? {
            Answer::Object(body) => Ok(read::<Secret>(&body)?.client_secret),
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }
}

/// No `Debug`: the secret is for the browser of the person alone.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Secret {
    client_secret: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Setup {
    id: Option<String>,
    status: Option<SetupStatus>,
    customer: Option<Expandable<Customer>>,
    payment_method: Option<Expandable<PaymentMethod>>,
    next_action: Option<NextAction>,
    last_setup_error: Option<Fault>,
    client_secret: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SetupStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    Canceled,
    Succeeded,
    #[serde(other)]
    Other,
}

impl Setup {
    fn owner(&self) -> Option<&str> {
        self.customer.as_ref()?.id()
    }
}

fn outcome(setup: &Setup) -> Result<SetupOutcome, GatewayError> {
    match setup.status {
        Some(SetupStatus::Succeeded) => {
            let method = setup.payment_method.as_ref().and_then(Expandable::object);
            let method = method.ok_or(GatewayError::Unreadable)?;
            Ok(match map::charged_method(method)? {
                Some(method) if method.attached => SetupOutcome::SetUp(method),
                // It was forgotten again in the meantime.
                Some(_) => refused_as("not_attached"),
                None => refused_as("not_a_card"),
            })
        }
        Some(SetupStatus::RequiresAction | SetupStatus::Processing) => {
            let id = setup.id.as_deref().and_then(|id| id.parse().ok());
            Ok(SetupOutcome::RequiresAction {
                setup: id.ok_or(GatewayError::Unreadable)?,
                url: map::bank_page_of(setup.next_action.as_ref()),
                client_secret: setup.client_secret.clone(),
            })
        }
        Some(SetupStatus::RequiresPaymentMethod) => Ok(match &setup.last_setup_error {
            Some(fault) => SetupOutcome::Declined {
                reason: map::decline_reason(fault),
            },
            None => refused_as("no_payment_method"),
        }),
        Some(SetupStatus::Canceled) => Ok(refused_as("canceled")),
        Some(SetupStatus::RequiresConfirmation | SetupStatus::Other) | None => {
            Err(GatewayError::Unreadable)
        }
    }
}

fn refused(refusal: &Refusal) -> SetupOutcome {
    if refusal.is_about_the_card() {
        SetupOutcome::Declined {
            reason: map::decline_reason(&refusal.fault),
        }
    } else {
        SetupOutcome::Refused {
            code: refusal.code(),
        }
    }
}

fn refused_as(code: &str) -> SetupOutcome {
    SetupOutcome::Refused {
        code: code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use types::payment::DeclineReason;

    use super::*;

    fn read_setup(text: &str) -> Result<SetupOutcome, GatewayError> {
        outcome(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn each_state_of_a_setup_is_understood_and_none_is_guessed() {
        let asked = r#"{"id":"seti_1","status":"requires_action","client_secret":"seti_1_secret_x",
            "next_action":{"redirect_to_url":{"url":"https://hooks.stripe.com/x"}}}"#;
        assert_eq!(
            read_setup(asked),
            Ok(SetupOutcome::RequiresAction {
                setup: "seti_1".parse().unwrap(),
                url: Some("https://hooks.stripe.com/x".to_owned()),
                client_secret: Some("seti_1_secret_x".to_owned()),
            })
        );
        let declined = r#"{"id":"seti_1","status":"requires_payment_method","last_setup_error":
            {"type":"card_error","code":"setup_intent_authentication_failure"}}"#;
        assert_eq!(
            read_setup(declined),
            Ok(SetupOutcome::Declined {
                reason: DeclineReason::AuthenticationFailed
            })
        );
        let kept = |customer: &str| {
            format!(
                r#"{{"id":"seti_1","status":"succeeded","payment_method":{{"id":"pm_1",
                "customer":{customer},"card":{{"brand":"visa","last4":"4242","exp_month":4,
                "exp_year":2031}}}}}}"#
            )
        };
        let set_up = read_setup(&kept(r#""cus_1""#));
        assert!(matches!(set_up, Ok(SetupOutcome::SetUp(_))), "{set_up:?}");
        assert_eq!(read_setup(&kept("null")), Ok(refused_as("not_attached")));
        for unreadable in [
            r#"{"id":"seti_1","status":"on_the_moon"}"#,
            r#"{"id":"seti_1","status":"succeeded","payment_method":"pm_1"}"#,
            r#"{"status":"requires_action"}"#,
            "{}",
        ] {
            assert_eq!(read_setup(unreadable), Err(GatewayError::Unreadable));
        }
    }
}

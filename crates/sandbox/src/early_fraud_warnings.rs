//! Owns early fraud warnings: the issuer reports fraud before the card's owner complains. Nothing
//! is withdrawn. Does not own disputes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::charges::Charge;
use crate::errors::ApiError;
use crate::form::Form;
use crate::ids::new_id;
use crate::lists::{self, PAGE_PARAMETERS};
use crate::store::{Object, Owners, Selection, View};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EarlyFraudWarning {
    id: String,
    created: i64,
    charge: String,
    payment_intent: String,
}

impl Object for EarlyFraudWarning {
    const KIND: &'static str = "radar.early_fraud_warning";

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

    fn render(&self, _view: &View<'_>) -> Value {
        json!({
            "id": self.id,
            "object": "radar.early_fraud_warning",
            "actionable": true,
            "charge": self.charge,
            "created": self.created,
            "fraud_type": "unauthorized_use_of_card",
            "livemode": false,
            "payment_intent": self.payment_intent,
        })
    }
}

pub(crate) async fn warn(call: &mut Call<'_>, charge: &str) -> Result<(), ApiError> {
    let charge: Charge = call.get(charge).await?;
    let warning = EarlyFraudWarning {
        id: new_id("issfr"),
        created: call.now,
        charge: charge.id,
        payment_intent: charge.payment_intent,
    };
    call.insert(&warning).await?;
    call.emit("radar.early_fraud_warning.created", &warning)
        .await
}

pub(crate) async fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let warning: EarlyFraudWarning = call.get(id).await?;
    Ok(call.render(&warning))
}

pub(crate) async fn list(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[PAGE_PARAMETERS.as_slice(), &["charge", "payment_intent"]].concat())?;
    let owners = Selection {
        charge: form.owned("charge"),
        payment_intent: form.owned("payment_intent"),
        ..Selection::default()
    };
    let url = "/v1/radar/early_fraud_warnings";
    lists::page::<EarlyFraudWarning>(call, form, url, owners).await
}

//! Owns refunds: giving back all or part of a charge, at once, later, or not after all. Does not
//! own the charge's other sides (`charges`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::balance_transactions::{self, Movement};
use crate::behaviour::{Aftermath, Fate};
use crate::call::Call;
use crate::charges::{Charge, ChargeStatus, DisputeMark};
use crate::errors::ApiError;
use crate::form::Form;
use crate::ids::new_id;
use crate::lists::{self, PAGE_PARAMETERS};
use crate::outcomes::Outcome;
use crate::store::{self, Object, Owners, Selection, View};

/// How long a slow refund takes, and how long it takes until one fails.
const LATER_SECONDS: i64 = 10;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refund {
    id: String,
    created: i64,
    amount: i64,
    currency: String,
    charge: String,
    payment_intent: String,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
    balance_transaction: String,
    status: RefundStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
enum RefundStatus {
    Pending,
    Succeeded,
    Failed { balance_transaction: String },
}

impl Object for Refund {
    const KIND: &'static str = "refund";

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
        let mut refund = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": self.balance_transaction,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "destination_details": { "card": { "type": "refund" }, "type": "card" },
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "receipt_number": null,
            "source_transfer_reversal": null,
            "status": match self.status {
                RefundStatus::Pending => "pending",
                RefundStatus::Succeeded => "succeeded",
                RefundStatus::Failed { .. } => "failed",
            },
            "transfer_reversal": null,
        });
        if let RefundStatus::Failed {
            balance_transaction,
        } = &self.status
        {
            refund["failure_balance_transaction"] = json!(balance_transaction);
            refund["failure_reason"] = json!("expired_or_canceled_card");
        }
        refund
    }
}

pub(crate) async fn create(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    const REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];
    form.expect_only(&["amount", "charge", "metadata", "payment_intent", "reason"])?;
    let reason = form.owned("reason");
    if reason
        .as_ref()
        .is_some_and(|reason| !REASONS.contains(&reason.as_str()))
    {
        return Err(ApiError::parameter("reason", "", "Invalid reason."));
    }
    let metadata = form.metadata()?;
    let mut charge = charge_to_refund(call, form).await?;
    let amount = form
        .integer("amount")?
        .unwrap_or_else(|| charge.unrefunded());
    check_amount(&charge, amount)?;
    let id = new_id("re");
    let description = Some("REFUND FOR CHARGE".to_owned());
    let currency = charge.currency.clone();
    let booked =
        balance_transactions::book(call, Movement::Refund, -amount, &currency, &id, description)
            .await?;
    let later = match charge.card.behaviour.aftermath() {
        Some(Aftermath::RefundSettlesLater) => Some(Fate::Succeeds),
        Some(Aftermath::RefundFailsLater) => Some(Fate::Fails),
        Some(
            Aftermath::DisputedAsFraudulent
            | Aftermath::DisputedAsNotReceived
            | Aftermath::DisputedRepeatedly
            | Aftermath::Inquiry
            | Aftermath::EarlyFraudWarning
            | Aftermath::AvailableAtOnce,
        )
        | None => None,
    };
    let refund = Refund {
        id,
        created: call.now,
        amount,
        currency,
        charge: charge.id.clone(),
        payment_intent: charge.payment_intent.clone(),
        reason,
        metadata,
        balance_transaction: booked.into_id(),
        status: match later {
            Some(Fate::Succeeds) => RefundStatus::Pending,
            Some(Fate::Fails) | None => RefundStatus::Succeeded,
        },
    };
    call.insert(&refund).await?;
    charge.amount_refunded += amount;
    call.update(&charge).await?;
    call.emit("refund.created", &refund).await?;
    call.emit("charge.refunded", &charge).await?;
    if let Some(fate) = later {
        let outcome = Outcome::Refund {
            refund: refund.id.clone(),
            fate,
        };
        call.schedule(LATER_SECONDS, outcome).await?;
    }
    Ok(call.render(&refund))
}

/// The charge that the form names, itself or by its payment intent.
async fn charge_to_refund(call: &mut Call<'_>, form: &Form) -> Result<Charge, ApiError> {
    if let Some(id) = form.text("charge") {
        return call.get_param(id, "charge").await;
    }
    let Some(intent) = form.text("payment_intent") else {
        let message = "One of the following params should be provided for this request: \
                       payment_intent or charge.";
        return Err(ApiError::parameter("charge", "parameter_missing", message));
    };
    /// An intent has few attempts, and the successful one is the last.
    const ATTEMPTS: i64 = 100;
    let payment_intent = Some(intent.to_owned());
    let selection = Selection {
        payment_intent,
        limit: ATTEMPTS,
        ..Selection::default()
    };
    let charges: Vec<Charge> = store::list(call.db, &selection).await?;
    let succeeded = charges
        .into_iter()
        .find(|charge| matches!(charge.status, ChargeStatus::Succeeded { .. }));
    succeeded.ok_or_else(|| {
        let message = "This PaymentIntent does not have a successful charge to refund.";
        ApiError::refused("resource_missing", message).with_param("payment_intent")
    })
}

fn check_amount(charge: &Charge, amount: i64) -> Result<(), ApiError> {
    if !matches!(charge.status, ChargeStatus::Succeeded { .. }) {
        let message = format!(
            "Charge {} has not succeeded and cannot be refunded.",
            charge.id
        );
        return Err(ApiError::refused("charge_not_refundable", message));
    }
    if charge.dispute == DisputeMark::Disputed {
        let message = format!(
            "Charge {} has been charged back; cannot issue a refund.",
            charge.id
        );
        return Err(ApiError::refused("charge_disputed", message));
    }
    let left = charge.unrefunded();
    if left == 0 {
        let message = format!("Charge {} has already been refunded.", charge.id);
        return Err(ApiError::refused("charge_already_refunded", message));
    }
    if amount < 1 {
        let message = "Invalid positive integer";
        return Err(ApiError::parameter(
            "amount",
            "parameter_invalid_integer",
            message,
        ));
    }
    if amount > left {
        let message = format!(
            "Refund amount ({amount}) is greater than unrefunded amount on charge ({left}), in \
             cents."
        );
        return Err(ApiError::refused("", message).with_param("amount"));
    }
    Ok(())
}

/// A refund that was under way arrives, or comes back.
pub(crate) async fn finish(call: &mut Call<'_>, id: &str, fate: Fate) -> Result<(), ApiError> {
    let mut refund: Refund = call.get(id).await?;
    match fate {
        Fate::Succeeds => {
            refund.status = RefundStatus::Succeeded;
            call.update(&refund).await?;
            call.emit("refund.updated", &refund).await?;
            call.emit("charge.refund.updated", &refund).await
        }
        Fate::Fails => {
            let booked = balance_transactions::book(
                call,
                Movement::RefundFailure,
                refund.amount,
                &refund.currency,
                &refund.id,
                Some("REFUND FAILURE".to_owned()),
            )
            .await?;
            refund.status = RefundStatus::Failed {
                balance_transaction: booked.into_id(),
            };
            call.update(&refund).await?;
            let mut charge: Charge = call.get(&refund.charge).await?;
            charge.amount_refunded -= refund.amount;
            call.update(&charge).await?;
            call.emit("refund.failed", &refund).await?;
            call.emit("refund.updated", &refund).await?;
            call.emit("charge.refund.updated", &refund).await
        }
    }
}

pub(crate) async fn update(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&["metadata"])?;
    let mut refund: Refund = call.get(id).await?;
    form.merge_metadata(&mut refund.metadata)?;
    call.update(&refund).await?;
    call.emit("refund.updated", &refund).await?;
    Ok(call.render(&refund))
}

pub(crate) async fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let refund: Refund = call.get(id).await?;
    Ok(call.render(&refund))
}

pub(crate) async fn list(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[PAGE_PARAMETERS.as_slice(), &["charge", "payment_intent"]].concat())?;
    let owners = Selection {
        charge: form.owned("charge"),
        payment_intent: form.owned("payment_intent"),
        ..Selection::default()
    };
    lists::page::<Refund>(call, form, "/v1/refunds", owners).await
}

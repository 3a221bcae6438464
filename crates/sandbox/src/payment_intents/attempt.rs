//! Owns trying a payment intent's card and writing down everything that follows: charge, balance
//! transaction, events, the card kept or used up, what happens later. Does not own the verdict
//! (`behaviour`).

use serde_json::Value;

use super::{AcceptedMethods, IntentStatus, PaymentIntent, calls};
use crate::balance_transactions::{self, Movement};
use crate::behaviour::{
    Aftermath, Attempt, Authentication, Behaviour, Fate, Moment, Session, Verdict,
};
use crate::call::Call;
use crate::charges::{Charge, ChargeStatus, DisputeMark, ThreeDSecure};
use crate::declines::Decline;
use crate::disputes::course;
use crate::errors::ApiError;
use crate::ids::new_id;
use crate::outcomes::Outcome;
use crate::payment_methods::{PaymentMethod, holding};
use crate::store::Object;

/// How long a slow payment stays in processing.
const PROCESSING_SECONDS: i64 = 10;

/// How the merchant confirms.
pub(crate) struct Confirmation {
    pub(crate) session: Session,
    pub(crate) on_action: OnAction,
    pub(crate) return_url: Option<String>,
    pub(crate) acceptance: Acceptance,
}

/// Whether the terms of a mandate were accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acceptance {
    Told,
    Untold,
}

/// What to do when the bank wants to ask the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnAction {
    Ask,
    Fail,
}

/// Tries the intent's card. A decline is an error that is also history: it is recorded.
pub(crate) async fn confirm(
    call: &mut Call<'_>,
    intent: &mut PaymentIntent,
    confirmation: &Confirmation,
) -> Result<(), ApiError> {
    let mut method = method_of(call, intent).await?;
    check_return_url(intent, confirmation)?;
    check_mandate(intent, confirmation)?;
    call.vanish_once(method.card.behaviour, &method.id).await?;
    let verdict = method.card.behaviour.charge(Attempt {
        session: confirmation.session,
        authentication: intent.request_three_d_secure.authentication(),
        set_up: method.card.set_up,
        security_code: method.card.security_code,
    });
    match verdict {
        Verdict::Asks if confirmation.on_action == OnAction::Fail => {
            decline(call, intent, &method, Decline::AuthenticationNotHandled).await
        }
        Verdict::Asks => {
            let return_url = confirmation.return_url.clone();
            intent.status = IntentStatus::RequiresAction { return_url };
            call.update(intent).await?;
            call.emit("payment_intent.requires_action", intent).await
        }
        verdict @ (Verdict::Approved
        | Verdict::ApprovedWithoutFriction
        | Verdict::Declined(_)
        | Verdict::Accepted(_)) => {
            conclude(call, intent, &mut method, verdict, ThreeDSecure::NotAsked).await
        }
    }
}

/// The owner approved on the bank's page.
pub(crate) async fn approve(
    call: &mut Call<'_>,
    intent: &mut PaymentIntent,
) -> Result<(), ApiError> {
    let mut method = method_of(call, intent).await?;
    let verdict = method.card.behaviour.charge(Attempt {
        session: Session::On,
        authentication: Authentication::Completed,
        set_up: method.card.set_up,
        security_code: method.card.security_code,
    });
    conclude(call, intent, &mut method, verdict, ThreeDSecure::Challenged).await
}

/// The owner refused on the bank's page.
pub(crate) async fn fail_authentication(
    call: &mut Call<'_>,
    intent: &mut PaymentIntent,
) -> Result<(), ApiError> {
    let method = method_of(call, intent).await?;
    decline(call, intent, &method, Decline::AuthenticationFailed).await
}

async fn method_of(call: &mut Call<'_>, intent: &PaymentIntent) -> Result<PaymentMethod, ApiError> {
    let Some(id) = &intent.payment_method else {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment \
                       method.";
        let error = ApiError::refused("payment_intent_unexpected_state", message);
        return Err(error.with(PaymentIntent::KIND, call.render(intent)));
    };
    let method: PaymentMethod = call.get_param(id, "payment_method").await?;
    calls::check_holder(&method, intent.customer.as_deref())?;
    Ok(method)
}

/// Link is kept for later under a mandate: where it may pay, it is asked for, whatever pays.
fn check_mandate(intent: &PaymentIntent, confirmation: &Confirmation) -> Result<(), ApiError> {
    let may_keep_link =
        intent.accepted == AcceptedMethods::CardsAndLink && intent.setup_future_usage.is_some();
    if may_keep_link && confirmation.acceptance == Acceptance::Untold {
        return Err(ApiError::missing("mandate_data"));
    }
    Ok(())
}

/// An intent that takes whatever the account offers may have to send the browser away.
fn check_return_url(intent: &PaymentIntent, confirmation: &Confirmation) -> Result<(), ApiError> {
    let may_redirect = intent.accepted == AcceptedMethods::Automatic
        && confirmation.session == Session::On
        && confirmation.on_action == OnAction::Ask;
    if may_redirect && confirmation.return_url.is_none() {
        let message = "This PaymentIntent is configured to accept payment methods enabled in your \
                       Dashboard. Because some of these payment methods might redirect your \
                       customer off of your page, you must provide a `return_url`. If you don't \
                       want to accept redirect-based payment methods, set \
                       `automatic_payment_methods[enabled]` to `true` and \
                       `automatic_payment_methods[allow_redirects]` to `never`, or name the \
                       `payment_method_types`.";
        return Err(ApiError::parameter("return_url", "", message));
    }
    Ok(())
}

async fn conclude(
    call: &mut Call<'_>,
    intent: &mut PaymentIntent,
    method: &mut PaymentMethod,
    verdict: Verdict,
    three_d_secure: ThreeDSecure,
) -> Result<(), ApiError> {
    match verdict {
        Verdict::Declined(reason) => decline(call, intent, method, reason).await,
        Verdict::Accepted(fate) => accept(call, intent, method, fate).await,
        Verdict::ApprovedWithoutFriction => {
            let mut charge = new_charge(call, intent, method, ThreeDSecure::Frictionless);
            call.insert(&charge).await?;
            succeed(call, intent, method, &mut charge).await
        }
        // Nothing is left to ask once the page was answered.
        Verdict::Approved | Verdict::Asks => {
            let mut charge = new_charge(call, intent, method, three_d_secure);
            call.insert(&charge).await?;
            succeed(call, intent, method, &mut charge).await
        }
    }
}

fn new_charge(
    call: &Call<'_>,
    intent: &PaymentIntent,
    method: &PaymentMethod,
    three_d_secure: ThreeDSecure,
) -> Charge {
    Charge {
        id: new_id("ch"),
        created: call.now,
        amount: intent.amount,
        amount_refunded: 0,
        currency: intent.currency.clone(),
        customer: intent.customer.clone(),
        payment_intent: intent.id.clone(),
        payment_method: method.id.clone(),
        card: method.card.clone(),
        three_d_secure,
        billing_details: method.billing_details.clone(),
        description: intent.description.clone(),
        receipt_email: intent.receipt_email.clone(),
        metadata: intent.metadata.clone(),
        status: ChargeStatus::Pending,
        dispute: DisputeMark::None,
    }
}

/// Makes a pending charge money, and everything that follows from it.
async fn succeed(
    call: &mut Call<'_>,
    intent: &mut PaymentIntent,
    method: &mut PaymentMethod,
    charge: &mut Charge,
) -> Result<(), ApiError> {
    let available_at_once = Some(Aftermath::AvailableAtOnce);
    let movement = match method.card.behaviour.aftermath() == available_at_once {
        true => Movement::ChargeAvailable,
        false => Movement::Charge,
    };
    let description = intent.description.clone();
    let booked = balance_transactions::book(
        call,
        movement,
        charge.amount,
        &charge.currency,
        &charge.id,
        description,
    )
    .await?;
    charge.status = ChargeStatus::Succeeded {
        balance_transaction: booked.into_id(),
    };
    call.update(charge).await?;
    intent.status = IntentStatus::Succeeded;
    intent.latest_charge = Some(charge.id.clone());
    intent.last_payment_error = None;
    call.update(intent).await?;
    call.emit("charge.succeeded", charge).await?;
    call.emit("payment_intent.succeeded", intent).await?;
    let keep = intent.customer.as_deref().zip(intent.setup_future_usage);
    holding::after_payment(call, method, keep).await?;
    course::foresee(call, charge).await?;
    if method.card.behaviour == Behaviour::AnswerLost(Moment::After) {
        call.answer_is_lost = true;
    }
    Ok(())
}

async fn accept(
    call: &mut Call<'_>,
    intent: &mut PaymentIntent,
    method: &PaymentMethod,
    fate: Fate,
) -> Result<(), ApiError> {
    let charge = new_charge(call, intent, method, ThreeDSecure::NotAsked);
    call.insert(&charge).await?;
    intent.status = IntentStatus::Processing;
    intent.latest_charge = Some(charge.id.clone());
    intent.last_payment_error = None;
    call.update(intent).await?;
    call.emit("charge.pending", &charge).await?;
    call.emit("payment_intent.processing", intent).await?;
    let payment = Outcome::Payment {
        payment_intent: intent.id.clone(),
        fate,
    };
    call.schedule(PROCESSING_SECONDS, payment).await
}

/// A payment in processing comes to its end.
pub(crate) async fn finish_processing(
    call: &mut Call<'_>,
    id: &str,
    fate: Fate,
) -> Result<(), ApiError> {
    let mut intent: PaymentIntent = call.get(id).await?;
    if intent.status != IntentStatus::Processing {
        return Ok(());
    }
    // The owner may have removed the card meanwhile; the payment goes on.
    let id = intent.payment_method.clone().unwrap_or_default();
    let mut method: PaymentMethod = call.get(&id).await?;
    let id = intent.latest_charge.clone().unwrap_or_default();
    let mut charge: Charge = call.get(&id).await?;
    match fate {
        Fate::Succeeds => succeed(call, &mut intent, &mut method, &mut charge).await,
        Fate::Fails => {
            charge.status = ChargeStatus::Failed {
                decline: Decline::Generic,
            };
            call.update(&charge).await?;
            record_failure(call, &mut intent, &method, Decline::Generic, Some(&charge)).await?;
            Ok(())
        }
    }
}

/// Records the decline and returns it as the error that answers the call.
async fn decline(
    call: &mut Call<'_>,
    intent: &mut PaymentIntent,
    method: &PaymentMethod,
    reason: Decline,
) -> Result<(), ApiError> {
    let charge = match reason.leaves_a_charge() {
        true => {
            let mut charge = new_charge(call, intent, method, ThreeDSecure::NotAsked);
            charge.status = ChargeStatus::Failed { decline: reason };
            call.insert(&charge).await?;
            Some(charge)
        }
        false => None,
    };
    let error = record_failure(call, intent, method, reason, charge.as_ref()).await?;
    Err(error
        .with(PaymentIntent::KIND, call.render(intent))
        .recorded())
}

async fn record_failure(
    call: &mut Call<'_>,
    intent: &mut PaymentIntent,
    method: &PaymentMethod,
    reason: Decline,
    charge: Option<&Charge>,
) -> Result<ApiError, ApiError> {
    let mut error = reason.error().with("payment_method", call.render(method));
    if let Some(charge) = charge {
        error = error.with("charge", Value::from(charge.id.clone()));
        intent.latest_charge = Some(charge.id.clone());
    }
    intent.status = IntentStatus::RequiresPaymentMethod;
    intent.payment_method = None;
    intent.last_payment_error = Some(error.object());
    call.update(intent).await?;
    if let Some(charge) = charge {
        call.emit("charge.failed", charge).await?;
    }
    call.emit("payment_intent.payment_failed", intent).await?;
    Ok(error)
}

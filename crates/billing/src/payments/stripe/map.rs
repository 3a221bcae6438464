//! From Stripe's words to ours.
//!
//! Owns what each status, code and decline code means. Pure: no I/O, and nothing is guessed; what
//! cannot be told for certain is an error, which the port defines as "we do not know".

use types::ids::TopUpId;
use types::money::Cents;
use types::payment::{Card, CardBrand, DeclineReason};

use super::client::Refusal;
use super::wire::{Charge, Fault, Intent, NextAction, PaymentMethod};
use crate::payments::gateway::{
    AttachOutcome, ChargedMethod, GatewayError, GatewayIntent, GatewayMethod, Outcome, Settled,
};

/// The one currency we charge, keep books in and believe answers about.
pub(super) const CURRENCY: &str = "usd";

/// What an intent says about its charge.
pub(super) fn outcome(intent: &Intent) -> Result<Outcome, GatewayError> {
    let id = intent_id(intent)?;
    if intent.currency.as_deref() != Some(CURRENCY) {
        return Err(GatewayError::OtherAmount);
    }
    let outcome = match intent.status.as_deref() {
        Some("succeeded") => Outcome::Succeeded(settled(intent, id)?),
        Some("processing" | "requires_confirmation") => Outcome::Processing { intent: id },
        Some("requires_action") => Outcome::RequiresAction {
            intent: id,
            url: bank_page(intent),
        },
        Some("canceled") => Outcome::Canceled { intent: id },
        // Before the first attempt an intent has this status too. We confirm while creating, so
        // without an error the attempt is only just being made.
        Some("requires_payment_method") => match &intent.last_payment_error {
            Some(fault) => Outcome::Declined {
                intent: Some(id),
                reason: decline_reason(fault),
            },
            None => Outcome::Processing { intent: id },
        },
        // We never ask to capture later, and a status we do not know may mean anything.
        Some(_) | None => return Err(GatewayError::Unreadable),
    };
    Ok(outcome)
}

/// The same, for the answer to a charge of `asked`: an answer about other money is no answer.
pub(super) fn outcome_of_charge(intent: &Intent, asked: Cents) -> Result<Outcome, GatewayError> {
    if intent.amount.ok_or(GatewayError::Unreadable)? != asked.get() {
        return Err(GatewayError::OtherAmount);
    }
    let outcome = outcome(intent)?;
    match &outcome {
        Outcome::Succeeded(settled) if settled.amount != asked => Err(GatewayError::OtherAmount),
        Outcome::Succeeded(_)
        | Outcome::Processing { .. }
        | Outcome::RequiresAction { .. }
        | Outcome::Declined { .. }
        | Outcome::Canceled { .. }
        | Outcome::Refused { .. } => Ok(outcome),
    }
}

/// What a refusal of a charge of `asked` says.
pub(super) fn refused_charge(refusal: &Refusal, asked: Cents) -> Result<Outcome, GatewayError> {
    let inside = refusal.fault.payment_intent.as_deref();
    let intent = match inside {
        Some(intent) => {
            let outcome = outcome_of_charge(intent, asked)?;
            if !is_unpaid(intent) {
                // Whatever the error says, the money has moved or may still move.
                return Ok(outcome);
            }
            Some(intent_id(intent)?)
        }
        None => None,
    };
    if refusal.is_about_the_card() {
        // The error is the newest word, newer than what the intent inside may carry.
        Ok(Outcome::Declined {
            intent,
            reason: decline_reason(&refusal.fault),
        })
    } else {
        Ok(Outcome::Refused {
            code: refusal.code(),
        })
    }
}

/// Nothing was taken and, as nobody but us can confirm it, nothing will be.
fn is_unpaid(intent: &Intent) -> bool {
    matches!(
        intent.status.as_deref(),
        Some("requires_payment_method" | "requires_confirmation")
    )
}

pub(super) fn refused_attach(refusal: &Refusal) -> AttachOutcome {
    if refusal.is_about_the_card() {
        AttachOutcome::Declined {
            reason: decline_reason(&refusal.fault),
        }
    } else {
        AttachOutcome::Refused {
            code: refusal.code(),
        }
    }
}

/// `None` when it is not a card.
pub(super) fn charged_method(
    method: &PaymentMethod,
) -> Result<Option<ChargedMethod>, GatewayError> {
    let Some(card) = &method.card else {
        return Ok(None);
    };
    let id = method.id.as_deref().and_then(|id| id.parse().ok());
    let (Some(id), Some(expiry_month), Some(expiry_year)) = (id, card.exp_month, card.exp_year)
    else {
        return Err(GatewayError::Unreadable);
    };
    let card_number_end = card.last4.clone().filter(|digits| is_last_four(digits));
    Ok(Some(ChargedMethod {
        method: id,
        card: Card {
            brand: CardBrand::parse(card.brand.as_deref().unwrap_or_default()),
            // Never more than four digits, whatever is sent.
            last4: card_number_end.ok_or(GatewayError::Unreadable)?,
            expiry_month,
            expiry_year,
            country: card.country.clone().filter(|country| is_country(country)),
        },
        fingerprint: card.fingerprint.clone(),
        attached: method.customer.is_some(),
    }))
}

/// A method's name, where it belongs to a customer and can be charged again.
fn kept(method: &PaymentMethod) -> Option<GatewayMethod> {
    method.customer.as_ref()?;
    method.id.as_deref()?.parse().ok()
}

/// Whether `intent` was made for the top-up with this id.
pub(super) fn is_for_top_up(intent: &Intent, top_up: &str) -> bool {
    let metadata = intent.metadata.as_ref();
    metadata
        .and_then(|pairs| pairs.get("top_up_id"))
        .is_some_and(|id| id == top_up)
}

/// The top-up that an intent was made for, where it was made by us.
pub(super) fn top_up(intent: &Intent) -> Option<TopUpId> {
    intent.metadata.as_ref()?.get("top_up_id")?.parse().ok()
}

fn intent_id(intent: &Intent) -> Result<GatewayIntent, GatewayError> {
    let id = intent.id.as_deref().and_then(|id| id.parse().ok());
    id.ok_or(GatewayError::Unreadable)
}

fn settled(intent: &Intent, id: GatewayIntent) -> Result<Settled, GatewayError> {
    let received = intent.amount_received.filter(|cents| *cents > 0);
    let paid_with = intent
        .payment_method
        .as_ref()
        .and_then(|method| method.object());
    let method = paid_with.map(charged_method).transpose()?.flatten();
    let kept_besides = paid_with.filter(|_| method.is_none()).and_then(kept);
    Ok(Settled {
        intent: id,
        amount: Cents::new(received.ok_or(GatewayError::Unreadable)?),
        fee: intent
            .latest_charge
            .as_ref()
            .and_then(|charge| fee(charge.object()?)),
        method,
        kept_besides,
    })
}

/// What the gateway keeps, where it keeps it in dollars.
fn fee(charge: &Charge) -> Option<Cents> {
    let kept = charge.balance_transaction.as_ref()?.object()?;
    let in_dollars = kept.currency.as_deref() == Some(CURRENCY);
    kept.fee
        .filter(|fee| in_dollars && *fee >= 0)
        .map(Cents::new)
}

fn bank_page(intent: &Intent) -> Option<String> {
    bank_page_of(intent.next_action.as_ref())
}

/// Only a web address is shown to a person, in a frame.
pub(super) fn bank_page_of(next_action: Option<&NextAction>) -> Option<String> {
    let url = next_action?.redirect_to_url.as_ref()?.url.as_ref()?;
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web.then(|| url.clone())
}

fn is_last_four(digits: &str) -> bool {
    digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_country(country: &str) -> bool {
    country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The bank's own word decides; where it says nothing in particular, Stripe's code may.
pub(super) fn decline_reason(fault: &Fault) -> DeclineReason {
    [fault.decline_code.as_deref(), fault.code.as_deref()]
        .into_iter()
        .flatten()
        .map(reason_of_code)
        .find(|reason| *reason != DeclineReason::Generic)
        .unwrap_or(DeclineReason::Generic)
}

/// Decline codes and error codes share their spelling where they share their meaning.
/// Source: docs.stripe.com/declines/codes and docs.stripe.com/error-codes.
fn reason_of_code(code: &str) -> DeclineReason {
    match code {
        "insufficient_funds" => DeclineReason::InsufficientFunds,
        // The last two: the card may have been reported lost or stolen.
        "lost_card" | "stolen_card" | "pickup_card" | "restricted_card" => {
            DeclineReason::LostOrStolen
        }
        "expired_card" | "invalid_expiry_month" | "invalid_expiry_year" => {
            DeclineReason::ExpiredCard
        }
        "incorrect_cvc" | "invalid_cvc" => DeclineReason::IncorrectCvc,
        "incorrect_number" | "invalid_number" => DeclineReason::IncorrectNumber,
        // Nobody objected; something did not answer.
        "processing_error"
        | "issuer_not_available"
        | "reenter_transaction"
        | "try_again_later"
        | "payment_method_provider_timeout" => DeclineReason::ProcessingError,
        "card_velocity_exceeded"
        | "withdrawal_count_limit_exceeded"
        | "card_decline_rate_limit_exceeded" => DeclineReason::VelocityExceeded,
        // The second: on our own block list.
        "fraudulent" | "merchant_blacklist" => DeclineReason::Fraudulent,
        "payment_intent_authentication_failure"
        | "setup_intent_authentication_failure"
        | "three_d_secure_authentication_upstream_error" => DeclineReason::AuthenticationFailed,
        "authentication_required" | "authentication_not_handled" => {
            DeclineReason::AuthenticationRequired
        }
        _ => DeclineReason::Generic,
    }
}

#[cfg(test)]
mod tests;

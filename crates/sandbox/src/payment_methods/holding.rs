//! Owns who holds a payment method: finding it for a call, attaching, detaching, using it up.

use super::billing_details::BillingDetails;
use super::{FutureUsage, Holder, PaymentMethod};
use crate::behaviour::{Authentication, SetUp, Verdict};
use crate::call::Call;
use crate::cards;
use crate::customers::{self, Named};
use crate::errors::ApiError;
use crate::store::{self, Selection};

/// The payment method that a parameter names. One of the fixed test tokens becomes a new one.
pub(crate) async fn resolve(
    call: &mut Call<'_>,
    id: &str,
    param: &str,
) -> Result<PaymentMethod, ApiError> {
    let processor = call.processor;
    let card = cards::card_of_token(id, call.now, |number| processor.fingerprint(number));
    match card {
        Some(card) => {
            let method = PaymentMethod::new(card, BillingDetails::default(), call.now);
            call.insert(&method).await?;
            Ok(method)
        }
        None => call.get_param(id, param).await,
    }
}

/// Attaches after asking the issuer, as every set-up does.
pub(crate) async fn attach_to(
    call: &mut Call<'_>,
    id: &str,
    customer: &str,
) -> Result<PaymentMethod, ApiError> {
    customers::present(call, customer, Named::InParameter).await?;
    let mut method = resolve(call, id, "payment_method").await?;
    match &method.holder {
        Holder::Customer(holder) if holder == customer => return Ok(method),
        Holder::Customer(_) => {
            let message = "The payment method you provided has already been attached to a \
                           customer.";
            return Err(ApiError::refused(
                "payment_method_unexpected_state",
                message,
            ));
        }
        Holder::SpentByNobody => return Err(spent()),
        Holder::Nobody => {}
    }
    // Without the owner no question can be asked here; a card that asks is attached, and asks at
    // its first charge.
    if let Verdict::Declined(decline) = method.card.behaviour.set_up(Authentication::Automatic) {
        return Err(decline.error().with("payment_method", call.render(&method)));
    }
    keep_for(call, &mut method, customer).await?;
    Ok(method)
}

/// Attaches a method that the issuer has already approved, and says so.
pub(crate) async fn keep_for(
    call: &mut Call<'_>,
    method: &mut PaymentMethod,
    customer: &str,
) -> Result<(), ApiError> {
    if method.customer() == Some(customer) {
        return Ok(());
    }
    method.holder = Holder::Customer(customer.to_owned());
    call.update(method).await?;
    call.emit("payment_method.attached", method).await
}

pub(crate) fn spent() -> ApiError {
    let message = "This PaymentMethod was previously used without being attached to a Customer or \
                   was detached from a Customer, and may not be used again.";
    ApiError::refused("payment_method_unexpected_state", message).with_param("payment_method")
}

pub(crate) async fn release(
    call: &mut Call<'_>,
    method: &mut PaymentMethod,
) -> Result<(), ApiError> {
    method.holder = Holder::SpentByNobody;
    call.update(method).await?;
    call.emit("payment_method.detached", method).await
}

/// Detaches every card of a customer.
pub(crate) async fn detach_all(call: &mut Call<'_>, customer: &str) -> Result<(), ApiError> {
    /// In pages, so that no customer has too many.
    const PAGE: i64 = 100;
    loop {
        let customer = Some(customer.to_owned());
        let selection = Selection {
            customer,
            limit: PAGE,
            ..Selection::default()
        };
        let page: Vec<PaymentMethod> = store::list(call.db, &selection).await?;
        if page.is_empty() {
            return Ok(());
        }
        for mut method in page {
            release(call, &mut method).await?;
        }
    }
}

/// Marks what a successful payment did to the card it used.
pub(crate) async fn after_payment(
    call: &mut Call<'_>,
    method: &mut PaymentMethod,
    keep: Option<(&str, FutureUsage)>,
) -> Result<(), ApiError> {
    match keep {
        Some((customer, usage)) => {
            keep_for(call, method, customer).await?;
            if usage == FutureUsage::OffSession {
                method.card.set_up = SetUp::Done;
            }
            call.update(method).await
        }
        None if method.holder == Holder::Nobody => {
            method.holder = Holder::SpentByNobody;
            call.update(method).await
        }
        None => Ok(()),
    }
}

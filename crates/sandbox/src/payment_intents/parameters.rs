//! Owns reading a payment intent's parameters, each with its limits.

use super::attempt::{Acceptance, Confirmation, OnAction};
use super::{AcceptedMethods, RequestThreeDSecure};
use crate::behaviour::Session;
use crate::errors::ApiError;
use crate::form::Form;

/// Stripe's limits for a charge in cents.
const MIN_AMOUNT: i64 = 50;
const MAX_AMOUNT: i64 = 99_999_999;

pub(super) fn read_amount(form: &Form) -> Result<Option<i64>, ApiError> {
    match form.integer("amount")? {
        Some(amount) if amount < MIN_AMOUNT => {
            let message = "Amount must be at least 50 cents";
            Err(ApiError::parameter("amount", "amount_too_small", message))
        }
        Some(amount) if amount > MAX_AMOUNT => {
            let message = "Amount must be no more than $999,999.99";
            Err(ApiError::parameter("amount", "amount_too_large", message))
        }
        amount => Ok(amount),
    }
}

pub(super) fn read_accepted(form: &Form) -> Result<AcceptedMethods, ApiError> {
    let types = form.list("payment_method_types");
    if let Some(other) = types
        .iter()
        .find(|kind| !matches!(kind.as_str(), "card" | "link"))
    {
        let message = format!("The payment method type {other:?} is not activated in the sandbox.");
        return Err(ApiError::parameter("payment_method_types", "", message));
    }
    if types.iter().any(|kind| kind == "link") {
        return Ok(AcceptedMethods::CardsAndLink);
    }
    if !types.is_empty() {
        return Ok(AcceptedMethods::CardsOnly);
    }
    Ok(
        match form.text("automatic_payment_methods[allow_redirects]") {
            Some("never") => AcceptedMethods::AutomaticWithoutRedirects,
            _ => AcceptedMethods::Automatic,
        },
    )
}

pub(super) fn read_three_d_secure(form: &Form) -> Result<Option<RequestThreeDSecure>, ApiError> {
    let name = "payment_method_options[card][request_three_d_secure]";
    match form.text(name) {
        None => Ok(None),
        Some("automatic") => Ok(Some(RequestThreeDSecure::Automatic)),
        Some("any") => Ok(Some(RequestThreeDSecure::Any)),
        Some("challenge") => Ok(Some(RequestThreeDSecure::Challenge)),
        Some(_) => {
            let message = "Must be one of automatic, any or challenge.";
            Err(ApiError::parameter(name, "", message))
        }
    }
}

pub(super) fn read_confirmation(form: &Form) -> Result<Confirmation, ApiError> {
    let session = match form.text("off_session") {
        None | Some("false") => Session::On,
        Some("true" | "one_off" | "recurring") => Session::Off,
        Some(_) => {
            return Err(ApiError::parameter(
                "off_session",
                "",
                "Invalid off_session.",
            ));
        }
    };
    let on_action = match form.is_set("error_on_requires_action")? {
        true => OnAction::Fail,
        false => OnAction::Ask,
    };
    let return_url = form.owned("return_url");
    if let Some(url) = &return_url
        && !is_web_address(url)
    {
        return Err(ApiError::parameter(
            "return_url",
            "url_invalid",
            "Not a valid URL",
        ));
    }
    Ok(Confirmation {
        session,
        on_action,
        return_url,
        acceptance: read_acceptance(form)?,
    })
}

/// Whether the merchant says that its customer accepted the terms under which a method is kept.
fn read_acceptance(form: &Form) -> Result<Acceptance, ApiError> {
    const ACCEPTANCE: &str = "mandate_data[customer_acceptance]";
    let kind = format!("{ACCEPTANCE}[type]");
    match form.text(&kind) {
        None if form.has_section("mandate_data") => Err(ApiError::missing(&kind)),
        None => Ok(Acceptance::Untold),
        Some("offline") => Ok(Acceptance::Told),
        Some("online") => {
            form.required(&format!("{ACCEPTANCE}[online][ip_address]"))?;
            form.required(&format!("{ACCEPTANCE}[online][user_agent]"))?;
            Ok(Acceptance::Told)
        }
        Some(_) => Err(ApiError::parameter(
            &kind,
            "",
            "Must be one of online or offline.",
        )),
    }
}

/// Only addresses that a browser may be sent to and that can stand in a header.
pub(crate) fn is_web_address(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && url
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\'))
}

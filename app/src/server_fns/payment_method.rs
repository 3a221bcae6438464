use leptos::prelude::*;
use types::ids::PaymentMethodId;
use types::payment::AddedCard;

use crate::error::AppError;
use crate::server_fns::page_client::PageClient;
#[cfg(feature = "ssr")]
use crate::ssr;

/// The forms of the Payment methods card, where a refusal is kept for them.
pub const PAYMENT_METHOD_FORM: &str = "payment_method";

/// Saves the card that the gateway gave `token` for, unless its bank asks about it first.
#[server(name = AddPaymentMethod, prefix = "/api", endpoint = "add_payment_method", client = PageClient)]
pub async fn add_payment_method(token: String) -> Result<AddedCard, AppError> {
    ssr::respond(add(&token).await)
}

/// What became of a card whose bank asked about it.
#[server(name = FinishPaymentMethod, prefix = "/api", endpoint = "finish_payment_method", client = PageClient)]
pub async fn finish_payment_method(setup: String) -> Result<AddedCard, AppError> {
    ssr::respond(finish(&setup).await)
}

/// Pays with this card from now on unless another is chosen.
#[server(name = SetDefaultPaymentMethod, prefix = "/api", endpoint = "set_default_payment_method", client = PageClient)]
pub async fn set_default_payment_method(id: PaymentMethodId) -> Result<(), AppError> {
    to_billing(set_default(id).await)
}

/// Forgets a card, here and at the gateway.
#[server(name = RemovePaymentMethod, prefix = "/api", endpoint = "remove_payment_method", client = PageClient)]
pub async fn remove_payment_method(id: PaymentMethodId) -> Result<(), AppError> {
    to_billing(remove(id).await)
}

#[cfg(feature = "ssr")]
async fn add(token: &str) -> Result<AddedCard, AppError> {
    let viewer = ssr::viewer()?;
    Ok(ssr::billing()?
        .payment_methods()
        .set_up(&viewer, token)
        .await?)
}

#[cfg(feature = "ssr")]
async fn finish(setup: &str) -> Result<AddedCard, AppError> {
    let viewer = ssr::viewer()?;
    Ok(ssr::billing()?
        .payment_methods()
        .finish_set_up(&viewer, setup)
        .await?)
}

#[cfg(feature = "ssr")]
async fn set_default(id: PaymentMethodId) -> Result<(), AppError> {
    let viewer = ssr::viewer()?;
    Ok(ssr::billing()?
        .payment_methods()
        .set_default(&viewer, id)
        .await?)
}

#[cfg(feature = "ssr")]
async fn remove(id: PaymentMethodId) -> Result<(), AppError> {
    let viewer = ssr::viewer()?;
    Ok(ssr::billing()?
        .payment_methods()
        .remove(&viewer, id)
        .await?)
}

#[cfg(feature = "ssr")]
fn to_billing(result: Result<(), AppError>) -> Result<(), AppError> {
    let form = ssr::Form {
        name: PAYMENT_METHOD_FORM,
        back: "/billing",
        unsure: "/billing",
        typed: &[],
    };
    form.answer(result, |()| "/billing".to_owned())
}

use leptos::prelude::*;
use types::ids::TopUpId;
use types::top_up::TopUpView;
#[cfg(feature = "ssr")]
use types::{money::Cents, payment::PaymentField, top_up::PayWith};

use crate::error::AppError;
use crate::server_fns::page_client::PageClient;
#[cfg(feature = "ssr")]
use crate::ssr;

/// The form that adds credit without script, where a refusal is kept for it.
pub const TOP_UP_FORM: &str = "top_up";

/// The page with the form that adds credit without script, under the id that it will send.
#[must_use]
pub fn form_page(id: TopUpId) -> String {
    format!("/billing?add={id}")
}

/// The page that says how a top-up stands.
#[must_use]
pub fn status_page(id: TopUpId) -> String {
    format!("/billing?top_up={id}")
}

/// What a form with buttons and a field beside them asks for. Without script a button stays chosen
/// while somebody types into the field: what they typed is what they mean.
#[must_use]
pub fn chosen_amount(button: String, typed: String) -> String {
    if typed.trim().is_empty() {
        button
    } else {
        typed
    }
}

/// Adds credit: `amount` as typed, and either a saved `method` or the gateway's `token` for a new
/// card. The same `id` again is the same top-up and is charged once.
#[server(name = StartTopUp, prefix = "/api", endpoint = "start_top_up", client = PageClient)]
pub async fn start_top_up(
    id: String,
    amount: String,
    #[server(default)] method: String,
    #[server(default)] token: String,
    /// From the form without script: what is typed beside its buttons.
    #[server(default)]
    other_amount: String,
) -> Result<TopUpView, AppError> {
    let amount = chosen_amount(amount, other_amount);
    // Whatever comes of it, the form keeps its id: sent again, it is the same payment.
    let (back, unsure) = match id.parse() {
        Ok(id) => (form_page(id), status_page(id)),
        Err(_) => ("/billing?add=1".to_owned(), "/billing".to_owned()),
    };
    let form = ssr::Form {
        name: TOP_UP_FORM,
        back: &back,
        unsure: &unsure,
        typed: &[("amount", &amount), ("method", &method)],
    };
    let result = start(&id, &amount, &method, token).await;
    form.answer(result, |top_up| status_page(top_up.id))
}

#[cfg(feature = "ssr")]
async fn start(id: &str, amount: &str, method: &str, token: String) -> Result<TopUpView, AppError> {
    let (billing, viewer) = (ssr::billing()?, ssr::viewer()?);
    let refuse = |field: Option<PaymentField>, message: String| AppError::Invalid {
        message,
        field: field.map(|field| field.as_str().to_owned()),
    };
    let id = id
        .parse()
        .map_err(|_| refuse(None, "The form is out of date. Reload the page.".to_owned()))?;
    let amount: Cents = amount
        .parse()
        .map_err(|error: types::money::ParseCentsError| {
            let message = crate::error::sentence(&error.to_string());
            refuse(Some(PaymentField::Amount), message)
        })?;
    let pay_with = match (method.parse(), token.is_empty()) {
        (_, false) => PayWith::NewCard(token),
        (Ok(method), true) => PayWith::Saved(method),
        (Err(_), true) => {
            let message = "Choose a card to pay with.".to_owned();
            return Err(refuse(Some(PaymentField::PaymentMethod), message));
        }
    };
    Ok(billing
        .top_ups()
        .start(
            &viewer,
            ssr::StartTopUp {
                id,
                amount,
                pay_with,
            },
        )
        .await?)
}

/// How a top-up stands, as far as the gateway knows by now; `None` when it was never started.
#[server(name = GetTopUpStatus, prefix = "/api", endpoint = "top_up_status", client = PageClient)]
pub async fn top_up_status(id: TopUpId) -> Result<Option<TopUpView>, AppError> {
    ssr::respond(find(id).await)
}

#[cfg(feature = "ssr")]
async fn find(id: TopUpId) -> Result<Option<TopUpView>, AppError> {
    let viewer = ssr::viewer()?;
    Ok(ssr::billing()?.top_ups().find(&viewer, id).await?)
}

/// What the gateway's script needs to ask what the bank asks, where the bank has no page.
#[server(name = GetTopUpSecret, prefix = "/api", endpoint = "top_up_secret", client = PageClient)]
pub async fn top_up_secret(id: TopUpId) -> Result<Option<String>, AppError> {
    ssr::respond(secret(id).await)
}

#[cfg(feature = "ssr")]
async fn secret(id: TopUpId) -> Result<Option<String>, AppError> {
    let viewer = ssr::viewer()?;
    Ok(ssr::billing()?.top_ups().client_secret(&viewer, id).await?)
}

/// Gives a top-up up that waits for its person at the bank, and says how it stands then.
#[server(name = CancelTopUp, prefix = "/api", endpoint = "cancel_top_up", client = PageClient)]
pub async fn cancel_top_up(id: TopUpId) -> Result<Option<TopUpView>, AppError> {
    let page = status_page(id);
    let form = ssr::Form {
        name: TOP_UP_FORM,
        back: &page,
        unsure: &page,
        typed: &[],
    };
    form.answer(cancel(id).await, |_| page.clone())
}

#[cfg(feature = "ssr")]
async fn cancel(id: TopUpId) -> Result<Option<TopUpView>, AppError> {
    let viewer = ssr::viewer()?;
    Ok(ssr::billing()?.top_ups().cancel(&viewer, id).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_charged_whichever_button_is_chosen() {
        let cases = [
            ("25.00", "7", "7"),
            ("", "7", "7"),
            ("25.00", "", "25.00"),
            ("25.00", "  ", "25.00"),
            // It is refused for what it is, and not paid for what it is not.
            ("25.00", "seven", "seven"),
            ("", "", ""),
        ];
        for (button, typed, expected) in cases {
            let amount = chosen_amount(button.to_owned(), typed.to_owned());
            assert_eq!(amount, expected, "{button:?} and {typed:?}");
        }
    }
}

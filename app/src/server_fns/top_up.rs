use leptos::prelude::*;
use types::ids::TopUpId;
use types::top_up::TopUpView;
#[cfg(feature = "ssr")]
use types::{money::Cents, top_up::PayWith};

use crate::error::AppError;
#[cfg(feature = "ssr")]
use crate::ssr;

/// The form that adds credit without script, where a refusal is kept for it.
pub const TOP_UP_FORM: &str = "top_up";

/// Adds credit: `amount` as typed, and either a saved `method` or the gateway's `token` for a new
/// card. The same `id` again is the same top-up and is charged once.
#[server(name = StartTopUp, prefix = "/api", endpoint = "start_top_up")]
pub async fn start_top_up(
    id: String,
    amount: String,
    #[server(default)] method: String,
    #[server(default)] token: String,
    /// From the form without script: used where `amount` is left empty.
    #[server(default)]
    other_amount: String,
) -> Result<TopUpView, AppError> {
    let amount = if amount.trim().is_empty() {
        other_amount
    } else {
        amount
    };
    let form = ssr::Form {
        name: TOP_UP_FORM,
        back: "/billing?add=1",
        typed: &[("amount", &amount), ("method", &method)],
    };
    let result = start(&id, &amount, &method, token).await;
    form.answer(result, |top_up| format!("/billing?top_up={}", top_up.id))
}

#[cfg(feature = "ssr")]
async fn start(id: &str, amount: &str, method: &str, token: String) -> Result<TopUpView, AppError> {
    let (billing, viewer) = (ssr::billing()?, ssr::viewer()?);
    let refuse = |field: &str, message: String| AppError::Invalid {
        message,
        field: Some(field.to_owned()),
    };
    let id = id
        .parse()
        .map_err(|_| refuse("id", "The form is out of date. Reload the page.".to_owned()))?;
    let amount: Cents = amount
        .parse()
        .map_err(|error: types::money::ParseCentsError| {
            refuse("amount", crate::error::sentence(&error.to_string()))
        })?;
    let pay_with = match (method.parse(), token.is_empty()) {
        (_, false) => PayWith::NewCard(token),
        (Ok(method), true) => PayWith::Saved(method),
        (Err(_), true) => return Err(refuse("method", "Choose a card to pay with.".to_owned())),
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
#[server(name = GetTopUpStatus, prefix = "/api", endpoint = "top_up_status")]
pub async fn top_up_status(id: TopUpId) -> Result<Option<TopUpView>, AppError> {
    ssr::respond(find(id).await)
}

#[cfg(feature = "ssr")]
async fn find(id: TopUpId) -> Result<Option<TopUpView>, AppError> {
    let viewer = ssr::viewer()?;
    Ok(ssr::billing()?.top_ups().find(&viewer, id).await?)
}

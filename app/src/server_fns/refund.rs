use leptos::prelude::*;
use types::ids::{RefundId, TopUpId};
#[cfg(feature = "ssr")]
use types::money::Cents;
use types::refund::{RefundOffer, RefundView};

use crate::error::AppError;
use crate::server_fns::page_client::PageClient;
#[cfg(feature = "ssr")]
use crate::ssr;

/// The form that asks for a refund without script, where a refusal is kept for it.
pub const REFUND_FORM: &str = "refund";
/// Where it stands.
const HISTORY: &str = "/billing/history";

/// The page with the refund's form for one credit.
#[must_use]
pub fn refund_page(top_up: TopUpId) -> String {
    format!("{HISTORY}?refund={top_up}")
}

/// The same under the id that the form will send; once that is a refund, what became of it.
#[cfg(feature = "ssr")]
pub fn form_page(top_up: TopUpId, id: RefundId) -> String {
    format!("{}&id={id}", refund_page(top_up))
}

/// The history with what became of a refund said above it.
#[cfg(feature = "ssr")]
fn outcome_page(id: RefundId) -> String {
    format!("{HISTORY}?refunded={id}")
}

/// Gives unused credit of `top_up` back to its card: `amount` as typed. The same `id` again is the
/// same refund.
#[server(name = RefundTopUp, prefix = "/api", endpoint = "refund_top_up", client = PageClient)]
pub async fn refund_top_up(
    id: String,
    top_up: String,
    amount: String,
) -> Result<RefundView, AppError> {
    // Whatever comes of it, the form keeps its id: sent again, it is the same refund.
    let page = match (top_up.parse(), id.parse()) {
        (Ok(top_up), Ok(id)) => form_page(top_up, id),
        (Ok(top_up), Err(_)) => refund_page(top_up),
        (Err(_), _) => HISTORY.to_owned(),
    };
    let form = ssr::Form {
        name: REFUND_FORM,
        back: &page,
        unsure: &page,
        typed: &[("amount", &amount)],
    };
    let result = refund(&id, &top_up, &amount).await;
    form.answer(result, |refund| outcome_page(refund.id))
}

#[cfg(feature = "ssr")]
async fn refund(id: &str, top_up: &str, amount: &str) -> Result<RefundView, AppError> {
    let (billing, viewer) = (ssr::billing()?, ssr::viewer()?);
    let refuse = |field: Option<&str>, message: String| AppError::Invalid {
        message,
        field: field.map(str::to_owned),
    };
    let out_of_date = || refuse(None, "The form is out of date. Reload the page.".to_owned());
    let amount: Cents = amount
        .parse()
        .map_err(|error: types::money::ParseCentsError| {
            refuse(Some("amount"), crate::error::sentence(&error.to_string()))
        })?;
    let request = ssr::StartRefund {
        id: id.parse().map_err(|_| out_of_date())?,
        top_up: top_up.parse().map_err(|_| out_of_date())?,
        amount,
    };
    Ok(billing.refunds().request(&viewer, request).await?)
}

/// How a refund stands; `None` when it was never started.
#[server(name = GetRefundStatus, prefix = "/api", endpoint = "refund_status", client = PageClient)]
pub async fn refund_status(id: RefundId) -> Result<Option<RefundView>, AppError> {
    ssr::respond(find(id).await)
}

#[cfg(feature = "ssr")]
async fn find(id: RefundId) -> Result<Option<RefundView>, AppError> {
    let viewer = ssr::viewer()?;
    let refunds = ssr::billing()?.refunds();
    Ok(refunds.find(viewer.organization, id).await?)
}

/// What can be given back of a credit now; `None` where it is none that was paid by card.
#[server(name = GetRefundOffer, prefix = "/api", endpoint = "refund_offer", client = PageClient)]
pub async fn refund_offer(top_up: TopUpId) -> Result<Option<RefundOffer>, AppError> {
    ssr::respond(offer(top_up).await)
}

#[cfg(feature = "ssr")]
async fn offer(top_up: TopUpId) -> Result<Option<RefundOffer>, AppError> {
    let viewer = ssr::viewer()?;
    let refunds = ssr::billing()?.refunds();
    Ok(refunds.offer(viewer.organization, top_up).await?)
}

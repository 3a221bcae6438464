use chrono::NaiveDate;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use types::balance::Balance;
use types::dispute::DisputeNotice;
use types::history::HistoryRow;
use types::ids::{OrganizationId, TopUpId};
use types::money::{Cents, Money};
use types::payment::{PaymentMethodView, TokenizerView};
use types::pricing::PlanView;
use types::tenancy::Role;
use types::top_up::TopUpLimits;

use crate::error::AppError;
use crate::server_fns::page_client::PageClient;
#[cfg(feature = "ssr")]
use crate::ssr;

/// Days of the balance line.
pub const BALANCE_DAYS: u32 = 30;
/// Rows of the history card.
#[cfg(feature = "ssr")]
const RECENT_ROWS: u32 = 5;

/// All that the Billing page shows. Each part is read by itself: usage that comes in meanwhile may be
/// in one and not yet in another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BillingPage {
    pub organization: OrganizationId,
    pub role: Role,
    pub balance: Balance,
    /// Balances at the end of each day, oldest first, today last.
    pub daily: Vec<(NaiveDate, Money)>,
    /// Whole days that the balance lasts at the last week's pace.
    pub runway_days: Option<u32>,
    pub payment_methods: Vec<PaymentMethodView>,
    pub recent: Vec<HistoryRow>,
    /// The payment that waits for a person at their bank.
    pub waiting: Option<(TopUpId, Cents)>,
    /// Money that banks hold or took because a card's owner complained.
    pub dispute: Option<DisputeNotice>,
    pub plan: PlanView,
    pub limits: TopUpLimits,
    pub tokenizer: TokenizerView,
}

#[server(name = GetBillingPage, prefix = "/api", endpoint = "billing_page", client = PageClient)]
pub async fn billing_page() -> Result<BillingPage, AppError> {
    ssr::respond(load().await)
}

#[cfg(feature = "ssr")]
async fn load() -> Result<BillingPage, AppError> {
    let (billing, viewer) = (ssr::billing()?, ssr::viewer()?);
    let organization = viewer.organization;
    // Before the balance: what a banner says was taken is then out of it.
    let dispute = billing.disputes().notice(organization).await?;
    Ok(BillingPage {
        organization,
        role: viewer.role,
        balance: billing.prepaid().balance(organization).await?,
        daily: billing.prepaid().daily(organization, BALANCE_DAYS).await?,
        runway_days: billing.prepaid().runway(organization).await?,
        payment_methods: billing.payment_methods().list(organization).await?,
        recent: billing
            .history()
            .page(organization, None, RECENT_ROWS)
            .await?
            .rows,
        waiting: billing.top_ups().waiting(organization).await?,
        dispute,
        plan: billing.rates().plan(organization).await?,
        limits: billing.top_ups().limits(),
        tokenizer: billing.top_ups().tokenizer(),
    })
}

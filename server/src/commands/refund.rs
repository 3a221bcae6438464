//! `refund`: unused paid credit goes back to the card, by the operator's will.

use anyhow::Context;
use billing::OperatorRefund;
use clap::Args;
use serde::Serialize;
use types::ids::{OrganizationId, RefundId, TopUpId};
use types::money::Cents;
use types::time::Timestamp;

use super::{print, progress};
use crate::config::DatabaseConfig;
use crate::parts::open_offline;

#[derive(Debug, Args)]
pub(super) struct RefundArgs {
    /// The organization whose credit it is
    #[arg(long, value_name = "ID")]
    organization: OrganizationId,

    /// The credit that was paid by card, by its id in the history
    #[arg(long, value_name = "ID")]
    top_up: TopUpId,

    /// How much, in dollars, such as 5.00: at most what is unused of that credit
    #[arg(long, value_name = "DOLLARS")]
    amount: Cents,

    /// A name for this refund: the same name refunds once, however often the command is run
    #[arg(long)]
    key: String,

    /// Why, in words for people
    #[arg(long)]
    reason: String,

    #[command(flatten)]
    database: DatabaseConfig,
}

#[derive(Debug, Serialize)]
struct Asked {
    refund_id: RefundId,
    top_up_id: TopUpId,
    amount: String,
    state: &'static str,
    requested_at: Timestamp,
}

pub(super) async fn run(args: &RefundArgs) -> anyhow::Result<()> {
    let billing = open_offline(&args.database).await?;
    billing
        .migrate()
        .await
        .context("the migrations cannot be applied")?;
    billing
        .operator()
        .expect_organization(args.organization)
        .await?;
    let request = OperatorRefund {
        key: args.key.clone(),
        top_up: args.top_up,
        amount: args.amount,
        reason: args.reason.clone(),
    };
    let refunds = billing.refunds();
    let refund = refunds
        .request_as_operator(args.organization, request)
        .await?;
    billing.close().await;
    if refund.state == types::refund::RefundState::Processing {
        progress("its credit is out of the balance; the running server asks the gateway");
    }
    print(serde_json::to_string(&Asked {
        refund_id: refund.id,
        top_up_id: refund.top_up,
        amount: refund.amount.dollars().exact(),
        state: refund.state.as_str(),
        requested_at: refund.requested_at,
    })?)?;
    Ok(())
}

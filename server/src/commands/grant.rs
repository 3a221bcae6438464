//! `grant`: credit for an organization, without a payment.

use anyhow::Context;
use billing::credits::{Expiry, NewGrant};
use clap::Args;
use serde::Serialize;
use types::ids::{BatchId, OrganizationId};
use types::money::Cents;
use types::time::Timestamp;

use super::{print, progress};
use crate::config::DatabaseConfig;
use crate::parts::open_offline;

#[derive(Debug, Args)]
pub(super) struct GrantArgs {
    /// The organization that is given credit
    #[arg(long, value_name = "ID")]
    organization: OrganizationId,

    /// How much, in dollars, such as 5.00
    #[arg(long, value_name = "DOLLARS")]
    amount: Cents,

    /// A name for this grant: the same name gives once, however often the command is run
    #[arg(long)]
    key: String,

    /// Why, in words for people
    #[arg(long)]
    reason: String,

    /// From when on it cannot be used any more; 90 days from now without it
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Timestamp>,

    /// It can be used for ever
    #[arg(long, conflicts_with = "expires_at")]
    never_expires: bool,

    /// The lower is used first; what is bought has 0
    #[arg(long, value_name = "NUMBER", default_value_t = billing::credits::USUAL_PRIORITY,
        allow_negative_numbers = true)]
    priority: i64,

    #[command(flatten)]
    database: DatabaseConfig,
}

#[derive(Debug, Serialize)]
struct Given {
    transaction_id: BatchId,
    amount: String,
    granted_at: Timestamp,
    expires_at: Option<Timestamp>,
}

pub(super) async fn run(args: &GrantArgs) -> anyhow::Result<()> {
    let expiry = match (args.expires_at, args.never_expires) {
        (Some(at), _) => Expiry::At(at),
        (None, true) => Expiry::Never,
        (None, false) => Expiry::Usual,
    };
    let amount = args.amount.money().context("the amount is too large")?;
    let grant = NewGrant {
        expiry,
        priority: args.priority,
        ..NewGrant::new(args.key.clone(), amount, args.reason.clone())
    };
    let billing = open_offline(&args.database).await?;
    billing
        .migrate()
        .await
        .context("the migrations cannot be applied")?;
    let granted = billing.credits().grant(args.organization, grant).await?;
    billing.close().await;
    if !granted.is_new {
        progress("this was given before: nothing has changed");
    }
    print(serde_json::to_string(&Given {
        transaction_id: granted.transaction,
        amount: granted.amount.dollars().exact(),
        granted_at: granted.granted_at,
        expires_at: granted.expires_at,
    })?)?;
    Ok(())
}

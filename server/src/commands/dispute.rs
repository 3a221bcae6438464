//! `dispute`: what card owners complained about, and what card networks warn of, and letting
//! automatic charges go on after it.

use billing::Billing;
use clap::{Args, Subcommand};
use serde::Serialize;
use types::ids::{DisputeId, OrganizationId, TopUpId};
use types::time::Timestamp;

use super::{print, progress};
use crate::config::DatabaseConfig;
use crate::parts::open_existing;

#[derive(Debug, Subcommand)]
pub(super) enum DisputeCommand {
    /// List an organization's disputes, then its early fraud warnings, the newest first; one line of
    /// JSON each
    List(Owner),
    /// Allow automatic charges again, after you have looked at what was disputed
    Release(Owner),
}

#[derive(Debug, Args)]
pub(super) struct Owner {
    /// The organization whose payments are disputed
    #[arg(long, value_name = "ID")]
    organization: OrganizationId,

    #[command(flatten)]
    database: DatabaseConfig,
}

#[derive(Debug, Serialize)]
struct Line {
    dispute_id: DisputeId,
    gateway_dispute: String,
    top_up_id: TopUpId,
    stage: &'static str,
    reason: String,
    disputed: String,
    withdrawn: String,
    fee: String,
    /// What of it credit bears; the rest had been refunded before.
    reversed: String,
    opened_at: Timestamp,
    released_at: Option<Timestamp>,
}

/// A charge that a card network holds for fraud: nothing has moved, and a dispute may follow.
#[derive(Debug, Serialize)]
struct WarningLine {
    gateway_warning: String,
    top_up_id: TopUpId,
    warned_at: Timestamp,
}

pub(super) async fn run(command: &DisputeCommand) -> anyhow::Result<()> {
    let (DisputeCommand::List(owner) | DisputeCommand::Release(owner)) = command;
    let billing = open_existing(&owner.database).await?;
    billing
        .operator()
        .expect_organization(owner.organization)
        .await?;
    match command {
        DisputeCommand::List(_) => list(&billing, owner.organization).await?,
        DisputeCommand::Release(_) => {
            let released = billing.disputes().release(owner.organization).await?;
            progress(format_args!(
                "{released} disputes hold nothing back any more"
            ));
        }
    }
    billing.close().await;
    Ok(())
}

async fn list(billing: &Billing, organization: OrganizationId) -> anyhow::Result<()> {
    for dispute in billing.disputes().list(organization).await? {
        print(serde_json::to_string(&Line {
            dispute_id: dispute.id,
            gateway_dispute: dispute.gateway_dispute,
            top_up_id: dispute.top_up,
            stage: dispute.stage.as_str(),
            reason: dispute.reason,
            disputed: dispute.amount.dollars().exact(),
            withdrawn: dispute.withdrawn.dollars().exact(),
            fee: dispute.fee.dollars().exact(),
            reversed: dispute.reversed.dollars().exact(),
            opened_at: dispute.opened_at,
            released_at: dispute.released_at,
        })?)?;
    }
    for warning in billing.disputes().warnings(organization).await? {
        print(serde_json::to_string(&WarningLine {
            gateway_warning: warning.gateway_warning,
            top_up_id: warning.top_up,
            warned_at: warning.warned_at,
        })?)?;
    }
    Ok(())
}

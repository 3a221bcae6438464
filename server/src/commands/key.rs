//! `key create`: for a gateway that is to report usage.

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;
use types::ids::{ApiKeyId, OrganizationId, ProjectId};

use super::print;
use crate::config::DatabaseConfig;
use crate::parts::open_offline;

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key; prints one line of JSON with the secret, which is not shown again
    Create(CreateArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// The organization that pays
    #[arg(long, value_name = "ID")]
    organization: OrganizationId,

    /// The project that usage is booked under
    #[arg(long, value_name = "ID")]
    project: ProjectId,

    /// What people call the key
    #[arg(long)]
    name: String,

    #[command(flatten)]
    database: DatabaseConfig,
}

#[derive(Debug, Serialize)]
struct Created {
    api_key_id: ApiKeyId,
    api_key: String,
}

pub(super) async fn run(command: &KeyCommand) -> anyhow::Result<()> {
    let KeyCommand::Create(args) = command;
    let billing = open_offline(&args.database).await?;
    billing
        .migrate()
        .await
        .context("the migrations cannot be applied")?;
    let (view, api_key) = billing
        .operator()
        .create_key(args.organization, args.project, &args.name)
        .await?;
    billing.close().await;
    print(serde_json::to_string(&Created {
        api_key_id: view.id,
        api_key,
    })?)?;
    Ok(())
}

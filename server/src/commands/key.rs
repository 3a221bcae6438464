//! `key`: the keys of gateways that report usage.

use anyhow::Context;
use billing::Billing;
use clap::{Args, Subcommand};
use serde::Serialize;
use types::ids::{ApiKeyId, OrganizationId, ProjectId};
use types::tenancy::ApiKeyView;
use types::time::Timestamp;

use super::print;
use crate::config::DatabaseConfig;
use crate::parts::{open_existing, open_offline};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key; prints one line of JSON with the secret, which is not shown again
    Create(CreateArgs),
    /// Show an organization's keys, newest first; prints one line of JSON for each
    List(ListArgs),
    /// Revoke a key: from now on it is refused, for good
    Revoke(RevokeArgs),
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

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// The organization that pays
    #[arg(long, value_name = "ID")]
    organization: OrganizationId,

    #[command(flatten)]
    database: DatabaseConfig,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// The organization that pays
    #[arg(long, value_name = "ID")]
    organization: OrganizationId,

    /// The key, by the id that `key list` and `key create` show
    #[arg(long, value_name = "ID")]
    key: ApiKeyId,

    #[command(flatten)]
    database: DatabaseConfig,
}

#[derive(Debug, Serialize)]
struct Created {
    api_key_id: ApiKeyId,
    api_key: String,
}

/// A key without its secret, which nobody can read again.
#[derive(Debug, Serialize)]
struct Listed {
    api_key_id: ApiKeyId,
    name: String,
    /// How the secret begins and ends.
    api_key: String,
    project_id: ProjectId,
    created_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

impl From<ApiKeyView> for Listed {
    fn from(view: ApiKeyView) -> Self {
        Self {
            api_key_id: view.id,
            name: view.name,
            api_key: view.masked,
            project_id: view.project.id,
            created_at: view.created_at,
            revoked_at: view.revoked_at,
        }
    }
}

pub(super) async fn run(command: &KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Create(args) => create(args).await,
        KeyCommand::List(args) => list(args).await,
        KeyCommand::Revoke(args) => revoke(args).await,
    }
}

async fn create(args: &CreateArgs) -> anyhow::Result<()> {
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

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let billing = open_existing(&args.database).await?;
    let keys = keys_of(&billing, args.organization).await?;
    billing.close().await;
    for key in keys {
        print(serde_json::to_string(&key)?)?;
    }
    Ok(())
}

/// Prints the key as it is now; once more changes nothing.
async fn revoke(args: &RevokeArgs) -> anyhow::Result<()> {
    let billing = open_existing(&args.database).await?;
    billing
        .operator()
        .revoke_key(args.organization, args.key)
        .await?;
    let keys = keys_of(&billing, args.organization).await?;
    billing.close().await;
    for key in keys.iter().filter(|key| key.api_key_id == args.key) {
        print(serde_json::to_string(key)?)?;
    }
    Ok(())
}

async fn keys_of(billing: &Billing, organization: OrganizationId) -> anyhow::Result<Vec<Listed>> {
    let keys = billing.operator().list_keys(organization).await?;
    Ok(keys.into_iter().map(Listed::from).collect())
}

//! `migrate`: for those who want the tables changed at another time than the server's start.

use anyhow::Context;
use clap::Args;

use super::print;
use crate::config::DatabaseConfig;
use crate::parts::open_offline;
use crate::rates::load_built_in;

#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    database: DatabaseConfig,
}

pub(super) async fn run(args: &MigrateArgs) -> anyhow::Result<()> {
    let billing = open_offline(&args.database).await?;
    billing
        .migrate()
        .await
        .context("the migrations cannot be applied")?;
    load_built_in(&billing).await?;
    billing.close().await;
    print(format_args!(
        "{}: the tables are up to date",
        args.database.label()
    ))?;
    Ok(())
}

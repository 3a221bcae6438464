//! `export`: the books in forms that others read, on standard output.

use std::io::{self, BufWriter};

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::config::DatabaseConfig;
use crate::parts::open_existing;

#[derive(Debug, Subcommand)]
pub(super) enum ExportCommand {
    /// The whole ledger as a Beancount journal, which `bean-check` can verify
    Beancount(ExportArgs),
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    database: DatabaseConfig,
}

pub(super) async fn run(command: &ExportCommand) -> anyhow::Result<()> {
    match command {
        ExportCommand::Beancount(args) => {
            let billing = open_existing(&args.database).await?;
            let mut out = BufWriter::new(io::stdout());
            billing
                .export_beancount(&mut out)
                .await
                .context("the journal is not complete")?;
            billing.close().await;
            Ok(())
        }
    }
}

//! `rates load`: a new version of what models cost.

use std::path::PathBuf;

use anyhow::Context;
use billing::{Clock, SystemClock};
use clap::{Args, Subcommand};
use types::time::Timestamp;

use super::print;
use crate::config::DatabaseConfig;
use crate::parts::open_offline;
use crate::rates::load_built_in;

#[derive(Debug, Subcommand)]
pub(super) enum RatesCommand {
    /// Load a file of rates; charges that are posted do not change
    Load(LoadArgs),
}

#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// JSON with `currency` and `models`; prices are decimal strings per 1M tokens
    ///
    /// `currency` is "USD". Each of `models` has `model`, `task`, `parameters`, `max_tokens`,
    /// `input_per_million`, `output_per_million` (null: not billed) and, if it differs,
    /// `cached_input_per_million`. `comparison`, which may be left out, names other providers'
    /// models: `provider`, `model`, `name`, `input_per_million` and `output_per_million`.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// When the rates take effect, as RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    effective_at: Option<Timestamp>,

    #[command(flatten)]
    database: DatabaseConfig,
}

pub(super) async fn run(command: &RatesCommand) -> anyhow::Result<()> {
    let RatesCommand::Load(args) = command;
    let json = std::fs::read_to_string(&args.file)
        .with_context(|| format!("{} cannot be read", args.file.display()))?;
    let effective_at = args.effective_at.unwrap_or_else(|| SystemClock.now());
    let billing = open_offline(&args.database).await?;
    billing
        .migrate()
        .await
        .context("the migrations cannot be applied")?;
    // A file changes what it names: a first one as well as any other.
    load_built_in(&billing).await?;
    let loaded = billing
        .rates()
        .load(&json, effective_at)
        .await
        .with_context(|| format!("{} was not loaded", args.file.display()))?;
    billing.close().await;
    print(format_args!(
        "loaded {} models and {} for comparison, in force from {}",
        loaded.models,
        loaded.comparison,
        effective_at.to_rfc3339()
    ))?;
    Ok(())
}

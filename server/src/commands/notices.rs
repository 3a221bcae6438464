//! `notices`: what the gateway told us and could not be applied.

use std::process::ExitCode;

use anyhow::bail;
use billing::ParkedNotice;
use clap::{Args, Subcommand};

use super::print;
use crate::config::DatabaseConfig;
use crate::parts::open_existing;

/// More than a person reads; the oldest first.
const MOST_LISTED: u32 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum NoticesCommand {
    /// List those that nobody has dealt with; fails when there is one
    List(ListArgs),
    /// Note that one was dealt with
    Dismiss(DismissArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    database: DatabaseConfig,
}

#[derive(Debug, Args)]
pub(super) struct DismissArgs {
    /// The notice's id, as `list` prints it
    id: String,

    #[command(flatten)]
    database: DatabaseConfig,
}

pub(super) async fn run(command: &NoticesCommand) -> anyhow::Result<ExitCode> {
    match command {
        NoticesCommand::List(args) => list(args).await,
        NoticesCommand::Dismiss(args) => dismiss(args).await,
    }
}

async fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let billing = open_existing(&args.database).await?;
    let notices = billing.gateway_events().parked(MOST_LISTED).await;
    billing.close().await;
    let notices = notices?;
    for notice in &notices {
        print(line(notice))?;
    }
    print(format_args!("{} notices to be looked at", notices.len()))?;
    Ok(if notices.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn dismiss(args: &DismissArgs) -> anyhow::Result<ExitCode> {
    let billing = open_existing(&args.database).await?;
    let dismissed = billing.gateway_events().dismiss(&args.id).await;
    billing.close().await;
    if !dismissed? {
        bail!("no notice {} waits to be looked at", args.id);
    }
    print(format_args!("dismissed {}", args.id))?;
    Ok(ExitCode::SUCCESS)
}

fn line(notice: &ParkedNotice) -> String {
    let mut line = format!(
        "{:<11}  {}  {}  {}",
        notice.outcome,
        notice.received_at.format("%Y-%m-%d %H:%M:%S"),
        notice.kind,
        notice.id
    );
    if let Some(intent) = &notice.intent {
        line += &format!("  {intent}");
    }
    if let Some(error) = &notice.error {
        line += &format!("\n    failed {} times, last: {error}", notice.attempts);
    }
    line
}

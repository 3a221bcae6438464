//! `prove`: the books, computed again from the transfers.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::print;
use crate::config::DatabaseConfig;
use crate::parts::open_existing;

#[derive(Debug, Args)]
pub(super) struct ProveArgs {
    #[command(flatten)]
    database: DatabaseConfig,
}

/// One line a check; the last line sums up. Fails when anything differs.
pub(super) async fn run(args: &ProveArgs) -> anyhow::Result<ExitCode> {
    let billing = open_existing(&args.database).await?;
    let proof = billing
        .prove()
        .await
        .context("the books could not be read")?;
    billing.close().await;
    for check in &proof.checks {
        if check.holds() {
            print(format_args!("ok       {}", check.name))?;
        }
        for difference in &check.differences {
            print(format_args!("DIFFERS  {}: {difference}", check.name))?;
        }
        if check.unnamed > 0 {
            print(format_args!(
                "DIFFERS  {}: and {} more",
                check.name, check.unnamed
            ))?;
        }
    }
    let (accounts, transfers, events) = (proof.accounts, proof.transfers, proof.events);
    if proof.holds() {
        print(format_args!(
            "proved: {accounts} accounts, {transfers} transfers, {events} events"
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let failed = proof.checks.iter().filter(|check| !check.holds()).count();
    print(format_args!(
        "not proved: {failed} of {} checks differ in {accounts} accounts, {transfers} transfers, \
         {events} events",
        proof.checks.len()
    ))?;
    Ok(ExitCode::FAILURE)
}

//! `reconcile`: what the gateway, the ledger and our payments do not say alike.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, bail};
use billing::reconcile::{Compared, Disagreement, Report, Side};
use billing::{Billing, Clock, GatewaySettings, SystemClock};
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use clap::Args;
use serde::Serialize;
use types::time::Timestamp;

use super::print;
use super::seed::processor::Processor;
use crate::config::{AddressConfig, DatabaseConfig, GatewayChoice, GatewayConfig};
use crate::parts::{open_billing, stripe_settings};

/// Longer than the gateway sends a lost notice again.
const USUAL_DAYS: i64 = 7;

#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// Payments since then, as a date or RFC 3339 [default: a week ago]
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,

    /// One JSON object instead of lines
    #[arg(long)]
    json: bool,

    /// What the server's own hourly comparison found last; the gateway is not asked
    #[arg(long, conflicts_with = "since")]
    last: bool,

    #[command(flatten)]
    gateway: GatewayConfig,
    #[command(flatten)]
    address: AddressConfig,
    #[command(flatten)]
    database: DatabaseConfig,
}

/// A disagreement as a program reads it.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    found: &'a Disagreement,
    what_to_do: &'static str,
}

#[derive(Serialize)]
struct Printed<'a> {
    agrees: bool,
    disagreements: Vec<Listed<'a>>,
    #[serde(flatten)]
    rest: Rest<'a>,
}

/// The report without its list, which is printed with what to do.
#[derive(Serialize)]
struct Rest<'a> {
    account: &'a str,
    since: Timestamp,
    finished_at: Timestamp,
    compared: Compared,
    settled: u64,
    unlisted: u64,
    left_out: &'a [String],
}

/// Lists every disagreement; the last line sums up. Fails when there is one, or when not all could
/// be compared.
pub(super) async fn run(args: &ReconcileArgs) -> anyhow::Result<ExitCode> {
    args.database.expect_books()?;
    let (gateway, processor) = gateway(args).await?;
    let billing = open_billing(&args.database, gateway).await?;
    let report = report(args, &billing).await;
    billing.close().await;
    if let Some(processor) = processor {
        processor.stop().await;
    }
    let report = report?;
    if args.json {
        print(serde_json::to_string(&printed(&report))?)?;
    } else {
        print_lines(&report)?;
    }
    Ok(if report.agrees() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn report(args: &ReconcileArgs, billing: &Billing) -> anyhow::Result<Report> {
    if !billing.is_ready().await {
        bail!(
            "there are no books of this version in {} yet: run `zerogpu-billing migrate`, or start \
             `zerogpu-billing serve`",
            args.database.label()
        );
    }
    let reconciliation = billing.reconciliation();
    if args.last {
        let last = reconciliation.last_comparison().await?;
        return last.context("the server has not compared anything yet; it does so every hour");
    }
    let usual = SystemClock.now() - TimeDelta::days(USUAL_DAYS);
    reconciliation
        .compare(args.since.unwrap_or(usual))
        .await
        .context("the two sides could not be compared")
}

/// The gateway that the server uses; the sandbox is opened beside it, on the same store.
async fn gateway(args: &ReconcileArgs) -> anyhow::Result<(GatewaySettings, Option<Processor>)> {
    let addr: SocketAddr = args.address.addr;
    match args.gateway.choose()? {
        GatewayChoice::Stripe(keys) => {
            let public_url = args.address.public_url(addr)?;
            Ok((stripe_settings(&keys, &public_url), None))
        }
        GatewayChoice::Sandbox => {
            let processor = Processor::start(&args.database, addr).await?;
            Ok((processor.gateway.clone(), Some(processor)))
        }
    }
}

fn printed(report: &Report) -> Printed<'_> {
    let listed = report.disagreements.iter().map(|found| Listed {
        found,
        what_to_do: found.kind.what_to_do(),
    });
    Printed {
        agrees: report.agrees(),
        disagreements: listed.collect(),
        rest: Rest {
            account: &report.account,
            since: report.since,
            finished_at: report.finished_at,
            compared: report.compared,
            settled: report.settled,
            unlisted: report.unlisted,
            left_out: &report.left_out,
        },
    }
}

fn print_lines(report: &Report) -> anyhow::Result<()> {
    for found in &report.disagreements {
        let mut about = Vec::new();
        about.extend(found.top_up.map(|id| format!("top-up {id}")));
        about.extend(found.reference.clone());
        about.extend(found.organization.map(|id| format!("organization {id}")));
        print(format_args!(
            "{:<18}  {}",
            found.kind.as_str(),
            about.join("  ")
        ))?;
        let (ours, gateway) = (side(&found.ours), side(&found.gateway));
        print(format_args!("    ours: {ours}; gateway: {gateway}"))?;
        print(format_args!("    {}", found.kind.what_to_do()))?;
    }
    for what in &report.left_out {
        print(format_args!("NOT COMPARED        {what}"))?;
    }
    if report.settled > 0 {
        let settled = report.settled;
        print(format_args!(
            "settled: {settled} whose notice was late or lost"
        ))?;
    }
    let compared = compared(&report.compared);
    let differ = report.disagreements.len() as u64 + report.unlisted;
    if report.agrees() {
        print(format_args!("agreed: {compared}"))?;
    } else {
        print(format_args!("disagreements: {differ}, in {compared}"))?;
    }
    Ok(())
}

fn compared(compared: &Compared) -> String {
    let (payments, refunds) = (compared.payments, compared.refunds);
    let (disputes, customers) = (compared.disputes, compared.customers);
    format!(
        "{payments} payments, {refunds} refunds, {disputes} disputes, the cards of {customers} \
         customers"
    )
}

fn side(side: &Side) -> String {
    let currency = side.currency.as_deref().unwrap_or("usd");
    let sum = side.cents.map(|cents| {
        let sign = if cents < 0 { "-" } else { "" };
        let cents = cents.unsigned_abs();
        format!("{sign}{}.{:02} {currency}", cents / 100, cents % 100)
    });
    let words: Vec<String> = sum.into_iter().chain(side.state.clone()).collect();
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

/// An instant, or the beginning of a day in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    text.parse()
        .map_err(|_| "give a date such as 2026-11-01, or an RFC 3339 time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_moment_and_a_time_is_itself() {
        let day: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        assert_eq!(time("2026-11-01"), Ok(day));
        assert_eq!(time("2026-11-01T00:00:00Z"), Ok(day));
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn a_side_says_its_money_and_its_state() {
        let told = Side {
            cents: Some(2_505),
            currency: Some("eur".to_owned()),
            state: Some("succeeded".to_owned()),
        };
        assert_eq!(side(&told), "25.05 eur, succeeded");
        assert_eq!(side(&Side::default()), "nothing");
    }
}

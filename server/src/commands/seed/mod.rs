//! `seed`: a demo organization, made through the same code that a customer's organization goes
//! through: its card at the sandbox over HTTP, its top-ups by the state machine, its usage by the
//! meter, each at its own time.
//!
//! Running it again changes nothing and prints the same line. Owns the demo's story; see `story`
//! for what happens in it and `traffic` for the requests.

mod demo;
pub(super) mod processor;
mod story;
mod traffic;

use anyhow::Context;
use billing::{Billing, BillingSettings, Clock, ManualClock, SystemClock};
use chrono::{Duration, SubsecRound};
use clap::Args;
use secrecy::ExposeSecret;
use serde::Serialize;
use types::ids::{OrganizationId, ProjectId};
use types::time::Timestamp;
use types::top_up::TopUpLimits;

use self::demo::{Demo, DemoFile};
use self::processor::Processor;
use super::{print, progress};
use crate::config::{AddressConfig, DatabaseConfig};
use crate::rates::load_built_in;

/// How far back the demo's history reaches.
const HISTORY_DAYS: i64 = 30;

#[derive(Debug, Args)]
pub(super) struct SeedArgs {
    /// The organization alone, without top-ups and usage
    #[arg(long)]
    empty: bool,

    #[command(flatten)]
    address: AddressConfig,
    #[command(flatten)]
    database: DatabaseConfig,
}

/// The one line that is printed.
#[derive(Debug, Serialize)]
struct Seeded<'a> {
    url: String,
    email: &'a str,
    password: &'a str,
    organization_id: OrganizationId,
    project_id: ProjectId,
    api_key: &'a str,
}

pub(super) async fn run(args: &SeedArgs) -> anyhow::Result<()> {
    let url = args.address.public_url(args.address.addr)?.origin();
    args.database.prepare_directory()?;
    let now = SystemClock.now().trunc_subsecs(0);
    let clock = ManualClock::new(beginning(now));
    let processor = Processor::start(&args.database, args.address.addr).await?;
    let billing = open(args, &processor, &clock).await?;

    let mut file = DemoFile::open(args.database.demo_file())?;
    let demo = Demo::find_or_make(&billing, &processor, &mut file, now).await?;
    if !args.empty && !demo.memory.is_told {
        story::tell(&billing, &processor, &clock, &demo).await?;
        file.remember_told(demo.viewer.organization)?;
    }
    billing.close().await;
    processor.stop().await;
    progress("the demo organization is ready");
    print(serde_json::to_string(&Seeded {
        url,
        email: demo::EMAIL,
        password: demo::PASSWORD,
        organization_id: demo.viewer.organization,
        project_id: demo.production,
        api_key: &demo.memory.api_key,
    })?)?;
    Ok(())
}

/// A day before the first request, when the organization was made.
fn beginning(end: Timestamp) -> Timestamp {
    end - Duration::days(HISTORY_DAYS + 1)
}

async fn open(
    args: &SeedArgs,
    processor: &Processor,
    clock: &ManualClock,
) -> anyhow::Result<Billing> {
    let settings = BillingSettings {
        database_url: args.database.url().expose_secret().to_owned(),
        gateway: processor.gateway.clone(),
        top_up_limits: TopUpLimits::default(),
        refund_window: billing::USUAL_REFUND_WINDOW,
    };
    let billing = Billing::open(settings, std::sync::Arc::new(clock.clone()))
        .await
        .with_context(|| args.database.cannot_be_opened())?;
    billing
        .migrate()
        .await
        .context("the migrations cannot be applied")?;
    load_built_in(&billing).await?;
    Ok(billing)
}

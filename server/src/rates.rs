//! The rates that a new installation starts with.

use anyhow::Context;
use billing::Billing;
use chrono::{DateTime, Utc};

/// Before any usage there could be.
const BEGINNING: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// Loads the built-in rates where there are none. An operator's own are never replaced.
pub(crate) async fn load_built_in(billing: &Billing) -> anyhow::Result<()> {
    let rates = billing.rates();
    if rates
        .models()
        .await
        .context("the rates cannot be read")?
        .is_empty()
    {
        let loaded = rates
            .load(billing::rates::SEED_JSON, BEGINNING)
            .await
            .context("the built-in rates cannot be loaded")?;
        tracing::info!(models = loaded.models, "loaded the built-in rates");
    }
    Ok(())
}

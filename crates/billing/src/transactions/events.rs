//! The usage events that a transaction paid for, each with the prices that made its cost.

use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{ApiKeyId, BatchId, OrganizationId, ProjectId};
use types::money::{Cost, Dollars};
use types::pricing::Rate;
use types::time::Timestamp;
use types::usage::Tokens;

use crate::StoreError;
use crate::db::{id, time};
use crate::metering::event_id;

/// One request that ran, as it was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionEvent {
    pub source: String,
    pub id: String,
    pub subject: Option<String>,
    pub occurred_at: Timestamp,
    pub received_at: Timestamp,
    pub model: String,
    pub tokens: Tokens,
    pub rates: EventRates,
    pub cost: Cost,
    /// What its sender said that it cost.
    pub claimed_cost: Option<Dollars>,
    pub project: ProjectId,
    pub api_key: ApiKeyId,
    pub status: Option<i64>,
    pub latency_ms: Option<i64>,
    pub request_id: Option<String>,
}

/// The prices in force when the request ran. `None`: those tokens were not billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRates {
    pub effective_at: Timestamp,
    pub input: Option<Rate>,
    pub cached_input: Option<Rate>,
    pub output: Option<Rate>,
}

/// At most `limit` events of a batch, behind the first `after`, in the order in which they were
/// counted. A batch never changes, and its events are numbered without a gap.
pub(super) async fn events_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    batch: BatchId,
    after: u32,
    limit: u32,
) -> Result<Vec<TransactionEvent>, StoreError> {
    let rows = sqlx::query(
        "select usage_sources.source, usage_sources.key_form, usage_events.event_key,
                usage_events.event_id, usage_events.subject, usage_events.occurred_at,
                usage_batches.created_at as received_at, usage_series.model,
                usage_events.input_tokens, usage_events.cached_input_tokens,
                usage_events.output_tokens, usage_events.cost_pico, usage_events.claimed_cost,
                usage_series.project_id, usage_series.api_key_id, usage_events.status,
                usage_events.latency_ms, usage_events.request_id,
                model_rates.effective_at, model_rates.input_pico,
                coalesce(model_rates.cached_input_pico, model_rates.input_pico)
                    as cached_input_pico,
                model_rates.output_pico
         from usage_batches
         join usage_events on usage_events.batch_no = usage_batches.no
         join usage_sources on usage_sources.no = usage_events.source_no
         join usage_series on usage_series.no = usage_events.series_no
         join model_rates on model_rates.model = usage_series.model
             and model_rates.effective_at = usage_series.rate_effective_at
         where usage_batches.id = $1 and usage_batches.organization_id = $2
             and usage_events.position >= $3
         order by usage_events.position
         limit $4",
    )
    .bind(batch.to_string())
    .bind(organization.to_string())
    .bind(i64::from(after))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.iter().map(event).collect()
}

fn event(row: &AnyRow) -> Result<TransactionEvent, StoreError> {
    let rate = |column: &str| -> Result<Option<Rate>, StoreError> {
        let picos: Option<i64> = row.try_get(column)?;
        Ok(picos.map(Rate::from_picos_a_token))
    };
    Ok(TransactionEvent {
        source: row.try_get("source")?,
        id: event_id(row)?,
        subject: row.try_get("subject")?,
        occurred_at: time(row, "occurred_at")?,
        received_at: time(row, "received_at")?,
        model: row.try_get("model")?,
        tokens: Tokens {
            input: row.try_get("input_tokens")?,
            cached_input: row.try_get("cached_input_tokens")?,
            output: row.try_get("output_tokens")?,
        },
        rates: EventRates {
            effective_at: time(row, "effective_at")?,
            input: rate("input_pico")?,
            cached_input: rate("cached_input_pico")?,
            output: rate("output_pico")?,
        },
        cost: Cost::from_picos(row.try_get("cost_pico")?),
        claimed_cost: claimed(row)?,
        project: id(row, "project_id")?,
        api_key: id(row, "api_key_id")?,
        status: row.try_get("status")?,
        latency_ms: row.try_get("latency_ms")?,
        request_id: row.try_get("request_id")?,
    })
}

fn claimed(row: &AnyRow) -> Result<Option<Dollars>, StoreError> {
    let Some(text) = row.try_get::<Option<String>, _>("claimed_cost")? else {
        return Ok(None);
    };
    let dollars = text
        .parse()
        .map_err(|_| StoreError::Inconsistent(format!("claimed cost `{text}`")))?;
    Ok(Some(Dollars::new(dollars)))
}

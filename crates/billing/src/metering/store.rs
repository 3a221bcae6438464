//! Usage in the database.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::Row;
use types::ids::{ApiKeyId, BatchId, OrganizationId, ProjectId};
use types::money::{Cost, Money};
use types::time::Timestamp;
use types::usage::UsageEvent;

use super::Numbered;
use crate::StoreError;
use crate::db::{id, micros, placeholders};

/// Ids in one look-up, and rows in one insert: well below what either database can bind.
const CHUNK: usize = 250;
/// Columns that an event's row binds.
const EVENT_COLUMNS: usize = 18;

/// An event that is new, with its price and its owner.
pub(super) struct Counted {
    pub(super) project: ProjectId,
    pub(super) api_key: ApiKeyId,
    pub(super) hash: String,
    pub(super) cost: Cost,
    pub(super) rate_effective_at: Timestamp,
    pub(super) occurred_at: Timestamp,
    pub(super) event: UsageEvent,
}

/// Events that were counted together, and what they moved.
pub(super) struct UsageBatch {
    pub(super) id: BatchId,
    pub(super) organization: OrganizationId,
    pub(super) cost: Cost,
    pub(super) posted: Money,
    pub(super) carry_before: Cost,
    pub(super) carry_after: Cost,
    pub(super) booked_at: Timestamp,
}

/// Sums for one project and model.
#[derive(Default)]
pub(super) struct DayTotals {
    pub(super) requests: i64,
    pub(super) tokens: i64,
    pub(super) cost: Cost,
}

/// Which of the projects and keys that events name belong to the organization.
pub(super) struct Owners {
    projects: HashSet<ProjectId>,
    api_keys: HashSet<ApiKeyId>,
}

impl Owners {
    pub(super) async fn read_in(
        connection: &mut ledger::Connection,
        organization: OrganizationId,
        events: &[Numbered],
    ) -> Result<Self, StoreError> {
        let projects: HashSet<ProjectId> = events
            .iter()
            .filter_map(|numbered| numbered.event.project)
            .collect();
        let api_keys: HashSet<ApiKeyId> = events
            .iter()
            .filter_map(|numbered| numbered.event.api_key)
            .collect();
        Ok(Self {
            projects: owned_in(connection, "projects", organization, projects).await?,
            api_keys: owned_in(connection, "api_keys", organization, api_keys).await?,
        })
    }

    pub(super) fn has_project(&self, project: ProjectId) -> bool {
        self.projects.contains(&project)
    }

    pub(super) fn has_api_key(&self, api_key: ApiKeyId) -> bool {
        self.api_keys.contains(&api_key)
    }
}

/// Those of `named` that are in `table` and the organization's.
async fn owned_in<T>(
    connection: &mut ledger::Connection,
    table: &'static str,
    organization: OrganizationId,
    named: HashSet<T>,
) -> Result<HashSet<T>, StoreError>
where
    T: ToString + std::str::FromStr + Eq + std::hash::Hash,
{
    let named: Vec<String> = named.iter().map(T::to_string).collect();
    let mut owned = HashSet::new();
    for chunk in named.chunks(CHUNK) {
        let text = format!(
            "select id from {table} where organization_id = $1 and id in ({})",
            placeholders(2, chunk.len())
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(organization.to_string());
        for name in chunk {
            query = query.bind(name.as_str());
        }
        for row in query.fetch_all(&mut *connection).await? {
            owned.insert(id(&row, "id")?);
        }
    }
    Ok(owned)
}

/// The content hashes of events that were counted before, by source and id.
pub(super) async fn known_hashes_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    by_source: &BTreeMap<&str, Vec<&str>>,
) -> Result<HashMap<(String, String), String>, StoreError> {
    let mut known = HashMap::new();
    for (source, ids) in by_source {
        for chunk in ids.chunks(CHUNK) {
            let text = format!(
                "select event_id, content_hash from usage_events
                 where organization_id = $1 and source = $2 and event_id in ({})",
                placeholders(3, chunk.len())
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(text))
                .bind(organization.to_string())
                .bind(*source);
            for event_id in chunk {
                query = query.bind(*event_id);
            }
            for row in query.fetch_all(&mut *connection).await? {
                let key = ((*source).to_owned(), row.try_get("event_id")?);
                known.insert(key, row.try_get("content_hash")?);
            }
        }
    }
    Ok(known)
}

/// What the last batch could not post, below one nano-dollar.
pub(super) async fn carry_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
) -> Result<Cost, StoreError> {
    let picos: Option<i64> =
        sqlx::query_scalar("select carry_pico from usage_carries where organization_id = $1")
            .bind(organization.to_string())
            .fetch_optional(connection)
            .await?;
    Ok(picos.map_or(Cost::ZERO, Cost::from_picos))
}

pub(super) async fn set_carry_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    carry: Cost,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into usage_carries (organization_id, carry_pico) values ($1, $2)
         on conflict (organization_id) do update set carry_pico = excluded.carry_pico",
    )
    .bind(organization.to_string())
    .bind(carry.picos())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn insert_batch_in(
    connection: &mut ledger::Connection,
    batch: &UsageBatch,
    event_count: usize,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event_count = i64::try_from(event_count)
        .map_err(|_| StoreError::Inconsistent("a batch of too many events".to_owned()))?;
    sqlx::query(
        "insert into usage_batches
             (id, organization_id, event_count, cost_pico, posted_nano, carry_before_pico,
              carry_after_pico, booked_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(batch.id.to_string())
    .bind(batch.organization.to_string())
    .bind(event_count)
    .bind(batch.cost.picos())
    .bind(batch.posted.nanos())
    .bind(batch.carry_before.picos())
    .bind(batch.carry_after.picos())
    .bind(micros(batch.booked_at))
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn insert_events_in(
    connection: &mut ledger::Connection,
    batch: &UsageBatch,
    events: &[Counted],
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in events.chunks(CHUNK) {
        let rows: Vec<String> = (0..chunk.len())
            .map(|row| format!("({})", placeholders(1 + row * EVENT_COLUMNS, EVENT_COLUMNS)))
            .collect();
        let text = format!(
            "insert into usage_events
                 (organization_id, source, event_id, content_hash, batch_id, project_id,
                  api_key_id, model, rate_effective_at, input_tokens, cached_input_tokens,
                  output_tokens, cost_pico, status, latency_ms, request_id, occurred_at,
                  received_at)
             values {}",
            rows.join(", ")
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(text));
        for counted in chunk {
            let event = &counted.event;
            query = query
                .bind(batch.organization.to_string())
                .bind(event.source.as_str())
                .bind(event.id.as_str())
                .bind(counted.hash.as_str())
                .bind(batch.id.to_string())
                .bind(counted.project.to_string())
                .bind(counted.api_key.to_string())
                .bind(event.model.as_str())
                .bind(micros(counted.rate_effective_at))
                .bind(event.tokens.input)
                .bind(event.tokens.cached_input)
                .bind(event.tokens.output)
                .bind(counted.cost.picos())
                .bind(event.status)
                .bind(event.latency_ms)
                .bind(event.request_id.as_deref())
                .bind(micros(counted.occurred_at))
                .bind(micros(now));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Adds to the day on which the batch was booked.
pub(super) async fn add_to_days_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    totals: &BTreeMap<(ProjectId, String), DayTotals>,
    booked_at: Timestamp,
) -> Result<(), StoreError> {
    for ((project, model), sum) in totals {
        sqlx::query(
            "insert into usage_days
                 (organization_id, day, project_id, model, requests, tokens, cost_pico,
                  first_booked_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (organization_id, day, project_id, model) do update set
                 requests = usage_days.requests + excluded.requests,
                 tokens = usage_days.tokens + excluded.tokens,
                 cost_pico = usage_days.cost_pico + excluded.cost_pico",
        )
        .bind(organization.to_string())
        .bind(booked_at.date_naive().to_string())
        .bind(project.to_string())
        .bind(model.as_str())
        .bind(sum.requests)
        .bind(sum.tokens)
        .bind(sum.cost.picos())
        .bind(micros(booked_at))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

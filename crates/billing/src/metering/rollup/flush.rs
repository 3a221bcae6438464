//! Writing what lies above watermarks into the tables.
//!
//! The sums are made before the writing transaction begins, from memory or by reading: on SQLite
//! everybody else waits for it. In it the watermarks are locked, in the order of the
//! organizations' ids, and only what they have not passed is added; so whoever else does the same
//! at the same time, here or in another process, nothing is added twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};
use types::ids::OrganizationId;

use super::above::{is_window, listed_in, watermarks_in, with_sums_in};
use super::sums::{BatchSums, Day, DayKey, HourKey, Hours, Sums};
use super::tail::Tail;
use super::{marks, model};
use crate::StoreError;
use crate::db::{Db, id};

/// The most organizations in one transaction.
const ORGANIZATIONS: usize = 128;
/// The most sums that are taken into one transaction before another organization's are not.
const SUMS: usize = 4_096;
/// The most rows in one statement.
const ROWS: usize = 64;

/// How many in a row find the database busy or away before it is left alone.
const MOST_IN_A_ROW: usize = 2;

/// Of whom something is not in the tables.
#[derive(Default)]
pub(super) struct Left {
    /// There is more of theirs than is done at once, or it was not tried.
    pub(super) unfinished: Vec<OrganizationId>,
    /// Theirs could not be written.
    pub(super) failed: Vec<(OrganizationId, StoreError)>,
    /// Set when the database, and not somebody's sums, was the trouble.
    pub(super) gave_up: bool,
}

/// Brings the tables up to date for `organizations`, which are in the order of their ids.
pub(super) async fn flush(db: &Db, tail: &Tail, organizations: &[OrganizationId]) -> Left {
    let mut left = Left::default();
    // Whoever failed before must not fail the others: it is tried alone, and last.
    let (failing, sound): (Vec<_>, Vec<_>) = organizations
        .iter()
        .copied()
        .partition(|organization| tail.is_failing(*organization));
    let mut rest = &sound[..];
    while !rest.is_empty() && !left.gave_up {
        match flush_some(db, tail, rest).await {
            Ok(done) => {
                left.unfinished.extend(done.unfinished);
                rest = &rest[done.organizations..];
            }
            Err(error) => {
                tracing::warn!(%error, "usage was not summed up together; each is tried alone");
                let (now, later) = rest.split_at(rest.len().min(ORGANIZATIONS));
                left.try_each(db, tail, now).await;
                rest = later;
            }
        }
    }
    if left.gave_up {
        left.unfinished.extend(rest);
        left.unfinished.extend(failing);
    } else {
        left.try_each(db, tail, &failing).await;
    }
    left
}

impl Left {
    /// One after the other, unless the database seems to be the trouble.
    async fn try_each(&mut self, db: &Db, tail: &Tail, organizations: &[OrganizationId]) {
        let mut in_a_row = 0;
        for (at, organization) in organizations.iter().enumerate() {
            match flush_some(db, tail, &[*organization]).await {
                Ok(done) => {
                    in_a_row = 0;
                    tail.succeeds(*organization);
                    self.unfinished.extend(done.unfinished);
                }
                Err(error) => {
                    if matches!(error, StoreError::Busy | StoreError::Unavailable(_)) {
                        in_a_row += 1;
                    } else {
                        in_a_row = 0;
                    }
                    self.failed.push((*organization, error));
                    if in_a_row == MOST_IN_A_ROW {
                        self.gave_up = true;
                        self.unfinished.extend(&organizations[at + 1..]);
                        return;
                    }
                }
            }
        }
    }
}

struct Done {
    /// How many of the organizations were looked at.
    organizations: usize,
    unfinished: Vec<OrganizationId>,
}

/// All batches of an organization above a place, up to the last one here, without a hole.
struct Found {
    organization: OrganizationId,
    above: i64,
    batches: Vec<Arc<BatchSums>>,
}

/// One transaction's worth.
async fn flush_some(
    db: &Db,
    tail: &Tail,
    organizations: &[OrganizationId],
) -> Result<Done, StoreError> {
    let mut done = Done {
        organizations: 0,
        unfinished: Vec::new(),
    };
    let organizations = &organizations[..organizations.len().min(ORGANIZATIONS)];
    let mut found: Vec<Found> = Vec::new();
    let mut sums = 0;
    let mut tx = db.begin_read().await?;
    let watermarks = watermarks_in(&mut tx, organizations).await?;
    let mut listed = listed_in(&mut tx, &watermarks).await?;
    for organization in organizations {
        let of_organization = listed.remove(organization).unwrap_or_default();
        let batches = with_sums_in(&mut tx, tail, *organization, &of_organization).await?;
        let above = watermarks.get(organization).copied().unwrap_or(0);
        tail.forget(*organization, above);
        done.organizations += 1;
        if is_window(&of_organization) {
            done.unfinished.push(*organization);
        }
        sums += batches.iter().map(|batch| batch.hours.len()).sum::<usize>();
        if !batches.is_empty() {
            found.push(Found {
                organization: *organization,
                above,
                batches,
            });
        }
        if sums >= SUMS {
            break;
        }
    }
    drop(tx);
    if !found.is_empty() {
        let watermarks = write(db, &found).await?;
        for (organization, watermark) in watermarks {
            tail.forget(organization, watermark);
        }
    }
    Ok(done)
}

/// Adds what the watermarks have not passed, and moves them. Returns where they are then.
async fn write(db: &Db, found: &[Found]) -> Result<BTreeMap<OrganizationId, i64>, StoreError> {
    let mut tx = db.begin().await?;
    let organizations: Vec<OrganizationId> = found.iter().map(|found| found.organization).collect();
    let mut watermarks = lock_watermarks_in(&mut tx, &organizations).await?;
    let mut hours: BTreeMap<(OrganizationId, HourKey), Sums> = BTreeMap::new();
    let mut days: BTreeMap<(OrganizationId, DayKey), Day> = BTreeMap::new();
    for Found {
        organization,
        above,
        batches,
    } in found
    {
        let watermark = watermarks.get_mut(organization).ok_or_else(|| {
            StoreError::Inconsistent(format!("the watermark of {organization} is not locked"))
        })?;
        // Somebody has deleted the sums in between: these batches are not all that is missing.
        if *watermark < *above {
            continue;
        }
        let (mut of_hours, mut of_days) = (Hours::new(), BTreeMap::new());
        for batch in batches.iter().filter(|batch| batch.sequence > *watermark) {
            batch.add_to_hours(&mut of_hours)?;
            batch.add_to_days(&mut of_days)?;
        }
        let last = batches.last().map_or(0, |batch| batch.sequence);
        *watermark = last.max(*watermark);
        hours.extend(
            of_hours
                .into_iter()
                .map(|(key, sums)| ((*organization, key), sums)),
        );
        days.extend(
            of_days
                .into_iter()
                .map(|(key, day)| ((*organization, key), day)),
        );
    }
    if hours.is_empty() {
        // Another process was faster.
        return Ok(watermarks);
    }
    add_stored_hours_in(&mut tx, &mut hours).await?;
    add_stored_days_in(&mut tx, &mut days).await?;
    write_hours_in(&mut tx, &hours).await?;
    write_days_in(&mut tx, &days).await?;
    write_watermarks_in(&mut tx, &watermarks).await?;
    tx.commit().await?;
    Ok(watermarks)
}

/// Runs `text` once for each run of rows, with as many marks.
fn statements<'r, R>(
    rows: &'r [R],
    columns: usize,
    text: impl Fn(&str) -> String + 'r,
) -> impl Iterator<Item = (String, &'r [R])> {
    ledger::bulk::runs(rows.len(), ROWS)
        .map(move |run| (text(&marks(run.len(), columns)), &rows[run]))
}

type AnyQuery<'q> = Query<'q, Any, <Any as sqlx::Database>::Arguments>;

async fn lock_watermarks_in(
    connection: &mut ledger::Connection,
    organizations: &[OrganizationId],
) -> Result<BTreeMap<OrganizationId, i64>, StoreError> {
    let mut watermarks = BTreeMap::new();
    // The update that changes nothing locks a row that is there, on PostgreSQL.
    let text = |marks: &str| {
        format!(
            "insert into usage_watermarks (organization_id, sequence) values {marks}
             on conflict (organization_id) do update set sequence = usage_watermarks.sequence
             returning organization_id, sequence"
        )
    };
    for (text, organizations) in statements(organizations, 2, text) {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for organization in organizations {
            query = query.bind(organization.to_string()).bind(0_i64);
        }
        for row in query.fetch_all(&mut *connection).await? {
            watermarks.insert(id(&row, "organization_id")?, row.try_get("sequence")?);
        }
    }
    Ok(watermarks)
}

async fn write_watermarks_in(
    connection: &mut ledger::Connection,
    watermarks: &BTreeMap<OrganizationId, i64>,
) -> Result<(), StoreError> {
    let rows: Vec<_> = watermarks.iter().collect();
    let text = |marks: &str| {
        format!(
            "insert into usage_watermarks (organization_id, sequence) values {marks}
             on conflict (organization_id) do update set sequence = excluded.sequence"
        )
    };
    for (text, rows) in statements(&rows, 2, text) {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (organization, sequence) in rows {
            query = query.bind(organization.to_string()).bind(**sequence);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

fn bind_hour<'q>(
    query: AnyQuery<'q>,
    (organization, key): &(OrganizationId, HourKey),
) -> AnyQuery<'q> {
    query
        .bind(organization.to_string())
        .bind(key.hour)
        .bind(key.project.to_string())
        .bind(key.api_key.to_string())
        .bind(key.model.to_string())
}

/// Adds what the tables have: nobody else changes it while the watermarks are locked.
async fn add_stored_hours_in(
    connection: &mut ledger::Connection,
    hours: &mut BTreeMap<(OrganizationId, HourKey), Sums>,
) -> Result<(), StoreError> {
    let keys: Vec<(OrganizationId, HourKey)> = hours.keys().cloned().collect();
    let text = |marks: &str| {
        format!(
            "with asked (organization_id, hour, project_id, api_key_id, model) as (values {marks})
             select usage_hours.* from asked
             join usage_hours on usage_hours.organization_id = asked.organization_id
                 and usage_hours.hour = asked.hour
                 and usage_hours.project_id = asked.project_id
                 and usage_hours.api_key_id = asked.api_key_id
                 and usage_hours.model = asked.model"
        )
    };
    for (text, keys) in statements(&keys, 5, text) {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for key in keys {
            query = bind_hour(query, key);
        }
        for row in query.fetch_all(&mut *connection).await? {
            let key = HourKey {
                hour: row.try_get("hour")?,
                project: id(&row, "project_id")?,
                api_key: id(&row, "api_key_id")?,
                model: model(&row)?,
            };
            let stored = super::sums(&row)?;
            if let Some(sums) = hours.get_mut(&(id(&row, "organization_id")?, key)) {
                sums.plus(&stored)?;
            }
        }
    }
    Ok(())
}

async fn write_hours_in(
    connection: &mut ledger::Connection,
    hours: &BTreeMap<(OrganizationId, HourKey), Sums>,
) -> Result<(), StoreError> {
    let rows: Vec<_> = hours.iter().collect();
    let text = |marks: &str| {
        format!(
            "insert into usage_hours
                 (organization_id, hour, project_id, api_key_id, model, requests, errors,
                  input_tokens, cached_input_tokens, output_tokens, cost_nano, cost_rest_pico,
                  latency_count, latency_sum_ms, latencies)
             values {marks}
             on conflict (organization_id, hour, project_id, api_key_id, model) do update set
                 requests = excluded.requests,
                 errors = excluded.errors,
                 input_tokens = excluded.input_tokens,
                 cached_input_tokens = excluded.cached_input_tokens,
                 output_tokens = excluded.output_tokens,
                 cost_nano = excluded.cost_nano,
                 cost_rest_pico = excluded.cost_rest_pico,
                 latency_count = excluded.latency_count,
                 latency_sum_ms = excluded.latency_sum_ms,
                 latencies = excluded.latencies"
        )
    };
    for (text, rows) in statements(&rows, 15, text) {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (key, sums) in rows {
            let (cost_nano, cost_rest_pico) = sums.cost.stored()?;
            query = bind_hour(query, key)
                .bind(sums.requests)
                .bind(sums.errors)
                .bind(sums.tokens.input)
                .bind(sums.tokens.cached_input)
                .bind(sums.tokens.output)
                .bind(cost_nano)
                .bind(cost_rest_pico)
                .bind(sums.latencies.count)
                .bind(sums.latencies.sum_ms)
                .bind(sums.latencies.to_string());
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

fn bind_day<'q>(
    query: AnyQuery<'q>,
    (organization, key): &(OrganizationId, DayKey),
) -> AnyQuery<'q> {
    query
        .bind(organization.to_string())
        .bind(key.day.clone())
        .bind(key.project.to_string())
        .bind(key.model.to_string())
}

/// Adds what the tables have.
async fn add_stored_days_in(
    connection: &mut ledger::Connection,
    days: &mut BTreeMap<(OrganizationId, DayKey), Day>,
) -> Result<(), StoreError> {
    let keys: Vec<(OrganizationId, DayKey)> = days.keys().cloned().collect();
    let text = |marks: &str| {
        format!(
            "with asked (organization_id, day, project_id, model) as (values {marks})
             select usage_days.* from asked
             join usage_days on usage_days.organization_id = asked.organization_id
                 and usage_days.day = asked.day
                 and usage_days.project_id = asked.project_id
                 and usage_days.model = asked.model"
        )
    };
    for (text, keys) in statements(&keys, 4, text) {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for key in keys {
            query = bind_day(query, key);
        }
        for row in query.fetch_all(&mut *connection).await? {
            let key = DayKey {
                day: row.try_get("day")?,
                project: id(&row, "project_id")?,
                model: model(&row)?,
            };
            let stored = super::day(&row)?;
            if let Some(day) = days.get_mut(&(id(&row, "organization_id")?, key)) {
                day.plus(&stored)?;
            }
        }
    }
    Ok(())
}

async fn write_days_in(
    connection: &mut ledger::Connection,
    days: &BTreeMap<(OrganizationId, DayKey), Day>,
) -> Result<(), StoreError> {
    let rows: Vec<_> = days.iter().collect();
    let text = |marks: &str| {
        format!(
            "insert into usage_days
                 (organization_id, day, project_id, model, requests, tokens, cost_nano,
                  cost_rest_pico, first_booked_at)
             values {marks}
             on conflict (organization_id, day, project_id, model) do update set
                 requests = excluded.requests,
                 tokens = excluded.tokens,
                 cost_nano = excluded.cost_nano,
                 cost_rest_pico = excluded.cost_rest_pico,
                 first_booked_at = excluded.first_booked_at"
        )
    };
    for (text, rows) in statements(&rows, 9, text) {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (key, day) in rows {
            let (cost_nano, cost_rest_pico) = day.cost.stored()?;
            query = bind_day(query, key)
                .bind(day.requests)
                .bind(day.tokens)
                .bind(cost_nano)
                .bind(cost_rest_pico)
                .bind(day.first_booked_at);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

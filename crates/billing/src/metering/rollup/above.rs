//! What lies above an organization's watermark: batches that are committed and not in the tables.
//!
//! A batch's place among those of its organization, its `sequence`, is taken under the lock of the
//! books and committed before it is given back. So whoever sees a batch sees all before it, in every
//! process, and "above the watermark" is never a list with holes.

use std::collections::HashMap;
use std::sync::Arc;

use futures::TryStreamExt;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use types::ids::OrganizationId;
use types::usage::Tokens;

use super::marks;
use super::sums::{BatchAdder, BatchSums, Days, Hours, Ran, SeriesOwner};
use super::tail::Tail;
use crate::StoreError;
use crate::db::id;

/// Batches that are looked at together.
const WINDOW: i64 = 256;
/// Batches whose events, or organizations whose watermarks, are read by one statement.
const TOGETHER: usize = 64;
/// Organizations whose batches are listed by one statement.
const LISTED_TOGETHER: usize = 32;

/// A batch of an organization, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    sequence: i64,
    /// By which its events name it.
    no: i64,
    booked_at: i64,
}

/// How far the sums of organizations go. Without a watermark nothing is summed up.
pub(super) async fn watermarks_in(
    connection: &mut ledger::Connection,
    organizations: &[OrganizationId],
) -> Result<HashMap<OrganizationId, i64>, StoreError> {
    let mut watermarks: HashMap<OrganizationId, i64> =
        organizations.iter().map(|id| (*id, 0)).collect();
    for run in ledger::bulk::runs(organizations.len(), TOGETHER) {
        let text = format!(
            "select organization_id, sequence from usage_watermarks where organization_id in {}",
            marks(1, run.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(text));
        for organization in &organizations[run] {
            query = query.bind(organization.to_string());
        }
        for row in query.fetch_all(&mut *connection).await? {
            watermarks.insert(id(&row, "organization_id")?, row.try_get("sequence")?);
        }
    }
    Ok(watermarks)
}

/// The hours of all that is above the watermark; `connection` sees one state throughout.
pub(crate) async fn hours_above_in(
    connection: &mut ledger::Connection,
    tail: &Tail,
    organization: OrganizationId,
) -> Result<Hours, StoreError> {
    let mut hours = Hours::new();
    each_above_in(connection, tail, organization, |batch| {
        Ok(batch.add_to_hours(&mut hours)?)
    })
    .await?;
    Ok(hours)
}

/// The days of all that is above the watermark; `connection` sees one state throughout.
pub(crate) async fn days_above_in(
    connection: &mut ledger::Connection,
    tail: &Tail,
    organization: OrganizationId,
) -> Result<Days, StoreError> {
    let mut days = Days::new();
    each_above_in(connection, tail, organization, |batch| {
        batch.add_to_days(&mut days)
    })
    .await?;
    Ok(days)
}

async fn each_above_in(
    connection: &mut ledger::Connection,
    tail: &Tail,
    organization: OrganizationId,
    mut take: impl FnMut(&BatchSums) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut reached = watermarks_in(connection, &[organization]).await?;
    loop {
        let listed = listed_in(connection, &reached).await?;
        let batches = listed.get(&organization).map_or(&[][..], Vec::as_slice);
        for sums in with_sums_in(connection, tail, organization, batches).await? {
            take(&sums)?;
        }
        match batches.last().filter(|_| is_window(batches)) {
            Some(last) => reached.insert(organization, last.sequence),
            None => return Ok(()),
        };
    }
}

/// Whether there may be more behind these batches.
pub(super) fn is_window(batches: &[Listed]) -> bool {
    i64::try_from(batches.len()).is_ok_and(|count| count == WINDOW)
}

/// The next batches of each organization above what is reached, in their order.
pub(super) async fn listed_in(
    connection: &mut ledger::Connection,
    reached: &HashMap<OrganizationId, i64>,
) -> Result<HashMap<OrganizationId, Vec<Listed>>, StoreError> {
    let reached: Vec<(&OrganizationId, &i64)> = reached.iter().collect();
    let mut listed: HashMap<OrganizationId, Vec<Listed>> = HashMap::new();
    for run in ledger::bulk::runs(reached.len(), LISTED_TOGETHER) {
        // A part for each, so that each is one step into the index, whatever the database thinks
        // of the table.
        let parts: Vec<String> = (0..run.len())
            .map(|at| {
                format!(
                    "select * from (
                         select organization_id, sequence, no, booked_at from usage_batches
                         where organization_id = ${} and sequence > ${}
                         order by sequence limit {WINDOW}
                     ) as part_{at}",
                    2 * at + 1,
                    2 * at + 2
                )
            })
            .collect();
        let mut query = sqlx::query(AssertSqlSafe(parts.join(" union all ")));
        for (organization, after) in &reached[run] {
            query = query.bind(organization.to_string()).bind(**after);
        }
        for row in query.fetch_all(&mut *connection).await? {
            let of_organization = listed.entry(id(&row, "organization_id")?).or_default();
            of_organization.push(Listed {
                sequence: row.try_get("sequence")?,
                no: row.try_get("no")?,
                booked_at: row.try_get("booked_at")?,
            });
        }
    }
    for batches in listed.values_mut() {
        batches.sort_unstable();
    }
    Ok(listed)
}

/// The sums of batches of an organization, from memory or from the rows.
pub(super) async fn with_sums_in(
    connection: &mut ledger::Connection,
    tail: &Tail,
    organization: OrganizationId,
    batches: &[Listed],
) -> Result<Vec<Arc<BatchSums>>, StoreError> {
    let mut found = Vec::with_capacity(batches.len());
    let mut missing = Vec::new();
    for batch in batches {
        match tail.find(organization, batch.sequence) {
            Some(sums) => found.push(sums),
            None => missing.push(*batch),
        }
    }
    if !missing.is_empty() {
        found.extend(from_rows_in(connection, organization, &missing).await?);
        found.sort_by_key(|batch| batch.sequence);
    }
    Ok(found)
}

/// The sums of batches, computed from the rows of their events.
async fn from_rows_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    batches: &[Listed],
) -> Result<Vec<Arc<BatchSums>>, StoreError> {
    let series = series_in(connection, organization).await?;
    let mut done = Vec::with_capacity(batches.len());
    for run in ledger::bulk::runs(batches.len(), TOGETHER) {
        let batches = &batches[run];
        // By number, and never by a join: however wrong the database's idea of the tables is, it
        // reads these batches and no others.
        let text = format!(
            "select batch_no, series_no, occurred_at, input_tokens, cached_input_tokens,
                    output_tokens, cost_pico, status, latency_ms
             from usage_events where batch_no in {}",
            marks(1, batches.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(text));
        for batch in batches {
            query = query.bind(batch.no);
        }
        let mut adders: HashMap<i64, BatchAdder> = HashMap::with_capacity(batches.len());
        let mut rows = query.fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let adder = adders.entry(row.try_get(0)?).or_default();
            adder.add(row.try_get(1)?, &ran(&row)?)?;
        }
        drop(rows);
        for batch in batches {
            let adder = adders.remove(&batch.no).unwrap_or_default();
            let owner = |series_no| series.get(&series_no).cloned();
            let sums = adder.finish(organization, batch.sequence, batch.booked_at, owner)?;
            done.push(Arc::new(sums));
        }
    }
    Ok(done)
}

fn ran(row: &AnyRow) -> Result<Ran, StoreError> {
    Ok(Ran {
        occurred_at: row.try_get(2)?,
        tokens: Tokens {
            input: row.try_get(3)?,
            cached_input: row.try_get(4)?,
            output: row.try_get(5)?,
        },
        cost_pico: row.try_get(6)?,
        status: row.try_get(7)?,
        latency_ms: row.try_get(8)?,
    })
}

async fn series_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
) -> Result<HashMap<i64, SeriesOwner>, StoreError> {
    let rows = sqlx::query(
        "select no, project_id, api_key_id, model from usage_series where organization_id = $1",
    )
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    let mut series = HashMap::with_capacity(rows.len());
    for row in &rows {
        let model: String = row.try_get("model")?;
        let owner = SeriesOwner {
            project: id(row, "project_id")?,
            api_key: id(row, "api_key_id")?,
            model: model.into(),
        };
        series.insert(row.try_get("no")?, owner);
    }
    Ok(series)
}

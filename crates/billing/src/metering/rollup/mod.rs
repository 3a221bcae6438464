//! Usage, summed up: by the hour in which requests ran (analytics) and by the day on which they
//! were booked (billing history).
//!
//! Owns the tables `usage_hours`, `usage_days` and `usage_watermarks`. All three are derived:
//! a commit writes events and their batch, and the sums follow some moments later, once for many
//! commits. An organization's watermark is the last batch that is in its sums, written with them
//! in one transaction; whoever reads adds what lies above it. So the sums are exact at any moment,
//! and a crash, a restart and a second process are nothing special: what was not summed up lies
//! above the watermark.
//!
//! | module | |
//! | --- | --- |
//! | `latencies` | the histogram |
//! | `sums` | what a batch adds up to |
//! | `counted` | that, of the events of a commit |
//! | `tail` | the sums of the newest batches, in memory |
//! | `above` | what lies above a watermark, from memory or from the rows |
//! | `flush` | writing it into the tables |
//! | `days` | reading usage by day, with what is not in the tables yet |

pub(crate) mod above;
pub(super) mod counted;
pub(crate) mod days;
mod flush;
pub(crate) mod latencies;
pub(crate) mod sums;
mod tail;

use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::TimeDelta;
use sqlx::Row;
use sqlx::any::AnyRow;
use tokio::task::JoinHandle;
use types::ids::OrganizationId;
use types::usage::Tokens;

use crate::clock::Clock;
use crate::db::{Db, id, micros};
use crate::{Core, StoreError};
use latencies::{Latencies, NotAHistogram};
use sums::{CostSum, Day, Sums};
pub(crate) use tail::Tail;

/// How often it is looked at whether it is time to write into the tables.
const LOOK: Duration = Duration::from_millis(50);
/// What has waited for so long was left behind by a process that ended.
const LEFT_BEHIND: TimeDelta = TimeDelta::seconds(5);
/// The most organizations that are looked for at once.
const MOST_LEFT_BEHIND: i64 = 1_000;

/// Writes what waits into the tables, now and then, until the tail is closed; then all of it.
pub(super) fn spawn(db: Db, tail: &Arc<Tail>, clock: Arc<dyn Clock>) -> JoinHandle<()> {
    let tail = Arc::downgrade(tail);
    tokio::spawn(async move {
        while let Some(is_last) = look(&db, &tail, &*clock).await {
            if is_last {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    })
}

/// Whether that was the last time; `None` when there is nobody left to do it for.
async fn look(db: &Db, tail: &Weak<Tail>, clock: &dyn Clock) -> Option<bool> {
    let tail = tail.upgrade()?;
    let is_last = tail.is_closing();
    let due = if is_last {
        tail.take_behind()
    } else {
        tail.take_due(clock.now())
    };
    let left = flush::flush(db, &tail, &due).await;
    for (organization, error) in &left.failed {
        tracing::error!(%error, %organization, "usage was not summed up; it is tried again later");
        tail.fails(*organization, clock.now());
    }
    for organization in left.unfinished {
        tail.is_behind(organization, clock.now());
    }
    Some(is_last)
}

/// Sums up all usage that is not, of every organization: also what a process that ended left
/// behind, and everything if there are no sums.
pub(crate) async fn catch_up(core: &Core) -> Result<(), StoreError> {
    summed_up(core, i64::MAX, |_| true).await
}

/// The same, for what nobody else seems to be about to do.
pub(crate) async fn catch_up_left_behind(core: &Core) -> Result<(), StoreError> {
    let now = core.now();
    let tail = core.metering.tail();
    let is_wanted = |organization| !tail.is_left_alone(organization, now);
    summed_up(core, micros(now - LEFT_BEHIND), is_wanted).await
}

async fn summed_up(
    core: &Core,
    before: i64,
    is_wanted: impl Fn(OrganizationId) -> bool,
) -> Result<(), StoreError> {
    let tail = core.metering.tail();
    let mut after = String::new();
    // One that cannot be summed up does not keep the others waiting.
    let mut failed = Vec::new();
    loop {
        let rows = sqlx::query(
            "select organizations.id from organizations
             left join usage_watermarks on usage_watermarks.organization_id = organizations.id
             where organizations.id > $1 and exists (
                 select 1 from usage_batches
                 where usage_batches.organization_id = organizations.id
                     and usage_batches.sequence > coalesce(usage_watermarks.sequence, 0)
                     and usage_batches.created_at < $2)
             order by organizations.id limit $3",
        )
        .bind(&after)
        .bind(before)
        .bind(MOST_LEFT_BEHIND)
        .fetch_all(core.db.readers())
        .await?;
        let Some(last) = rows.last() else {
            return failed.pop().map_or(Ok(()), Err);
        };
        after = last.try_get("id")?;
        let mut behind = rows
            .iter()
            .map(|row| id(row, "id"))
            .collect::<Result<Vec<OrganizationId>, _>>()?;
        behind.retain(|organization| is_wanted(*organization));
        // Each round moves their watermarks, so there is a last one.
        while !behind.is_empty() {
            let left = flush::flush(&core.db, tail, &behind).await;
            behind = left.unfinished;
            for (organization, error) in left.failed {
                tail.fails(organization, core.now());
                failed.push(error);
            }
            if left.gave_up {
                return failed.pop().map_or(Ok(()), Err);
            }
        }
    }
}

/// Numbered marks for `rows` of `columns` values each, as both databases know them.
pub(crate) fn marks(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let marks: Vec<String> = (1..=columns)
            .map(|column| format!("${}", row * columns + column))
            .collect();
        format!("({})", marks.join(","))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    rows.join(",")
}

fn model(row: &AnyRow) -> Result<Arc<str>, StoreError> {
    let model: String = row.try_get("model")?;
    Ok(model.into())
}

/// What the costs of rows add up to, as the columns that [`cost_of`] reads. A sum of nano-dollars may
/// be more than one number of the database holds.
pub(crate) const SUM_OF_COSTS: &str = "
    cast(sum(cost_nano / 1000) as bigint) as cost_micro,
    cast(sum(cost_nano % 1000 * 1000 + cost_rest_pico) as bigint) as cost_micro_rest_pico";

/// The sum in a row of [`SUM_OF_COSTS`].
pub(crate) fn cost_of(row: &AnyRow) -> Result<CostSum, StoreError> {
    let micros: i64 = row.try_get("cost_micro")?;
    let rest_pico: i64 = row.try_get("cost_micro_rest_pico")?;
    let picos = i128::from(micros) * 1_000_000 + i128::from(rest_pico);
    Ok(CostSum::from_picos(picos))
}

/// The cost in a row of a table of sums.
fn cost(row: &AnyRow) -> Result<CostSum, StoreError> {
    Ok(CostSum::from_stored(
        row.try_get("cost_nano")?,
        row.try_get("cost_rest_pico")?,
    ))
}

/// The sums in a row of `usage_hours`.
pub(crate) fn sums(row: &AnyRow) -> Result<Sums, StoreError> {
    let text: String = row.try_get("latencies")?;
    let mut latencies = Latencies::default();
    latencies
        .add_stored(
            row.try_get("latency_count")?,
            row.try_get("latency_sum_ms")?,
            &text,
        )
        .map_err(|NotAHistogram| StoreError::Inconsistent(format!("latencies `{text}`")))?;
    Ok(Sums {
        requests: row.try_get("requests")?,
        errors: row.try_get("errors")?,
        tokens: Tokens {
            input: row.try_get("input_tokens")?,
            cached_input: row.try_get("cached_input_tokens")?,
            output: row.try_get("output_tokens")?,
        },
        cost: cost(row)?,
        latencies,
    })
}

/// The sums in a row of `usage_days`.
fn day(row: &AnyRow) -> Result<Day, StoreError> {
    Ok(Day {
        requests: row.try_get("requests")?,
        tokens: row.try_get("tokens")?,
        cost: cost(row)?,
        first_booked_at: row.try_get("first_booked_at")?,
    })
}

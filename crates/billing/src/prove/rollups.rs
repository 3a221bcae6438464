//! The proof of usage's sums: what is in `usage_hours` and `usage_days` is what the events say, up
//! to each organization's watermark.
//!
//! One organization at a time, its events in the order in which they were counted. Memory grows
//! with the sums of one organization, in windows of so many hours that they fit; never with the
//! number of events.

use std::collections::HashMap;

use futures::TryStreamExt;
use ledger::{Check, Connection};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use types::usage::Tokens;

use crate::StoreError;
use crate::db::time_from;
use crate::metering::rollup;
use crate::metering::rollup::sums::{CostSum, Ran, Sums};

/// The most sums of hours that are held at once.
const MOST_SUMS: i64 = 100_000;
/// How many organizations are listed together.
const ORGANIZATIONS: i64 = 1_000;
/// How many batches are read together.
const BATCHES: i64 = 256;

/// What comparing sums and events found.
pub(super) struct RollupChecks {
    pub(super) hours: Check,
    pub(super) days: Check,
    pub(super) watermarks: Check,
}

pub(super) async fn check_in(connection: &mut Connection) -> Result<RollupChecks, StoreError> {
    let mut checks = RollupChecks {
        hours: Check::new("hourly usage adds up to the events"),
        days: Check::new("daily usage adds up to the events"),
        watermarks: Check::new("usage is summed up to a batch that is there"),
    };
    let mut after = String::new();
    loop {
        let rows = sqlx::query(
            "select organization_id, sequence from usage_watermarks
             where organization_id > $1 order by organization_id limit $2",
        )
        .bind(&after)
        .bind(ORGANIZATIONS)
        .fetch_all(&mut *connection)
        .await?;
        let Some(last) = rows.last() else { break };
        after = last.try_get("organization_id")?;
        for row in &rows {
            let owner = Owner {
                organization: row.try_get("organization_id")?,
                watermark: row.try_get("sequence")?,
            };
            owner.check_in(connection, &mut checks).await?;
        }
    }
    for (table, check) in [
        ("usage_hours", &mut checks.hours),
        ("usage_days", &mut checks.days),
    ] {
        let text = format!(
            "select distinct organization_id from {table} where organization_id not in
                 (select organization_id from usage_watermarks)"
        );
        let rows = sqlx::query(AssertSqlSafe(text))
            .fetch_all(&mut *connection)
            .await?;
        for row in rows {
            let organization: String = row.try_get(0)?;
            check.differs(format!("{organization} has sums and no watermark"));
        }
    }
    Ok(checks)
}

/// From an hour up to another, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: i64,
    to: i64,
}

/// All time, in as few parts as have no more than `most` sums each, by hours and their sums.
fn windows(counts: &[(i64, i64)], most: i64) -> Vec<Window> {
    let mut windows = Vec::new();
    let (mut from, mut held) = (i64::MIN, 0);
    for (hour, count) in counts {
        if held > 0 && held + count > most {
            windows.push(Window { from, to: *hour });
            (from, held) = (*hour, 0);
        }
        held += count;
    }
    windows.push(Window { from, to: i64::MAX });
    windows
}

struct Owner {
    organization: String,
    watermark: i64,
}

/// Project, key and model, as texts.
type Series = (String, String, String);
/// A day, a project and a model, as texts.
type DayKey = (String, String, String);
/// What such a day says: requests, tokens, cost, first booking.
type Day = (i128, i128, i128, i64);

impl Owner {
    async fn check_in(
        &self,
        connection: &mut Connection,
        checks: &mut RollupChecks,
    ) -> Result<(), StoreError> {
        let is_there: i64 = sqlx::query_scalar(
            "select count(*) from usage_batches where organization_id = $1 and sequence = $2",
        )
        .bind(&self.organization)
        .bind(self.watermark)
        .fetch_one(&mut *connection)
        .await?;
        if self.watermark != 0 && is_there == 0 {
            let Self {
                organization,
                watermark,
            } = self;
            checks.watermarks.differs(format!(
                "{organization}: its watermark is its batch {watermark}, which it does not have"
            ));
        }
        let series = self.series_in(connection).await?;
        let windows = self.windows_in(connection).await?;
        for (index, window) in windows.into_iter().enumerate() {
            let mut hours: HashMap<(i64, i64), Sums> = HashMap::new();
            let mut days: HashMap<(i64, i64), Day> = HashMap::new();
            self.read_in(connection, window, &mut hours, &mut days)
                .await?;
            self.compare_hours_in(connection, &mut checks.hours, window, hours, &series)
                .await?;
            if index == 0 {
                self.compare_days_in(connection, &mut checks.days, days, &series)
                    .await?;
            }
        }
        Ok(())
    }

    async fn series_in(
        &self,
        connection: &mut Connection,
    ) -> Result<HashMap<i64, Series>, StoreError> {
        let rows = sqlx::query(
            "select no, project_id, api_key_id, model from usage_series where organization_id = $1",
        )
        .bind(&self.organization)
        .fetch_all(connection)
        .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.try_get(0)?,
                    (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?),
                ))
            })
            .collect()
    }

    /// All time, in parts that have no more sums than are held at once.
    async fn windows_in(&self, connection: &mut Connection) -> Result<Vec<Window>, StoreError> {
        let rows = sqlx::query(
            "select hour, count(*) from usage_hours where organization_id = $1
             group by hour order by hour",
        )
        .bind(&self.organization)
        .fetch_all(connection)
        .await?;
        let counts = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<Vec<(i64, i64)>, StoreError>>()?;
        Ok(windows(&counts, MOST_SUMS))
    }

    /// Adds up the events of all batches up to the watermark: those that ran in the window by
    /// series and hour, and all of them by series and day of booking.
    async fn read_in(
        &self,
        connection: &mut Connection,
        window: Window,
        hours: &mut HashMap<(i64, i64), Sums>,
        days: &mut HashMap<(i64, i64), Day>,
    ) -> Result<(), StoreError> {
        let mut after = 0_i64;
        loop {
            let rows = sqlx::query(
                "select sequence, no, booked_at from usage_batches
                 where organization_id = $1 and sequence > $2 and sequence <= $3
                 order by sequence limit $4",
            )
            .bind(&self.organization)
            .bind(after)
            .bind(self.watermark)
            .bind(BATCHES)
            .fetch_all(&mut *connection)
            .await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.try_get(0)?;
            let batches = rows
                .iter()
                .map(|row| Ok((row.try_get(1)?, row.try_get(2)?)))
                .collect::<Result<Vec<(i64, i64)>, StoreError>>()?;
            for run in ledger::bulk::runs(batches.len(), 64) {
                let batches: HashMap<i64, i64> = batches[run].iter().copied().collect();
                let text = format!(
                    "select batch_no, series_no, occurred_at, input_tokens, cached_input_tokens,
                            output_tokens, cost_pico, status, latency_ms
                     from usage_events where batch_no in {}",
                    rollup::marks(1, batches.len())
                );
                let mut query = sqlx::query(AssertSqlSafe(text));
                for no in batches.keys() {
                    query = query.bind(*no);
                }
                let mut events = query.fetch(&mut *connection);
                while let Some(row) = events.try_next().await? {
                    let batch_no: i64 = row.try_get(0)?;
                    let booked_at = batches.get(&batch_no).copied().unwrap_or_default();
                    add(&row, window, booked_at, hours, days)?;
                }
            }
        }
    }

    async fn compare_hours_in(
        &self,
        connection: &mut Connection,
        check: &mut Check,
        window: Window,
        hours: HashMap<(i64, i64), Sums>,
        series: &HashMap<i64, Series>,
    ) -> Result<(), StoreError> {
        let mut counted: HashMap<(i64, Series), Sums> = HashMap::new();
        for ((series_no, hour), sums) in hours {
            // Whose series it is otherwise is said with the batches.
            if let Some(series) = series.get(&series_no) {
                let key = (hour, series.clone());
                counted.entry(key).or_default().plus(&sums)?;
            }
        }
        let mut rows = sqlx::query(
            "select * from usage_hours where organization_id = $1 and hour >= $2 and hour < $3",
        )
        .bind(&self.organization)
        .bind(window.from)
        .bind(window.to)
        .fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let hour: i64 = row.try_get("hour")?;
            let key = (
                row.try_get("project_id")?,
                row.try_get("api_key_id")?,
                row.try_get("model")?,
            );
            let key = (hour, key);
            let found = counted.remove(&key);
            let stored = rollup::sums(&row).map_err(|error| error.to_string());
            if stored.as_ref().ok() != found.as_ref() {
                let name = self.hour_name(&key)?;
                check.differs(format!(
                    "{name}: stored {stored:?}, the events say {found:?}"
                ));
            }
        }
        for key in counted.into_keys() {
            let name = self.hour_name(&key)?;
            check.differs(format!("{name}: there are events and no hourly sum"));
        }
        Ok(())
    }

    fn hour_name(&self, (hour, series): &(i64, Series)) -> Result<String, StoreError> {
        let (project, api_key, model) = series;
        let hour = time_from(*hour)?.format("%Y-%m-%dT%H:%MZ");
        let organization = &self.organization;
        Ok(format!(
            "{organization}, {hour}, project {project}, key {api_key}, {model}"
        ))
    }

    async fn compare_days_in(
        &self,
        connection: &mut Connection,
        check: &mut Check,
        days: HashMap<(i64, i64), Day>,
        series: &HashMap<i64, Series>,
    ) -> Result<(), StoreError> {
        let mut counted: HashMap<DayKey, Day> = HashMap::new();
        for ((series_no, day), sums) in days {
            let Some((project, _, model)) = series.get(&series_no) else {
                continue;
            };
            let day = time_from(day * MICROS_A_DAY)?.date_naive().to_string();
            let found = counted
                .entry((day, project.clone(), model.clone()))
                .or_insert((0, 0, 0, i64::MAX));
            found.0 += sums.0;
            found.1 += sums.1;
            found.2 += sums.2;
            found.3 = found.3.min(sums.3);
        }
        let mut rows = sqlx::query(
            "select day, project_id, model, requests, tokens, first_booked_at,
                    cost_nano, cost_rest_pico
             from usage_days where organization_id = $1",
        )
        .bind(&self.organization)
        .fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let key: DayKey = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let stored: Day = (
                row.try_get::<i64, _>(3)?.into(),
                row.try_get::<i64, _>(4)?.into(),
                CostSum::from_stored(row.try_get(6)?, row.try_get(7)?).picos(),
                row.try_get(5)?,
            );
            let name = self.day_name(&key);
            let found = counted.remove(&key);
            if found != Some(stored) {
                check.differs(format!(
                    "{name}: stored {stored:?}, the events say {found:?}"
                ));
            }
        }
        for key in counted.into_keys() {
            let name = self.day_name(&key);
            check.differs(format!("{name}: there are events and no daily sum"));
        }
        Ok(())
    }

    fn day_name(&self, (day, project, model): &DayKey) -> String {
        format!("{}, {day}, project {project}, {model}", self.organization)
    }
}

const MICROS_A_DAY: i64 = 86_400_000_000;

fn add(
    row: &AnyRow,
    window: Window,
    booked_at: i64,
    hours: &mut HashMap<(i64, i64), Sums>,
    days: &mut HashMap<(i64, i64), Day>,
) -> Result<(), StoreError> {
    let series_no: i64 = row.try_get(1)?;
    let ran = Ran {
        occurred_at: row.try_get(2)?,
        tokens: Tokens {
            input: row.try_get(3)?,
            cached_input: row.try_get(4)?,
            output: row.try_get(5)?,
        },
        cost_pico: row.try_get(6)?,
        status: row.try_get(7)?,
        latency_ms: row.try_get(8)?,
    };
    let hour = ran.hour();
    if window.from <= hour && hour < window.to {
        hours.entry((series_no, hour)).or_default().add(&ran)?;
    }
    let day = (series_no, booked_at.div_euclid(MICROS_A_DAY));
    let (requests, tokens, cost, first) = days.entry(day).or_insert((0, 0, 0, booked_at));
    *requests += 1;
    *tokens += i128::from(ran.tokens.input) + i128::from(ran.tokens.output);
    *cost += i128::from(ran.cost_pico);
    *first = booked_at.min(*first);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_one_another_through_all_time_and_hold_what_fits() {
        let counts = [(10, 3), (20, 4), (30, 4), (40, 9), (50, 1)];
        let bounds = |most| -> Vec<(i64, i64)> {
            let windows = windows(&counts, most);
            windows
                .into_iter()
                .map(|window| (window.from, window.to))
                .collect()
        };
        assert_eq!(bounds(21), [(i64::MIN, i64::MAX)]);
        assert_eq!(
            bounds(8),
            [(i64::MIN, 30), (30, 40), (40, 50), (50, i64::MAX)]
        );
        assert_eq!(bounds(11), [(i64::MIN, 40), (40, i64::MAX)]);
        assert_eq!(
            windows(&[], 1),
            [Window {
                from: i64::MIN,
                to: i64::MAX
            }]
        );
    }
}

//! Reading sums: the database adds up what is in the tables, and what is not there yet is added to
//! it here.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use types::ids::{ApiKeyId, OrganizationId, ProjectId};
use types::money::MoneyError;
use types::time::Timestamp;
use types::usage::Tokens;
use types::usage_report::{
    UsageGroup, UsageInterval, UsageLatency, UsageQuery, UsageReport, UsageRow, UsageSums,
};

use super::range::Range;
use super::{MOST_ROWS, UsageReportError};
use crate::db::{id, micros};
use crate::metering::rollup::above::hours_above_in;
use crate::metering::rollup::latencies::Latencies;
use crate::metering::rollup::sums::{CostSum, HourKey, Sums};
use crate::metering::rollup::{SUM_OF_COSTS, cost_of};
use crate::{Core, StoreError};

/// An interval, by its place in the range, and what rows are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    place: usize,
    model: Option<Arc<str>>,
    project: Option<ProjectId>,
    api_key: Option<ApiKeyId>,
}

/// Sums of sums.
#[derive(Debug, Clone, Default)]
struct Total {
    requests: i64,
    errors: i64,
    tokens: Tokens,
    cost: CostSum,
    latencies: Latencies,
}

pub(super) async fn report(
    core: &Core,
    organization: OrganizationId,
    query: &UsageQuery,
    range: &Range,
) -> Result<UsageReport, UsageReportError> {
    let begins = range.begins();
    let mut tx = core.db.begin_read().await?;
    let above = hours_above_in(&mut tx, core.metering.tail(), organization).await?;
    let mut rows = stored_in(&mut tx, organization, query, range, &begins).await?;
    drop(tx);
    for (hour, sums) in &above {
        if let Some(key) = key_of(hour, query, range, &begins) {
            rows.entry(key).or_default().add(sums)?;
        }
    }
    if rows.len() > MOST_ROWS {
        return Err(UsageReportError::TooManyRows);
    }
    let mut total = Total::default();
    for row in rows.values() {
        total.plus(row)?;
    }
    let written = rows
        .into_iter()
        .map(|(key, sums)| {
            Ok(UsageRow {
                start: *begins.get(key.place).ok_or(MoneyError)?,
                model: key.model.map(|model| model.to_string()),
                project: key.project,
                api_key: key.api_key,
                sums: sums.written()?,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    Ok(UsageReport {
        from: range.from,
        to: range.to,
        rows: written,
        total: total.written()?,
    })
}

/// The row that an hour belongs to, if it is wanted.
fn key_of(hour: &HourKey, query: &UsageQuery, range: &Range, begins: &[Timestamp]) -> Option<Key> {
    let is_wanted = (micros(range.from)..micros(range.to)).contains(&hour.hour)
        && query
            .model
            .as_deref()
            .is_none_or(|model| *model == *hour.model)
        && query.project.is_none_or(|project| project == hour.project)
        && query.api_key.is_none_or(|api_key| api_key == hour.api_key);
    let by = |group| query.group_by.contains(&group);
    is_wanted.then(|| Key {
        place: begins.partition_point(|begin| micros(*begin) <= hour.hour) - 1,
        model: by(UsageGroup::Model).then(|| Arc::clone(&hour.model)),
        project: by(UsageGroup::Project).then_some(hour.project),
        api_key: by(UsageGroup::ApiKey).then_some(hour.api_key),
    })
}

const fn column(group: UsageGroup) -> &'static str {
    match group {
        UsageGroup::Model => "model",
        UsageGroup::Project => "project_id",
        UsageGroup::ApiKey => "api_key_id",
    }
}

/// The place in the range of the interval that `hour` is in, `$2` being the range's begin.
fn place(interval: UsageInterval, begins: &[Timestamp]) -> String {
    match interval {
        UsageInterval::Hour => "(hour - $2) / 3600000000".to_owned(),
        UsageInterval::Day => "(hour - $2) / 86400000000".to_owned(),
        UsageInterval::Month => {
            let later = begins.iter().enumerate().skip(1);
            let cases: String = later
                .map(|(next, begin)| format!(" when hour < {} then {}", micros(*begin), next - 1))
                .collect();
            let last = begins.len().saturating_sub(1);
            // A case needs a branch, even when there is one month alone.
            format!("case when hour < $2 then -1{cases} else {last} end")
        }
    }
}

/// What is in the tables: as one statement, so that it is the database that adds up.
async fn stored_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    query: &UsageQuery,
    range: &Range,
    begins: &[Timestamp],
) -> Result<BTreeMap<Key, Total>, StoreError> {
    let groups: String = query
        .group_by
        .iter()
        .map(|group| format!(", {}", column(*group)))
        .collect();
    let places: String = (0..query.group_by.len())
        .map(|at| format!(", {}", at + 2))
        .collect();
    let filters = [
        (UsageGroup::Model, query.model.clone()),
        (UsageGroup::Project, query.project.map(|id| id.to_string())),
        (UsageGroup::ApiKey, query.api_key.map(|id| id.to_string())),
    ];
    let filters: Vec<(UsageGroup, String)> = filters
        .into_iter()
        .filter_map(|(group, wanted)| Some((group, wanted?)))
        .collect();
    let conditions: String = (5..)
        .zip(&filters)
        .map(|(mark, (group, _))| format!(" and {} = ${mark}", column(*group)))
        .collect();
    let text = format!(
        "select cast({place} as bigint) as place{groups},
                cast(sum(requests) as bigint) as requests,
                cast(sum(errors) as bigint) as errors,
                cast(sum(input_tokens) as bigint) as input_tokens,
                cast(sum(cached_input_tokens) as bigint) as cached_input_tokens,
                cast(sum(output_tokens) as bigint) as output_tokens,
                {SUM_OF_COSTS},
                cast(sum(latency_count) as bigint) as latency_count,
                cast(sum(latency_sum_ms) as bigint) as latency_sum_ms,
                string_agg(latencies, ' ') as latencies
         from usage_hours
         where organization_id = $1 and hour >= $2 and hour < $3{conditions}
         group by 1{places} order by 1{places} limit $4",
        place = place(range.interval, begins),
    );
    let mut statement = sqlx::query(AssertSqlSafe(text))
        .bind(organization.to_string())
        .bind(micros(range.from))
        .bind(micros(range.to))
        // One more than is given tells that there are too many.
        .bind(i64::try_from(MOST_ROWS + 1).unwrap_or(i64::MAX));
    for (_, wanted) in filters {
        statement = statement.bind(wanted);
    }
    let rows = statement.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let by = |group| query.group_by.contains(&group);
            let place: i64 = row.try_get("place")?;
            let model = |row: &AnyRow| row.try_get::<String, _>("model");
            let key = Key {
                place: usize::try_from(place)
                    .map_err(|_| StoreError::Inconsistent(format!("interval {place}")))?,
                model: by(UsageGroup::Model)
                    .then(|| model(row))
                    .transpose()?
                    .map(Into::into),
                project: by(UsageGroup::Project)
                    .then(|| id(row, "project_id"))
                    .transpose()?,
                api_key: by(UsageGroup::ApiKey)
                    .then(|| id(row, "api_key_id"))
                    .transpose()?,
            };
            Ok((key, total(row)?))
        })
        .collect()
}

fn total(row: &AnyRow) -> Result<Total, StoreError> {
    let text: String = row.try_get("latencies")?;
    let mut latencies = Latencies::default();
    latencies
        .add_stored(
            row.try_get("latency_count")?,
            row.try_get("latency_sum_ms")?,
            &text,
        )
        .map_err(|_| StoreError::Inconsistent("latencies that do not add up".to_owned()))?;
    Ok(Total {
        requests: row.try_get("requests")?,
        errors: row.try_get("errors")?,
        tokens: Tokens {
            input: row.try_get("input_tokens")?,
            cached_input: row.try_get("cached_input_tokens")?,
            output: row.try_get("output_tokens")?,
        },
        cost: cost_of(row)?,
        latencies,
    })
}

impl Total {
    fn add(&mut self, sums: &Sums) -> Result<(), StoreError> {
        let Sums {
            requests,
            errors,
            tokens,
            cost,
            latencies,
        } = sums;
        self.count(*requests, *errors, *tokens, *cost)?;
        Ok(self.latencies.plus(latencies)?)
    }

    fn plus(&mut self, other: &Self) -> Result<(), StoreError> {
        self.count(other.requests, other.errors, other.tokens, other.cost)?;
        Ok(self.latencies.plus(&other.latencies)?)
    }

    fn count(
        &mut self,
        requests: i64,
        errors: i64,
        tokens: Tokens,
        cost: CostSum,
    ) -> Result<(), MoneyError> {
        for (sum, part) in [
            (&mut self.requests, requests),
            (&mut self.errors, errors),
            (&mut self.tokens.input, tokens.input),
            (&mut self.tokens.cached_input, tokens.cached_input),
            (&mut self.tokens.output, tokens.output),
        ] {
            *sum = sum.checked_add(part).ok_or(MoneyError)?;
        }
        self.cost = self.cost.plus(cost)?;
        Ok(())
    }

    fn written(&self) -> Result<UsageSums, StoreError> {
        Ok(UsageSums {
            requests: self.requests,
            errors: self.errors,
            tokens: self.tokens,
            cost: self.cost.dollars()?,
            latency: self.latency(),
        })
    }

    fn latency(&self) -> Option<UsageLatency> {
        Some(UsageLatency {
            count: self.latencies.count,
            average_ms: self.latencies.average_ms()?,
            p50_ms: self.latencies.percentile_ms(50)?,
            p95_ms: self.latencies.percentile_ms(95)?,
            p99_ms: self.latencies.percentile_ms(99)?,
        })
    }
}

//! Reading usage by the day it was booked: what is in the table and what is not there yet, as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use sqlx::{AssertSqlSafe, Row};
use types::ids::{OrganizationId, ProjectId};

use super::above::days_above_in;
use super::sums::{CostSum, Day};
use super::{SUM_OF_COSTS, cost_of, model};
use crate::db::id;
use crate::{Core, StoreError};

/// What was used since the begin of `since`, in pico-dollars.
pub(crate) async fn used_since(
    core: &Core,
    organization: OrganizationId,
    since: NaiveDate,
) -> Result<i128, StoreError> {
    let since = since.to_string();
    let mut tx = core.db.begin_read().await?;
    let above = days_above_in(&mut tx, core.metering.tail(), organization).await?;
    // By day: without any there is no row, and nothing to add up.
    let text = format!(
        "select {SUM_OF_COSTS} from usage_days
         where organization_id = $1 and day >= $2 group by day"
    );
    let rows = sqlx::query(AssertSqlSafe(text))
        .bind(organization.to_string())
        .bind(&since)
        .fetch_all(&mut *tx)
        .await?;
    let mut used = CostSum::default();
    for row in &rows {
        used = used.plus(cost_of(row)?)?;
    }
    let above = above.iter().filter(|(key, _)| key.day >= since);
    for (_, day) in above {
        used = used.plus(day.cost)?;
    }
    Ok(used.picos())
}

/// The models that were used since the begin of `since`, most requests first.
pub(crate) async fn models_since(
    core: &Core,
    organization: OrganizationId,
    since: NaiveDate,
) -> Result<Vec<Arc<str>>, StoreError> {
    let since = since.to_string();
    let mut tx = core.db.begin_read().await?;
    let above = days_above_in(&mut tx, core.metering.tail(), organization).await?;
    let rows = sqlx::query(
        "select model, cast(sum(requests) as bigint) as requests from usage_days
         where organization_id = $1 and day >= $2 group by model",
    )
    .bind(organization.to_string())
    .bind(&since)
    .fetch_all(&mut *tx)
    .await?;
    drop(tx);
    let mut requests: BTreeMap<Arc<str>, i64> = BTreeMap::new();
    for row in &rows {
        requests.insert(model(row)?, row.try_get("requests")?);
    }
    for (key, day) in above.iter().filter(|(key, _)| key.day >= since) {
        *requests.entry(Arc::clone(&key.model)).or_default() += day.requests;
    }
    let mut models: Vec<_> = requests.into_iter().collect();
    // Stable: at the same number by name.
    models.sort_by_key(|(_, requests)| std::cmp::Reverse(*requests));
    Ok(models.into_iter().map(|(model, _)| model).collect())
}

/// What a project used on a day, all models together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProjectDay {
    pub(crate) day: String,
    pub(crate) project: ProjectId,
    pub(crate) sums: Day,
}

/// The days of which something is not in the table yet, with all that was used on them.
pub(crate) async fn unfinished_days_in(
    connection: &mut ledger::Connection,
    tail: &super::Tail,
    organization: OrganizationId,
) -> Result<Vec<ProjectDay>, StoreError> {
    let above = days_above_in(connection, tail, organization).await?;
    let mut days: BTreeMap<(String, ProjectId), Day> = BTreeMap::new();
    let Some((first, last)) = above.first_key_value().zip(above.last_key_value()) else {
        return Ok(Vec::new());
    };
    let text = format!(
        "select day, project_id, cast(sum(requests) as bigint) as requests,
                cast(sum(tokens) as bigint) as tokens, {SUM_OF_COSTS},
                min(first_booked_at) as first_booked_at
         from usage_days where organization_id = $1 and day >= $2 and day <= $3
         group by day, project_id"
    );
    let rows = sqlx::query(AssertSqlSafe(text))
        .bind(organization.to_string())
        .bind(&first.0.day)
        .bind(&last.0.day)
        .fetch_all(connection)
        .await?;
    for row in &rows {
        let day = Day {
            requests: row.try_get("requests")?,
            tokens: row.try_get("tokens")?,
            cost: cost_of(row)?,
            first_booked_at: row.try_get("first_booked_at")?,
        };
        days.insert((row.try_get("day")?, id(row, "project_id")?), day);
    }
    for (key, part) in &above {
        match days.get_mut(&(key.day.clone(), key.project)) {
            Some(day) => day.plus(part)?,
            None => {
                days.insert((key.day.clone(), key.project), *part);
            }
        }
    }
    let written = |((day, project), sums)| ProjectDay { day, project, sums };
    Ok(days.into_iter().map(written).collect())
}

//! Usage among the rows: one for each day and project, in the table or not there yet.

use std::collections::HashMap;

use chrono::NaiveDate;
use sqlx::{AssertSqlSafe, Row};
use types::history::{HistoryKind, HistoryRow, HistoryStatus};
use types::ids::{OrganizationId, ProjectId};
use types::money::Dollars;

use super::{List, Place, Placed};
use crate::StoreError;
use crate::db::{id, micros, time_from};
use crate::metering::rollup::days::unfinished_days_in;
use crate::metering::rollup::sums::Day;
use crate::metering::rollup::{SUM_OF_COSTS, Tail, cost_of};

/// Days in the table, and those of which something is not there yet: as one.
pub(super) async fn usage_in(
    connection: &mut ledger::Connection,
    tail: &Tail,
    organization: OrganizationId,
    after: &Place,
    most: i64,
) -> Result<Vec<Placed>, StoreError> {
    let unfinished = unfinished_days_in(connection, tail, organization).await?;
    let mut placed = stored_usage_in(connection, organization, after, most).await?;
    if unfinished.is_empty() {
        return Ok(placed);
    }
    let names = project_names_in(connection, organization).await?;
    let unfinished = unfinished
        .iter()
        .map(|day| {
            let name = names.get(&day.project).ok_or_else(|| {
                StoreError::Inconsistent(format!("usage of project {}", day.project))
            })?;
            usage(&day.day, day.project, name, &day.sums)
        })
        .collect::<Result<Vec<_>, _>>()?;
    placed.retain(|stored| unfinished.iter().all(|row| row.row.id != stored.row.id));
    let is_after = |row: &Placed| match after.ties(List::Usage) {
        _ if row.place.at != after.at => row.place.at < after.at,
        1 => true,
        0 => row.place.id < after.id,
        _ => false,
    };
    placed.extend(unfinished.into_iter().filter(is_after));
    placed.sort_by(|a, b| (b.place.at, &b.place.id).cmp(&(a.place.at, &a.place.id)));
    placed.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(placed)
}

async fn project_names_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
) -> Result<HashMap<ProjectId, String>, StoreError> {
    let rows = sqlx::query("select id, name from projects where organization_id = $1")
        .bind(organization.to_string())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok((id(row, "id")?, row.try_get("name")?)))
        .collect()
}

async fn stored_usage_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    after: &Place,
    most: i64,
) -> Result<Vec<Placed>, StoreError> {
    // Days are in order, and each has a row at least: so many of them are enough.
    let last_day = time_from(after.at).map_or_else(
        |_| "9999-12-31".to_owned(),
        |at| at.date_naive().to_string(),
    );
    let text = format!(
        "select * from (
             select usage_days.day, usage_days.project_id, projects.name,
                    usage_days.day || '_' || usage_days.project_id as id,
                    cast(sum(usage_days.requests) as bigint) as requests,
                    cast(sum(usage_days.tokens) as bigint) as tokens,
                    {SUM_OF_COSTS},
                    min(usage_days.first_booked_at) as booked_at
             from usage_days
             join projects on projects.organization_id = usage_days.organization_id
                 and projects.id = usage_days.project_id
             where usage_days.organization_id = $1 and usage_days.day <= $6
                 and usage_days.day >= (select min(day) from (
                     select distinct day from usage_days as nearest
                     where nearest.organization_id = $1 and nearest.day <= $6
                     order by day desc limit $7) as days)
             group by usage_days.day, usage_days.project_id, projects.name) as days
         where booked_at < $2 or (booked_at = $2 and ($3 = 1 or ($3 = 0 and id < $4)))
         order by booked_at desc, id desc limit $5"
    );
    let rows = sqlx::query(AssertSqlSafe(text))
        .bind(organization.to_string())
        .bind(after.at)
        .bind(after.ties(List::Usage))
        .bind(&after.id)
        .bind(most)
        .bind(last_day)
        .bind(most + 1)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let day: String = row.try_get("day")?;
            let name: String = row.try_get("name")?;
            let sums = Day {
                requests: row.try_get("requests")?,
                tokens: row.try_get("tokens")?,
                cost: cost_of(row)?,
                first_booked_at: row.try_get("booked_at")?,
            };
            usage(&day, id(row, "project_id")?, &name, &sums)
        })
        .collect()
}

fn usage(day: &str, project: ProjectId, name: &str, sums: &Day) -> Result<Placed, StoreError> {
    let id = format!("{day}_{project}");
    let day: NaiveDate = day
        .parse()
        .map_err(|_| StoreError::Inconsistent(format!("usage day `{day}`")))?;
    let kind = HistoryKind::Usage {
        day,
        project: name.to_owned(),
        requests: sums.requests,
        tokens: sums.tokens,
    };
    let amount = Dollars::new(-sums.cost.dollars()?.decimal());
    let at = time_from(sums.first_booked_at)?;
    Ok(Placed {
        place: Place {
            at: micros(at),
            list: List::Usage,
            id: id.clone(),
        },
        row: HistoryRow {
            id,
            at,
            booked_later: None,
            kind,
            amount,
            status: HistoryStatus::Posted,
        },
    })
}

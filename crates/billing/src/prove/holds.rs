//! The proof of holds: what the books note as held is what open holds set aside, and every capture
//! is a usage event.

use std::collections::HashMap;

use chrono::TimeDelta;
use futures::TryStreamExt;
use ledger::{Check, Connection};
use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::HoldId;
use types::time::Timestamp;

use crate::StoreError;
use crate::db::{id, micros};
use crate::holds::HOLD_SOURCE;

/// Holds opened since then are still there: older ones may be forgotten while this runs.
const REMEMBERED: TimeDelta = TimeDelta::days(30);

pub(super) async fn check_in(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<Check>, StoreError> {
    Ok(vec![
        check_held_in(connection).await?,
        check_captures_in(connection, now - REMEMBERED).await?,
    ])
}

async fn check_held_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("open holds add up to what the books note as held");
    let mut rows = sqlx::query(
        "select books.organization_id, books.held_nano, books.hold_count,
                coalesce(opened.amount_nano, 0) as amount_nano,
                coalesce(opened.holds, 0) as holds
         from books left join (
             select organization_id, cast(sum(amount_nano) as bigint) as amount_nano,
                    count(*) as holds
             from holds where state = 'open' group by organization_id
         ) as opened on opened.organization_id = books.organization_id
         where books.held_nano <> coalesce(opened.amount_nano, 0)
             or books.hold_count <> coalesce(opened.holds, 0)",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let organization: String = row.try_get("organization_id")?;
        let noted: (i64, i64) = (row.try_get("held_nano")?, row.try_get("hold_count")?);
        let found: (i64, i64) = (row.try_get("amount_nano")?, row.try_get("holds")?);
        check.differs(format!(
            "{organization}: {} nano held in {} holds are noted, {} in {} are open",
            noted.0, noted.1, found.0, found.1
        ));
    }
    Ok(check)
}

/// Every captured hold names its event; and there are no other events of that source, as far back
/// as holds are remembered.
async fn check_captures_in(
    connection: &mut Connection,
    since: Timestamp,
) -> Result<Check, StoreError> {
    let mut check = Check::new("every captured hold is a usage event, and the other way round");
    let mut captures: HashMap<String, i64> = HashMap::new();
    {
        let mut rows = sqlx::query(
            "select holds.id, holds.organization_id, holds.project_id, holds.api_key_id,
                    holds.model, holds.created_at, usage_events.event_key,
                    usage_events.occurred_at, usage_sources.source,
                    usage_sources.organization_id as source_organization_id,
                    usage_series.project_id as event_project_id,
                    usage_series.api_key_id as event_api_key_id,
                    usage_series.model as event_model
             from holds
             left join usage_events on usage_events.batch_no = holds.event_batch_no
                 and usage_events.position = holds.event_position
             left join usage_sources on usage_sources.no = usage_events.source_no
             left join usage_series on usage_series.no = usage_events.series_no
             where holds.state = 'captured'",
        )
        .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let (hold, organization): (HoldId, String) =
                (id(&row, "id")?, row.try_get("organization_id")?);
            if !is_settled(&row, hold)? {
                check.differs(format!("hold {hold} has no usage event that is its own"));
            }
            if row.try_get::<i64, _>("created_at")? >= micros(since) {
                *captures.entry(organization).or_default() += 1;
            }
        }
    }
    let rows = sqlx::query(
        "select usage_sources.organization_id, count(*) as events
         from usage_events join usage_sources on usage_sources.no = usage_events.source_no
         where usage_sources.source = $1 and usage_events.occurred_at >= $2
         group by usage_sources.organization_id",
    )
    .bind(HOLD_SOURCE)
    .bind(micros(since))
    .fetch_all(connection)
    .await?;
    for row in rows {
        let organization: String = row.try_get("organization_id")?;
        let events: i64 = row.try_get("events")?;
        let holds = captures.remove(&organization).unwrap_or_default();
        if holds != events {
            check.differs(format!(
                "{organization}: {holds} holds were captured, {events} events say so"
            ));
        }
    }
    for organization in captures.into_keys() {
        check.differs(format!(
            "{organization}: no event says that its holds were captured"
        ));
    }
    Ok(check)
}

/// Whether the event that a captured hold names is its capture.
fn is_settled(row: &AnyRow, hold: HoldId) -> Result<bool, StoreError> {
    let Some(key) = row.try_get::<Option<Vec<u8>>, _>("event_key")? else {
        return Ok(false);
    };
    let same = |ours: &str, theirs: &str| -> Result<bool, StoreError> {
        let ours: String = row.try_get(ours)?;
        let theirs: Option<String> = row.try_get(theirs)?;
        Ok(Some(ours) == theirs)
    };
    let source: Option<String> = row.try_get("source")?;
    Ok(key == hold.as_uuid().as_bytes()
        && source.as_deref() == Some(HOLD_SOURCE)
        && row.try_get::<i64, _>("occurred_at")? == row.try_get::<i64, _>("created_at")?
        && same("organization_id", "source_organization_id")?
        && same("project_id", "event_project_id")?
        && same("api_key_id", "event_api_key_id")?
        && same("model", "event_model")?)
}

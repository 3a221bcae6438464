//! Holds as rows, for reading outside of the writer's commits.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{HoldId, OrganizationId};
use types::money::{Cost, Money};
use types::time::Timestamp;

use super::hold::{Hold, HoldState, LONGEST_HOLD};
use crate::db::{id, micros, optional_time, time};
use crate::{Core, StoreError};

/// Holds forgotten at once: a statement that others need not wait for.
const MOST_FORGOTTEN: i64 = 1_000;
/// The most times in one run: it is soon run again.
const MOST_FORGETS: usize = 1_000;
/// The most holds whose time is up that are looked at for whose they are.
const MOST_DUE: i64 = 1_000;

/// What is read of a hold, and of the event that settled it.
pub(crate) const COLUMNS: &str = "holds.id, holds.organization_id, holds.project_id,
    holds.api_key_id, holds.client_id, holds.model, holds.input_tokens,
    holds.requested_output_tokens, holds.wanted_output_tokens, holds.max_output_tokens,
    holds.amount_nano, holds.state, holds.created_at, holds.expires_at, holds.closed_at,
    usage_events.cost_pico, usage_events.content_hash";
pub(crate) const TABLES: &str = "holds left join usage_events
    on usage_events.batch_no = holds.event_batch_no
    and usage_events.position = holds.event_position";

/// An organization's hold, by its id.
pub(super) async fn find_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    hold: HoldId,
    now: Timestamp,
) -> Result<Option<Hold>, StoreError> {
    find_by_in(connection, organization, ("id", hold.to_string()), now).await
}

/// An organization's hold, by the client's own id.
pub(super) async fn find_by_client_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<Hold>, StoreError> {
    let named = ("client_id", client_id.to_owned());
    find_by_in(connection, organization, named, now).await
}

async fn find_by_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    (column, value): (&str, String),
    now: Timestamp,
) -> Result<Option<Hold>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(one(column)))
        .bind(organization.to_string())
        .bind(value)
        .fetch_optional(connection)
        .await?;
    row.map(|row| read(&row, now)).transpose()
}

fn one(column: &str) -> String {
    format!(
        "select {COLUMNS} from {TABLES}
         where holds.organization_id = $1 and holds.{column} = $2"
    )
}

/// As it is at `now`.
fn read(row: &AnyRow, now: Timestamp) -> Result<Hold, StoreError> {
    let cost: Option<i64> = row.try_get("cost_pico")?;
    let state: String = row.try_get("state")?;
    let mut hold = Hold {
        id: id(row, "id")?,
        organization: id(row, "organization_id")?,
        project: id(row, "project_id")?,
        api_key: id(row, "api_key_id")?,
        client_id: row.try_get("client_id")?,
        model: row.try_get("model")?,
        input_tokens: row.try_get("input_tokens")?,
        requested_output_tokens: row.try_get("requested_output_tokens")?,
        wanted_output_tokens: row.try_get("wanted_output_tokens")?,
        max_output_tokens: row.try_get("max_output_tokens")?,
        amount: Money::from_nanos(row.try_get("amount_nano")?),
        state: state_of(&state, optional_time(row, "closed_at")?, cost)?,
        created_at: time(row, "created_at")?,
        expires_at: time(row, "expires_at")?,
    };
    hold.expire(now);
    Ok(hold)
}

/// A state from its parts, which must fit together.
pub(crate) fn state_of(
    state: &str,
    closed_at: Option<Timestamp>,
    cost_pico: Option<i64>,
) -> Result<HoldState, StoreError> {
    match (state, closed_at, cost_pico) {
        ("open", None, None) => Ok(HoldState::Open),
        ("released", Some(closed_at), None) => Ok(HoldState::Released { closed_at }),
        ("expired", Some(closed_at), None) => Ok(HoldState::Expired { closed_at }),
        ("captured", Some(closed_at), Some(cost)) => Ok(HoldState::Captured {
            closed_at,
            cost: Cost::from_picos(cost),
        }),
        _ => Err(StoreError::Inconsistent(format!(
            "a hold that is {state}, closed at {closed_at:?}, of cost {cost_pico:?}"
        ))),
    }
}

/// How much of an organization's is due at an instant.
const DUE_OF_ONE: &str = "
    select count(*) as due, cast(coalesce(sum(amount_nano), 0) as bigint) as amount_nano
    from holds where state = 'open' and expires_at <= $1 and organization_id = $2";

/// What open holds set aside at `now`. The books' note counts those whose time is up until they
/// are written down as expired; nothing is set aside for them any more.
pub(crate) async fn held_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<ledger::Held, StoreError> {
    let noted = ledger::held_in(connection, organization).await?;
    if noted.count == 0 {
        return Ok(noted);
    }
    let due = sqlx::query(DUE_OF_ONE)
        .bind(micros(now))
        .bind(organization.to_string())
        .fetch_one(connection)
        .await?;
    let amount = Money::from_nanos(due.try_get("amount_nano")?);
    Ok(ledger::Held {
        amount: noted.amount.minus(amount)?,
        count: noted.count - due.try_get::<i64, _>("due")?,
    })
}

/// What an organization's holds set aside at an instant.
const HELD_AT: &str = "
    select cast(coalesce(sum(amount_nano), 0) as bigint) from holds
    where organization_id = $1 and created_at > $2 and created_at <= $3
        and expires_at > $3 and (closed_at is null or closed_at > $3)";

/// What open holds set aside at a past instant, as far as they are remembered.
pub(crate) async fn held_at_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    at: Timestamp,
) -> Result<Money, StoreError> {
    let held: i64 = sqlx::query_scalar(HELD_AT)
        .bind(organization.to_string())
        .bind(micros(at - LONGEST_HOLD))
        .bind(micros(at))
        .fetch_one(connection)
        .await?;
    Ok(Money::from_nanos(held))
}

const FORGET: &str = "
    delete from holds where id in (
        select id from holds where id < $1 and state <> 'open' order by id limit $2)";

/// Forgets the holds that were opened before `before`, some at a time. Their ids rise with the time
/// they were made at, so what is old is at the beginning of the table.
pub(super) async fn forget(core: &Core, before: Timestamp) -> Result<u64, StoreError> {
    let Ok(milliseconds) = u64::try_from(before.timestamp_millis()) else {
        return Ok(0);
    };
    let bound = uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid();
    let mut forgotten = 0;
    for _ in 0..MOST_FORGETS {
        let deleted = sqlx::query(FORGET)
            .bind(HoldId::from_uuid(bound).to_string())
            .bind(MOST_FORGOTTEN)
            .execute(core.db.writers())
            .await?
            .rows_affected();
        forgotten += deleted;
        if deleted == 0 {
            break;
        }
    }
    Ok(forgotten)
}

/// Whose holds are due, those that are due for longest first, of all but so many organizations.
/// Sorted by that before they are told apart: SQLite would walk through all holds in the order of
/// their organizations otherwise.
fn whose_due(but: usize) -> String {
    let others: String = (4..but + 4)
        .map(|mark| format!(" and organization_id <> ${mark}"))
        .collect();
    format!(
        "select distinct organization_id from (
             select organization_id from holds where state = 'open' and expires_at <= $1{others}
             order by expires_at limit $2) as due
         limit $3"
    )
}

/// Organizations with holds whose time is up, at most `most` and none of `but`.
pub(super) async fn due_in(
    connection: &mut ledger::Connection,
    now: Timestamp,
    but: &BTreeSet<OrganizationId>,
    most: i64,
) -> Result<Vec<OrganizationId>, StoreError> {
    let text = whose_due(but.len());
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(micros(now))
        .bind(MOST_DUE)
        .bind(most);
    for organization in but {
        query = query.bind(organization.to_string());
    }
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| id(row, "organization_id")).collect()
}

/// SQLite knows nothing of what is in the tables when it decides how to go about a statement, so
/// what it decides is always the same.
#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::db::Db;
    use crate::holds::rows::sqlite::{all_due, due, named};

    #[tokio::test]
    async fn no_statement_walks_through_holds_that_it_is_not_about() {
        let directory = std::env::temp_dir().join(format!("plans_{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&directory).unwrap();
        let url = format!("sqlite://{}/plans.db?mode=rwc", directory.display());
        let db = Db::connect(&url).await.unwrap();
        db.migrate().await.unwrap();
        let due_of_one = "holds_due_by_organization (organization_id=? AND expires_at<?)";
        let by_client = "holds_by_client (organization_id=? AND client_id=?)";
        let at = "holds_by_organization (organization_id=? AND created_at>? AND created_at<?)";
        for (statement, expected) in [
            (one("id"), "PRIMARY KEY (id=?)"),
            (one("client_id"), by_client),
            (whose_due(0), "holds_due (expires_at<?)"),
            (whose_due(64), "holds_due (expires_at<?)"),
            (DUE_OF_ONE.to_owned(), due_of_one),
            (HELD_AT.to_owned(), at),
            (FORGET.to_owned(), "PRIMARY KEY (id<?)"),
            (due(1), due_of_one),
            (due(128), due_of_one),
            (all_due(1), due_of_one),
            (all_due(128), due_of_one),
            (named("id", 1), "PRIMARY KEY (id=?)"),
            (named("id", 128), "PRIMARY KEY (id=?)"),
            (named("client_id", 1), by_client),
            (named("client_id", 128), by_client),
        ] {
            let explain = AssertSqlSafe(format!("explain query plan {statement}"));
            let steps = sqlx::query(explain).fetch_all(db.readers()).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
            assert!(
                steps.iter().any(|step| step.ends_with(expected)),
                "{statement}: {steps:#?}"
            );
            assert!(
                !steps.iter().any(|step| step.starts_with("SCAN holds")),
                "{statement}: {steps:#?}"
            );
        }
        db.close().await;
        std::fs::remove_dir_all(directory).unwrap();
    }
}

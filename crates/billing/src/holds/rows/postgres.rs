//! PostgreSQL: one array a column.

use sqlx::PgConnection;
use types::time::Timestamp;

use super::{MOST_EXPIRED, found, looked, may_have_left};
use crate::StoreError;
use crate::db::micros;
use crate::holds::desk::{Asked, HoldRow, HoldWrites, Looked};
use crate::holds::store::{COLUMNS, TABLES};

pub(crate) async fn find_in(
    connection: &mut PgConnection,
    asked: &Asked,
    now: Timestamp,
) -> Result<Looked, StoreError> {
    // The same row may answer several questions. What is due is looked for organization by
    // organization: all in one, it might be looked for among everybody's.
    let text = format!(
        "(select {COLUMNS} from unnest($2::text[]) as asked (organization_id)
         cross join lateral (
             select * from holds as due
             where due.organization_id = asked.organization_id and due.state = 'open'
                 and due.expires_at <= $1
             order by due.expires_at limit $7
         ) as holds
         left join usage_events on usage_events.batch_no = holds.event_batch_no
             and usage_events.position = holds.event_position
         limit $7)
         union all
         select {COLUMNS} from {TABLES}
         join unnest($3::text[], $4::text[]) as asked (organization_id, id)
             on holds.organization_id = asked.organization_id and holds.id = asked.id
         union all
         select {COLUMNS} from {TABLES}
         join unnest($5::text[], $6::text[]) as asked (organization_id, client_id)
             on holds.organization_id = asked.organization_id
             and holds.client_id = asked.client_id"
    );
    let organizations = texts(&asked.organizations, ToString::to_string);
    let (client_organizations, client_ids): (Vec<String>, Vec<String>) = asked
        .client_ids
        .iter()
        .map(|(organization, client_id)| (organization.to_string(), client_id.clone()))
        .unzip();
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(micros(now))
        .bind(&organizations)
        .bind(texts(&asked.ids, |(organization, _)| {
            organization.to_string()
        }))
        .bind(texts(&asked.ids, |(_, id)| id.to_string()))
        .bind(client_organizations)
        .bind(client_ids)
        .bind(i64::try_from(MOST_EXPIRED).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let found = rows.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    let sums = if may_have_left(&found, now) {
        sqlx::query(ALL_DUE)
            .bind(micros(now))
            .bind(&organizations)
            .fetch_all(connection)
            .await?
    } else {
        Vec::new()
    };
    looked(found, &sums, now)
}

/// What is due of each organization.
const ALL_DUE: &str = "
    select organization_id, count(*) as due, cast(sum(amount_nano) as bigint) as amount_nano
    from holds
    where state = 'open' and expires_at <= $1 and organization_id = any($2::text[])
    group by organization_id";

pub(crate) async fn write_in(
    connection: &mut PgConnection,
    writes: &HoldWrites,
) -> Result<(), StoreError> {
    if !writes.opened.is_empty() {
        insert_in(connection, &writes.opened).await?;
    }
    if !writes.changed.is_empty() {
        update_in(connection, &writes.changed).await?;
    }
    Ok(())
}

async fn insert_in(connection: &mut PgConnection, rows: &[HoldRow]) -> Result<(), StoreError> {
    sqlx::query(OPENED)
        .bind(texts(rows, |row| row.hold.id.to_string()))
        .bind(texts(rows, |row| row.hold.organization.to_string()))
        .bind(texts(rows, |row| row.hold.project.to_string()))
        .bind(texts(rows, |row| row.hold.api_key.to_string()))
        .bind(
            rows.iter()
                .map(|row| row.hold.client_id.clone())
                .collect::<Vec<_>>(),
        )
        .bind(texts(rows, |row| row.hold.model.clone()))
        .bind(numbers(rows, |row| row.hold.input_tokens))
        .bind(
            rows.iter()
                .map(|row| row.hold.requested_output_tokens)
                .collect::<Vec<_>>(),
        )
        .bind(numbers(rows, |row| row.hold.wanted_output_tokens))
        .bind(numbers(rows, |row| row.hold.max_output_tokens))
        .bind(numbers(rows, |row| row.hold.amount.nanos()))
        .bind(texts(rows, |row| row.hold.state.as_str().to_owned()))
        .bind(numbers(rows, |row| micros(row.hold.created_at)))
        .bind(numbers(rows, |row| micros(row.hold.expires_at)))
        .execute(connection)
        .await?;
    Ok(())
}

async fn update_in(connection: &mut PgConnection, rows: &[HoldRow]) -> Result<(), StoreError> {
    let optional = |number: fn(&HoldRow) -> Option<i64>| -> Vec<Option<i64>> {
        rows.iter().map(number).collect()
    };
    let changed = sqlx::query(CHANGED)
        .bind(texts(rows, |row| row.hold.organization.to_string()))
        .bind(texts(rows, |row| row.hold.id.to_string()))
        .bind(texts(rows, |row| row.hold.state.as_str().to_owned()))
        .bind(numbers(rows, |row| micros(row.hold.expires_at)))
        .bind(optional(|row| row.hold.state.closed_at().map(micros)))
        .bind(optional(|row| row.event.map(|event| event.batch_no)))
        .bind(optional(|row| row.event.map(|event| event.position)))
        .execute(connection)
        .await?
        .rows_affected();
    if changed == rows.len() as u64 {
        Ok(())
    } else {
        Err(StoreError::Inconsistent(format!(
            "{changed} holds were there to change"
        )))
    }
}

const OPENED: &str = "
    insert into holds
        (id, organization_id, project_id, api_key_id, client_id, model, input_tokens,
         requested_output_tokens, wanted_output_tokens, max_output_tokens, amount_nano, state,
         created_at, expires_at)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[],
        $13::bigint[], $14::bigint[])";

const CHANGED: &str = "
    update holds set state = new.state, expires_at = new.expires_at, closed_at = new.closed_at,
        event_batch_no = new.event_batch_no, event_position = new.event_position
    from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::bigint[])
        as new (organization_id, id, state, expires_at, closed_at, event_batch_no, event_position)
    where holds.organization_id = new.organization_id and holds.id = new.id";

fn texts<T>(rows: &[T], text: impl Fn(&T) -> String) -> Vec<String> {
    rows.iter().map(text).collect()
}

fn numbers<T>(rows: &[T], number: impl Fn(&T) -> i64) -> Vec<i64> {
    rows.iter().map(number).collect()
}

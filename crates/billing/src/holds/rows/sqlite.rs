//! SQLite: as many rows a statement as it takes.

use ledger::bulk::sqlite::{marks, write_rows};
use sqlx::{AssertSqlSafe, SqliteConnection};
use types::time::Timestamp;

use super::{MOST_EXPIRED, found, looked, may_have_left};
use crate::StoreError;
use crate::db::micros;
use crate::holds::desk::{Asked, HoldRow, HoldWrites, Looked};
use crate::holds::store::{COLUMNS, TABLES};

/// The most rows in one statement.
const RUN: usize = 128;

pub(crate) async fn find_in(
    connection: &mut SqliteConnection,
    asked: &Asked,
    now: Timestamp,
) -> Result<Looked, StoreError> {
    let mut rows = Vec::new();
    for run in ledger::bulk::runs(asked.organizations.len(), RUN) {
        let room = MOST_EXPIRED.saturating_sub(rows.len());
        if room == 0 {
            break;
        }
        let mut query = sqlx::query(AssertSqlSafe(due(run.len()))).bind(micros(now));
        for organization in &asked.organizations[run] {
            query = query.bind(organization.to_string());
        }
        let query = query.bind(i64::try_from(room).unwrap_or(i64::MAX));
        rows.extend(query.fetch_all(&mut *connection).await?);
    }
    for run in ledger::bulk::runs(asked.ids.len(), RUN) {
        let mut query = sqlx::query(AssertSqlSafe(named("id", run.len())));
        for (organization, id) in &asked.ids[run] {
            query = query.bind(organization.to_string()).bind(id.to_string());
        }
        rows.extend(query.fetch_all(&mut *connection).await?);
    }
    for run in ledger::bulk::runs(asked.client_ids.len(), RUN) {
        let mut query = sqlx::query(AssertSqlSafe(named("client_id", run.len())));
        for (organization, client_id) in &asked.client_ids[run] {
            query = query.bind(organization.to_string()).bind(client_id.clone());
        }
        rows.extend(query.fetch_all(&mut *connection).await?);
    }
    let found = rows.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    let mut sums = Vec::new();
    if may_have_left(&found, now) {
        for run in ledger::bulk::runs(asked.organizations.len(), RUN) {
            let mut query = sqlx::query(AssertSqlSafe(all_due(run.len()))).bind(micros(now));
            for organization in &asked.organizations[run] {
                query = query.bind(organization.to_string());
            }
            sums.extend(query.fetch_all(&mut *connection).await?);
        }
    }
    looked(found, &sums, now)
}

/// Some of so many organizations whose time is up.
pub(in crate::holds) fn due(organizations: usize) -> String {
    format!(
        "select {COLUMNS} from {TABLES}
         where holds.state = 'open' and holds.expires_at <= ?
             and holds.organization_id in (values {})
         limit ?",
        marks(organizations, 1)
    )
}

/// What is due of each of so many organizations.
pub(in crate::holds) fn all_due(organizations: usize) -> String {
    format!(
        "select organization_id, count(*) as due, sum(amount_nano) as amount_nano from holds
         where state = 'open' and expires_at <= ? and organization_id in (values {})
         group by organization_id",
        marks(organizations, 1)
    )
}

/// So many, each by its organization and another column. Joined: a list of pairs behind `in` is
/// looked for from one end of the table to the other.
pub(in crate::holds) fn named(column: &str, count: usize) -> String {
    format!(
        "with asked (organization_id, {column}) as (values {})
         select {COLUMNS} from {TABLES}
         join asked on holds.organization_id = asked.organization_id
             and holds.{column} = asked.{column}",
        marks(count, 2)
    )
}

pub(crate) async fn write_in(
    connection: &mut SqliteConnection,
    writes: &HoldWrites,
) -> Result<(), StoreError> {
    write_rows(connection, OPENED, 14, RUN, &writes.opened, |query, row| {
        let hold = &row.hold;
        query
            .bind(hold.id.to_string())
            .bind(hold.organization.to_string())
            .bind(hold.project.to_string())
            .bind(hold.api_key.to_string())
            .bind(hold.client_id.clone())
            .bind(hold.model.clone())
            .bind(hold.input_tokens)
            .bind(hold.requested_output_tokens)
            .bind(hold.wanted_output_tokens)
            .bind(hold.max_output_tokens)
            .bind(hold.amount.nanos())
            .bind(hold.state.as_str())
            .bind(micros(hold.created_at))
            .bind(micros(hold.expires_at))
    })
    .await?;
    let changed = write_rows(
        connection,
        CHANGED,
        7,
        RUN,
        &writes.changed,
        |query, row| {
            let HoldRow { hold, event } = row;
            query
                .bind(hold.organization.to_string())
                .bind(hold.id.to_string())
                .bind(hold.state.as_str())
                .bind(micros(hold.expires_at))
                .bind(hold.state.closed_at().map(micros))
                .bind(event.map(|event| event.batch_no))
                .bind(event.map(|event| event.position))
        },
    )
    .await?;
    if changed == writes.changed.len() as u64 {
        Ok(())
    } else {
        Err(StoreError::Inconsistent(format!(
            "{changed} holds were there to change"
        )))
    }
}

const OPENED: (&str, &str) = (
    "insert into holds
         (id, organization_id, project_id, api_key_id, client_id, model, input_tokens,
          requested_output_tokens, wanted_output_tokens, max_output_tokens, amount_nano, state,
          created_at, expires_at) values ",
    "",
);
const CHANGED: (&str, &str) = (
    "update holds set state = new.column3, expires_at = new.column4, closed_at = new.column5,
         event_batch_no = new.column6, event_position = new.column7 from (values ",
    ") as new where holds.organization_id = new.column1 and holds.id = new.column2",
);

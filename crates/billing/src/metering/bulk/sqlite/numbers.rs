//! Sources and series in SQLite: many rows a statement.

use std::collections::HashMap;

use ledger::bulk::sqlite::{Binding, marks};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqliteConnection};
use types::ids::OrganizationId;

use super::SqliteTx;
use crate::StoreError;
use crate::db::micros;
use crate::holds::HOLD_SOURCE;
use crate::metering::bulk::numbers::{NumberTx, counts, series, sources};
use crate::metering::priced::{SeriesKey, SourceKey};

/// The most rows in one statement.
const RUN: usize = 256;

impl NumberTx for SqliteTx {
    async fn find_sources(
        &mut self,
        keys: &[&SourceKey],
    ) -> Result<HashMap<SourceKey, i64>, StoreError> {
        // `cross join`: what is asked for comes first, whatever the database thinks of the tables.
        let text = (
            "with asked (organization_id, source) as (values ",
            ") select usage_sources.* from asked
             cross join usage_sources on usage_sources.organization_id = asked.organization_id
                 and usage_sources.source = asked.source",
        );
        let rows = run_in(&mut self.tx, text, 2, keys, |query, key| {
            query
                .bind(key.organization.to_string())
                .bind(key.source.clone())
        });
        sources(&rows.await?)
    }

    async fn count_sources(
        &mut self,
        organizations: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, i64>, StoreError> {
        let text = (
            "with asked (organization_id) as (values ",
            ") select asked.organization_id, (
                 select count(distinct source) from usage_sources
                 where usage_sources.organization_id = asked.organization_id
                     and source <> ?
             ) as count from asked",
        );
        let mut found = HashMap::with_capacity(organizations.len());
        for run in organizations.chunks(RUN) {
            let mut query = statement(text, run.len(), 1);
            for organization in run {
                query = query.bind(organization.to_string());
            }
            let rows = query.bind(HOLD_SOURCE).fetch_all(&mut *self.tx).await?;
            found.extend(counts(&rows)?);
        }
        Ok(found)
    }

    async fn make_sources(
        &mut self,
        keys: &[&SourceKey],
    ) -> Result<HashMap<SourceKey, i64>, StoreError> {
        let text = (
            "insert into usage_sources (organization_id, source, key_form) values ",
            " on conflict (organization_id, source, key_form)
                  do update set source = excluded.source
              returning no, organization_id, source, key_form",
        );
        let rows = run_in(&mut self.tx, text, 3, keys, |query, key| {
            query
                .bind(key.organization.to_string())
                .bind(key.source.clone())
                .bind(key.form.as_str())
        });
        sources(&rows.await?)
    }

    async fn find_series(
        &mut self,
        keys: &[&SeriesKey],
    ) -> Result<HashMap<SeriesKey, i64>, StoreError> {
        let text = (
            "with asked (organization_id, project_id, api_key_id, model) as (values ",
            ") select usage_series.* from asked
             cross join usage_series on usage_series.organization_id = asked.organization_id
                 and usage_series.project_id = asked.project_id
                 and usage_series.api_key_id = asked.api_key_id
                 and usage_series.model = asked.model",
        );
        let rows = run_in(&mut self.tx, text, 4, keys, bind_name);
        series(&rows.await?)
    }

    async fn count_series(
        &mut self,
        organizations: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, i64>, StoreError> {
        let text = (
            "with asked (organization_id) as (values ",
            ") select asked.organization_id, (
                 select count(*) from (
                     select distinct project_id, api_key_id, model from usage_series
                     where usage_series.organization_id = asked.organization_id)
             ) as count from asked",
        );
        let rows = run_in(&mut self.tx, text, 1, organizations, |query, id| {
            query.bind(id.to_string())
        });
        counts(&rows.await?)
    }

    async fn make_series(
        &mut self,
        keys: &[&SeriesKey],
    ) -> Result<HashMap<SeriesKey, i64>, StoreError> {
        let text = (
            "insert into usage_series
                 (organization_id, project_id, api_key_id, model, rate_effective_at) values ",
            " on conflict (organization_id, project_id, api_key_id, model, rate_effective_at)
                  do update set model = excluded.model
              returning no, organization_id, project_id, api_key_id, model, rate_effective_at",
        );
        let rows = run_in(&mut self.tx, text, 5, keys, |query, key| {
            bind_name(query, key).bind(micros(key.rate_effective_at))
        });
        series(&rows.await?)
    }
}

fn bind_name<'q>(query: Binding<'q>, key: &&SeriesKey) -> Binding<'q> {
    query
        .bind(key.organization.to_string())
        .bind(key.project.to_string())
        .bind(key.api_key.to_string())
        .bind(key.model.to_string())
}

/// A statement of a run's rows. It is seldom needed, and of any length: nobody keeps it.
fn statement<'q>((before, after): (&str, &str), rows: usize, columns: usize) -> Binding<'q> {
    let text = format!("{before}{}{after}", marks(rows, columns));
    sqlx::query(AssertSqlSafe(text)).persistent(false)
}

/// All rows that the statements of all runs give.
async fn run_in<T>(
    connection: &mut SqliteConnection,
    text: (&str, &str),
    columns: usize,
    items: &[T],
    bind: impl for<'q> Fn(Binding<'q>, &T) -> Binding<'q>,
) -> Result<Vec<SqliteRow>, StoreError> {
    let mut rows = Vec::with_capacity(items.len());
    for run in items.chunks(RUN) {
        let query = run.iter().fold(statement(text, run.len(), columns), &bind);
        rows.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(rows)
}

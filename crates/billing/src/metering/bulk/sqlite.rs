//! SQLite: rows go in many a statement, on a connection of its own. Its turn to write comes in
//! one queue with all other writers of the process.

mod numbers;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::task::Poll;

use ledger::bulk::Head;
use ledger::bulk::sqlite::{Binding, filled_up, lock_heads_in, marks, write_in, write_rows};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, AssertSqlSafe, Sqlite, SqlitePool, Transaction};
use types::ids::OrganizationId;
use types::time::Timestamp;

use super::{
    ACCOUNTS, Bulk, BulkTx, Carry, EventRow, Known, UniqueKey, UsageBatch, WriteError, Writes,
    known_of,
};
use crate::StoreError;
use crate::db::micros;
use crate::holds::desk::{Asked, Looked};
use crate::holds::rows::sqlite as rows;
use crate::metering::aside::Holder;
use crate::pricing::book::RATE_COUNT;

/// The most events in one insert.
const RUN: usize = 512;
/// The most rows in any other statement.
const SHORT_RUN: usize = 128;

pub(in crate::metering) struct SqliteBulk {
    /// Whose one connection is the turn to write.
    pub(in crate::metering) turns: AnyPool,
    pub(in crate::metering) writer: SqlitePool,
}

pub(in crate::metering) struct SqliteTx {
    tx: Transaction<'static, Sqlite>,
    _turn: PoolConnection<Any>,
}

impl Bulk for SqliteBulk {
    type Tx = SqliteTx;

    async fn begin(&self) -> Result<SqliteTx, StoreError> {
        let turn = self.turns.acquire().await?;
        Ok(SqliteTx {
            tx: self.writer.begin_with("begin immediate").await?,
            _turn: turn,
        })
    }

    async fn locked(
        &self,
        _: &BTreeSet<OrganizationId>,
    ) -> Result<BTreeMap<OrganizationId, Holder>, StoreError> {
        Err(StoreError::Busy)
    }
}

impl BulkTx for SqliteTx {
    async fn rate_count(&mut self) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar(RATE_COUNT);
        Ok(count.fetch_one(&mut *self.tx).await?)
    }

    async fn lock_heads(
        &mut self,
        organizations: &[OrganizationId],
    ) -> Result<Vec<Head>, StoreError> {
        Ok(lock_heads_in(&mut self.tx, organizations, &ACCOUNTS).await?)
    }

    async fn carries(
        &mut self,
        organizations: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, Carry>, StoreError> {
        let mut carries = HashMap::with_capacity(organizations.len());
        for ids in organizations.chunks(SHORT_RUN) {
            let text = format!(
                "select organization_id, sequence, carry_pico from usage_carries
                 where organization_id in (values {})",
                marks(ids.len().next_power_of_two(), 1)
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for id in filled_up(ids) {
                query = query.bind(id);
            }
            for row in query.fetch_all(&mut *self.tx).await? {
                let (organization, carry) = super::carry(&row)?;
                carries.insert(organization, carry);
            }
        }
        Ok(carries)
    }

    async fn batch_nos(&mut self, count: usize) -> Result<Vec<i64>, StoreError> {
        let newest: i64 = sqlx::query_scalar("select coalesce(max(no), 0) from usage_batches")
            .fetch_one(&mut *self.tx)
            .await?;
        Ok((newest + 1..).take(count).collect())
    }

    async fn known(&mut self, keys: &[UniqueKey]) -> Result<HashMap<UniqueKey, Known>, StoreError> {
        let mut rows = Vec::new();
        for run in ledger::bulk::runs(keys.len(), RUN) {
            let text = format!(
                "with asked (event_key, source_no) as (values {})
                 select usage_events.event_key, usage_events.source_no,
                        usage_events.content_hash, usage_batches.created_at
                 from asked
                 join usage_events on usage_events.event_key = asked.event_key
                     and usage_events.source_no = asked.source_no
                 join usage_batches on usage_batches.no = usage_events.batch_no",
                marks(run.len(), 2)
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for (key, source_no) in &keys[run] {
                query = query.bind(key.bytes.to_vec()).bind(*source_no);
            }
            rows.extend(query.fetch_all(&mut *self.tx).await?);
        }
        known_of(keys, &rows)
    }

    async fn holds(&mut self, asked: &Asked, now: Timestamp) -> Result<Looked, StoreError> {
        rows::find_in(&mut self.tx, asked, now).await
    }

    async fn write_events(&mut self, events: &[EventRow<'_>]) -> Result<(), WriteError> {
        self.insert_events(events).await.map_err(|error| {
            let message = error
                .as_database_error()
                .map(sqlx::error::DatabaseError::message);
            if message.is_some_and(|message| message.starts_with("UNIQUE")) {
                WriteError::KnownKey
            } else {
                error.into()
            }
        })?;
        Ok(())
    }

    async fn write_books(&mut self, writes: &Writes) -> Result<(), StoreError> {
        write_in(&mut self.tx, &writes.heads, &writes.posted).await?;
        rows::write_in(&mut self.tx, &writes.holds).await?;
        self.write_batches(&writes.batches).await
    }

    async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

impl SqliteTx {
    /// While the database works on one statement, the next one is laid out.
    async fn insert_events(&mut self, events: &[EventRow<'_>]) -> Result<(), sqlx::Error> {
        let mut runs = ledger::bulk::runs(events.len(), RUN).map(|run| insert(&events[run]));
        let mut next = runs.next();
        while let Some(query) = next {
            let mut sent = std::pin::pin!(query.execute(&mut *self.tx));
            // To ask once is to send it.
            let answered = futures::poll!(&mut sent);
            next = runs.next();
            match answered {
                Poll::Ready(done) => done?,
                Poll::Pending => sent.await?,
            };
        }
        Ok(())
    }

    async fn write_batches(&mut self, batches: &[UsageBatch]) -> Result<(), StoreError> {
        write_rows(
            &mut self.tx,
            BATCHES,
            12,
            SHORT_RUN,
            batches,
            |query, batch| {
                query
                    .bind(batch.no)
                    .bind(batch.id.to_string())
                    .bind(batch.organization.to_string())
                    .bind(batch.sequence)
                    .bind(batch.event_count)
                    .bind(batch.rate_count)
                    .bind(batch.cost.picos())
                    .bind(batch.posted.nanos())
                    .bind(batch.carry_before.picos())
                    .bind(batch.carry_after.picos())
                    .bind(micros(batch.booked_at))
                    .bind(micros(batch.created_at))
            },
        )
        .await?;
        write_rows(
            &mut self.tx,
            CARRIES,
            3,
            SHORT_RUN,
            batches,
            |query, batch| {
                query
                    .bind(batch.organization.to_string())
                    .bind(batch.sequence)
                    .bind(batch.carry_after.picos())
            },
        )
        .await?;
        Ok(())
    }
}

fn insert<'q>(events: &[EventRow<'_>]) -> Binding<'q> {
    let text = format!("{EVENTS}{}", marks(events.len(), 17));
    let mut query = sqlx::query(AssertSqlSafe(text));
    for EventRow {
        batch_no,
        position,
        source_no,
        series_no,
        priced,
    } in events
    {
        let event = &priced.event;
        query = query
            .bind(*batch_no)
            .bind(*position)
            .bind(*source_no)
            .bind(*series_no)
            .bind(event.tokens.input)
            .bind(event.tokens.cached_input)
            .bind(event.tokens.output)
            .bind(priced.cost.picos())
            .bind(micros(priced.occurred_at))
            .bind(event.status)
            .bind(event.latency_ms)
            .bind(priced.key.bytes.to_vec())
            .bind(priced.content_hash.0.to_vec())
            .bind(priced.kept_id().map(str::to_owned))
            .bind(event.request_id.clone())
            .bind(event.subject.clone())
            .bind(event.claimed_cost.map(|cost| cost.exact()));
    }
    query
}

const EVENTS: &str = "insert into usage_events
    (batch_no, position, source_no, series_no, input_tokens, cached_input_tokens,
     output_tokens, cost_pico, occurred_at, status, latency_ms, event_key, content_hash,
     event_id, request_id, subject, claimed_cost) values ";
const BATCHES: (&str, &str) = (
    "insert into usage_batches
         (no, id, organization_id, sequence, event_count, rate_count, cost_pico, posted_nano,
          carry_before_pico, carry_after_pico, booked_at, created_at) values ",
    "",
);
const CARRIES: (&str, &str) = (
    "insert into usage_carries (organization_id, sequence, carry_pico) values ",
    " on conflict (organization_id) do update set
          sequence = excluded.sequence, carry_pico = excluded.carry_pico",
);

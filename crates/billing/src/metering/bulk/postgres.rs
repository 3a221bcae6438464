//! PostgreSQL: events by binary `COPY` straight into their table, all else by arrays.

mod numbers;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::bulk::Head;
use ledger::bulk::postgres::{lock_heads_in, write_in};
use sqlx::{PgPool, Postgres, Row, Transaction};
use types::ids::OrganizationId;
use types::time::Timestamp;

use super::{
    ACCOUNTS, Bulk, BulkTx, Carry, EventRow, Known, UniqueKey, UsageBatch, WriteError, Writes,
    known_of,
};
use crate::StoreError;
use crate::db::{begin_whole, micros};
use crate::holds::desk::{Asked, Looked};
use crate::holds::rows::postgres as rows;
use crate::metering::aside::Holder;
use crate::pricing::book::RATE_COUNT;

/// From how many events on they are copied. Below it, copying loses more than it gains: the driver
/// does not switch Nagle's algorithm off, and the end of a short copy then waits 40 ms for the
/// server's delayed acknowledgement of its beginning.
const COPY_FROM: usize = 2_048;
/// `unique_violation`
const UNIQUE_VIOLATION: &str = "23505";

pub(in crate::metering) struct PostgresBulk(pub(in crate::metering) PgPool);

pub(in crate::metering) struct PostgresTx(Transaction<'static, Postgres>);

impl Bulk for PostgresBulk {
    type Tx = PostgresTx;

    async fn begin(&self) -> Result<PostgresTx, StoreError> {
        Ok(PostgresTx(begin_whole(&self.0, "begin").await?))
    }

    async fn locked(
        &self,
        organizations: &BTreeSet<OrganizationId>,
    ) -> Result<BTreeMap<OrganizationId, Holder>, StoreError> {
        let ids: Vec<String> = organizations.iter().map(ToString::to_string).collect();
        // `xmax`: the number of the transaction that locks a row.
        let locked = sqlx::query(
            "with free as materialized (
                 select organization_id from books where organization_id = any($1)
                 for update skip locked
             )
             select organization_id, books.xmax::text as holder from books
             where organization_id = any($1) and organization_id not in (
                 select organization_id from free)",
        )
        .bind(&ids)
        .fetch_all(&self.0)
        .await?;
        locked
            .iter()
            .map(|row| Ok((super::organization(row)?, Holder(row.try_get("holder")?))))
            .collect()
    }
}

impl BulkTx for PostgresTx {
    async fn rate_count(&mut self) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar(RATE_COUNT);
        Ok(count.fetch_one(&mut *self.0).await?)
    }

    async fn lock_heads(
        &mut self,
        organizations: &[OrganizationId],
    ) -> Result<Vec<Head>, StoreError> {
        Ok(lock_heads_in(&mut self.0, organizations, &ACCOUNTS).await?)
    }

    async fn carries(
        &mut self,
        organizations: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, Carry>, StoreError> {
        let rows = sqlx::query(
            "select organization_id, sequence, carry_pico from usage_carries
             where organization_id = any($1)",
        )
        .bind(texts(organizations, ToString::to_string))
        .fetch_all(&mut *self.0)
        .await?;
        rows.iter().map(super::carry).collect()
    }

    async fn batch_nos(&mut self, count: usize) -> Result<Vec<i64>, StoreError> {
        let nos = sqlx::query_scalar(
            "select nextval(pg_get_serial_sequence('usage_batches', 'no'))
             from generate_series(1, $1)",
        )
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .fetch_all(&mut *self.0)
        .await?;
        Ok(nos)
    }

    async fn known(&mut self, keys: &[UniqueKey]) -> Result<HashMap<UniqueKey, Known>, StoreError> {
        let rows = sqlx::query(
            "select usage_events.event_key, usage_events.source_no, usage_events.content_hash,
                    usage_batches.created_at
             from unnest($1::bytea[], $2::bigint[]) as asked (event_key, source_no)
             join usage_events on usage_events.event_key = asked.event_key
                 and usage_events.source_no = asked.source_no
             join usage_batches on usage_batches.no = usage_events.batch_no",
        )
        .bind(
            keys.iter()
                .map(|(key, _)| key.bytes.to_vec())
                .collect::<Vec<_>>(),
        )
        .bind(numbers(keys, |(_, source_no)| *source_no))
        .fetch_all(&mut *self.0)
        .await?;
        known_of(keys, &rows)
    }

    async fn holds(&mut self, asked: &Asked, now: Timestamp) -> Result<Looked, StoreError> {
        rows::find_in(&mut self.0, asked, now).await
    }

    async fn write_events(&mut self, events: &[EventRow<'_>]) -> Result<(), WriteError> {
        // In one order in every process: writers of the same events wait for each other in one
        // direction only.
        let mut sorted: Vec<&EventRow<'_>> = events.iter().collect();
        sorted.sort_unstable_by_key(|row| (row.batch_no, row.priced.key.bytes, row.source_no));
        let written = if sorted.len() < COPY_FROM {
            self.insert_events(&sorted).await
        } else {
            self.copy_events(&sorted).await
        };
        written.map_err(|error| {
            let code = error
                .as_database_error()
                .and_then(sqlx::error::DatabaseError::code);
            if code.is_some_and(|code| code == UNIQUE_VIOLATION) {
                WriteError::KnownKey
            } else {
                error.into()
            }
        })
    }

    async fn write_books(&mut self, writes: &Writes) -> Result<(), StoreError> {
        write_in(&mut self.0, &writes.heads, &writes.posted).await?;
        rows::write_in(&mut self.0, &writes.holds).await?;
        if writes.batches.is_empty() {
            return Ok(());
        }
        self.write_batches(&writes.batches).await
    }

    async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }
}

impl PostgresTx {
    async fn copy_events(&mut self, events: &[&EventRow<'_>]) -> Result<(), sqlx::Error> {
        let mut rows = CopyRows::new();
        for row in events {
            rows.event(row);
        }
        let mut copy = self.0.copy_in_raw(COPY_EVENTS).await?;
        copy.send(rows.finish()).await?;
        copy.finish().await?;
        Ok(())
    }

    async fn insert_events(&mut self, events: &[&EventRow<'_>]) -> Result<(), sqlx::Error> {
        let optional = |text: fn(&EventRow<'_>) -> Option<String>| {
            events
                .iter()
                .map(|row| text(row))
                .collect::<Vec<Option<String>>>()
        };
        let latencies: Vec<_> = events
            .iter()
            .map(|row| row.priced.event.latency_ms)
            .collect();
        let statuses: Vec<_> = events.iter().map(|row| row.priced.event.status).collect();
        let keys: Vec<&[u8]> = events.iter().map(|row| &row.priced.key.bytes[..]).collect();
        let hashes: Vec<&[u8]> = events
            .iter()
            .map(|row| &row.priced.content_hash.0[..])
            .collect();
        sqlx::query(INSERT_EVENTS)
            .bind(numbers(events, |row| row.batch_no))
            .bind(numbers(events, |row| row.position))
            .bind(numbers(events, |row| row.source_no))
            .bind(numbers(events, |row| row.series_no))
            .bind(numbers(events, |row| row.priced.event.tokens.input))
            .bind(numbers(events, |row| row.priced.event.tokens.cached_input))
            .bind(numbers(events, |row| row.priced.event.tokens.output))
            .bind(numbers(events, |row| row.priced.cost.picos()))
            .bind(numbers(events, |row| micros(row.priced.occurred_at)))
            .bind(statuses)
            .bind(latencies)
            .bind(keys)
            .bind(hashes)
            .bind(optional(|row| row.priced.kept_id().map(str::to_owned)))
            .bind(optional(|row| row.priced.event.request_id.clone()))
            .bind(optional(|row| row.priced.event.subject.clone()))
            .bind(optional(|row| {
                row.priced.event.claimed_cost.map(|cost| cost.exact())
            }))
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }

    async fn write_batches(&mut self, batches: &[UsageBatch]) -> Result<(), StoreError> {
        sqlx::query(WRITE_BATCHES)
            .bind(numbers(batches, |batch| batch.no))
            .bind(texts(batches, |batch| batch.id.to_string()))
            .bind(texts(batches, |batch| batch.organization.to_string()))
            .bind(numbers(batches, |batch| batch.sequence))
            .bind(numbers(batches, |batch| batch.event_count))
            .bind(numbers(batches, |batch| batch.rate_count))
            .bind(numbers(batches, |batch| batch.cost.picos()))
            .bind(numbers(batches, |batch| batch.posted.nanos()))
            .bind(numbers(batches, |batch| batch.carry_before.picos()))
            .bind(numbers(batches, |batch| batch.carry_after.picos()))
            .bind(numbers(batches, |batch| micros(batch.booked_at)))
            .bind(numbers(batches, |batch| micros(batch.created_at)))
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }
}

const WRITE_BATCHES: &str = "
    with new_batches as (
        insert into usage_batches
            (no, id, organization_id, sequence, event_count, rate_count, cost_pico, posted_nano,
             carry_before_pico, carry_after_pico, booked_at, created_at)
        select * from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
            $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
            $12::bigint[])
        returning organization_id, sequence, carry_after_pico
    )
    insert into usage_carries (organization_id, sequence, carry_pico)
    select * from new_batches
    on conflict (organization_id) do update set
        sequence = excluded.sequence, carry_pico = excluded.carry_pico";

const INSERT_EVENTS: &str = "
    insert into usage_events
        (batch_no, position, source_no, series_no, input_tokens, cached_input_tokens,
         output_tokens, cost_pico, occurred_at, status, latency_ms, event_key, content_hash,
         event_id, request_id, subject, claimed_cost)
    select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
        $12::bytea[], $13::bytea[], $14::text[], $15::text[], $16::text[], $17::text[])";

const COPY_EVENTS: &str = "
    copy usage_events
        (batch_no, position, source_no, series_no, input_tokens, cached_input_tokens,
         output_tokens, cost_pico, occurred_at, status, latency_ms, event_key, content_hash,
         event_id, request_id, subject, claimed_cost)
    from stdin (format binary)";

/// Rows in the form of
/// [binary `COPY`](https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4).
struct CopyRows(Vec<u8>);

impl CopyRows {
    fn new() -> Self {
        // Signature, flags, length of the header's extension.
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        bytes.extend([0; 8]);
        Self(bytes)
    }

    fn event(&mut self, row: &EventRow<'_>) {
        let EventRow { priced, .. } = row;
        let event = &priced.event;
        self.0.extend(17_i16.to_be_bytes());
        for number in [
            row.batch_no,
            row.position,
            row.source_no,
            row.series_no,
            event.tokens.input,
            event.tokens.cached_input,
            event.tokens.output,
            priced.cost.picos(),
            micros(priced.occurred_at),
        ] {
            self.number(Some(number));
        }
        self.number(event.status);
        self.number(event.latency_ms);
        self.bytes(Some(&priced.key.bytes));
        self.bytes(Some(&priced.content_hash.0));
        self.bytes(priced.kept_id().map(str::as_bytes));
        self.bytes(event.request_id.as_deref().map(str::as_bytes));
        self.bytes(event.subject.as_deref().map(str::as_bytes));
        let claimed = event.claimed_cost.map(|cost| cost.exact());
        self.bytes(claimed.as_deref().map(str::as_bytes));
    }

    fn number(&mut self, number: Option<i64>) {
        self.bytes(
            number
                .map(i64::to_be_bytes)
                .as_ref()
                .map(<[u8; 8]>::as_slice),
        );
    }

    fn bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                // Texts have at most a few hundred bytes.
                let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
                self.0.extend(length.to_be_bytes());
                self.0.extend(bytes);
            }
            None => self.0.extend((-1_i32).to_be_bytes()),
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.extend((-1_i16).to_be_bytes());
        self.0
    }
}

fn texts<T>(rows: &[T], text: impl Fn(&T) -> String) -> Vec<String> {
    rows.iter().map(text).collect()
}

fn numbers<T>(rows: &[T], number: impl Fn(&T) -> i64) -> Vec<i64> {
    rows.iter().map(number).collect()
}

//! The same rows without anything around them: into a table with the same columns and keys.

use std::time::Instant;

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use uuid::Uuid;

/// Rows in a transaction: as many as the writer commits together.
const COMMIT: usize = 8_192;
/// Rows in one of SQLite's statements.
const RUN: usize = 512;

const COLUMNS: &str = "batch_no, position, source_no, series_no, input_tokens,
    cached_input_tokens, output_tokens, cost_pico, occurred_at, status, latency_ms, event_key,
    content_hash, event_id, request_id, subject, claimed_cost";

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite")
}

pub async fn create(url: &str) {
    let mut connection = AnyConnection::connect(url)
        .await
        .expect("the database opens");
    if is_sqlite(url) {
        let table: String =
            sqlx::query_scalar("select sql from sqlite_master where name = 'usage_events'")
                .fetch_one(&mut connection)
                .await
                .expect("there is a table");
        let table = AssertSqlSafe(table.replacen("usage_events", "raw_events", 1));
        connection
            .execute(table)
            .await
            .expect("a table can be made");
        connection
            .execute("create unique index raw_key on raw_events (event_key, source_no)")
            .await
            .expect("an index can be made");
    } else {
        connection
            .execute("create table raw_events (like usage_events including all)")
            .await
            .expect("a table can be made");
    }
    connection.close().await.expect("the connection closes");
}

pub async fn write(url: &str, events: usize) -> f64 {
    let base = i64::try_from(Uuid::now_v7().as_u128() >> 80).expect("48 bits") << 12;
    let keys: Vec<[u8; 16]> = (0..events).map(|_| Uuid::now_v7().into_bytes()).collect();
    if is_sqlite(url) {
        sqlite(url, base, &keys).await
    } else {
        postgres(url, base, &keys).await
    }
}

async fn sqlite(url: &str, base: i64, keys: &[[u8; 16]]) -> f64 {
    let mut connection = SqliteConnection::connect(url)
        .await
        .expect("the database opens");
    connection
        .execute("pragma synchronous = full; pragma busy_timeout = 10000")
        .await
        .expect("settings are taken");
    let start = Instant::now();
    for (commit, keys) in (0_i64..).zip(keys.chunks(COMMIT)) {
        let mut tx = connection.begin().await.expect("a transaction begins");
        for (run, keys) in (0_i64..).zip(keys.chunks(RUN)) {
            let row = format!("({})", vec!["?"; 17].join(","));
            let rows = vec![row; keys.len()].join(",");
            let text = format!("insert into raw_events ({COLUMNS}) values {rows}");
            let mut query = sqlx::query(AssertSqlSafe(text));
            for (position, key) in (0_i64..).zip(keys) {
                query = query
                    .bind(base + commit)
                    .bind(run * 512 + position)
                    .bind(1_i64)
                    .bind(1_i64)
                    .bind(112_i64)
                    .bind(0_i64)
                    .bind(44_i64)
                    .bind(43_200_000_i64)
                    .bind(1_773_230_400_000_000_i64)
                    .bind(200_i64)
                    .bind(231_i64)
                    .bind(key.to_vec())
                    .bind(key.to_vec())
                    .bind(None::<String>)
                    .bind(None::<String>)
                    .bind(None::<String>)
                    .bind(None::<String>);
            }
            query.execute(&mut *tx).await.expect("rows are taken");
        }
        tx.commit().await.expect("the transaction commits");
    }
    let rate = keys.len() as f64 / start.elapsed().as_secs_f64();
    connection.close().await.expect("the connection closes");
    rate
}

async fn postgres(url: &str, base: i64, keys: &[[u8; 16]]) -> f64 {
    let mut connection = PgConnection::connect(url)
        .await
        .expect("PostgreSQL answers");
    let start = Instant::now();
    for (commit, keys) in (0_i64..).zip(keys.chunks(COMMIT)) {
        let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        for (position, key) in (0_i64..).zip(keys) {
            bytes.extend(17_i16.to_be_bytes());
            for number in [
                base + commit,
                position,
                1,
                1,
                112,
                0,
                44,
                43_200_000,
                1_773_230_400_000_000,
                200,
                231,
            ] {
                bytes.extend(8_i32.to_be_bytes());
                bytes.extend(number.to_be_bytes());
            }
            for _ in 0..2 {
                bytes.extend(16_i32.to_be_bytes());
                bytes.extend(key);
            }
            for _ in 0..4 {
                bytes.extend((-1_i32).to_be_bytes());
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        let text = format!("copy raw_events ({COLUMNS}) from stdin (format binary)");
        let mut copy = connection.copy_in_raw(&text).await.expect("a copy begins");
        copy.send(bytes).await.expect("rows are sent");
        copy.finish().await.expect("rows are taken");
    }
    let rate = keys.len() as f64 / start.elapsed().as_secs_f64();
    connection.close().await.expect("the connection closes");
    rate
}

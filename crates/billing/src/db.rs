//! The database: SQLite or PostgreSQL behind one kind of connection, and the two differences
//! between them that a transaction's beginning hides.

mod checkpoint;
mod first_look;
pub(crate) mod lost;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnectionMetadata;
use sqlx::{Any, AnyPool, Connection, Database, Executor, Pool, Row, SqlitePool, Transaction};
use tracing::Instrument;
use types::time::Timestamp;

use crate::StoreError;

pub(crate) use ledger::sql::micros;

static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Connections to PostgreSQL of one process.
const POSTGRES_CONNECTIONS: u32 = 16;
/// Readers of SQLite; its one writer has a connection of its own.
const SQLITE_READERS: u32 = 8;
/// How long a caller waits for a connection before it is told that the database is busy.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// For how long a connection may have waited without being asked whether it still answers.
const IDLE: Duration = Duration::from_secs(1);

/// What durability and locking rest on must not depend on how the server or the role is set up;
/// and a process that hangs lets go of its locks.
pub(crate) const POSTGRES_SESSION: &str = "set synchronous_commit = on;
    set default_transaction_isolation = 'read committed';
    set lock_timeout = '8s';
    set idle_in_transaction_session_timeout = '20s'";

/// Why an instance cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database URL is not usable: it starts with sqlite:// or postgres://")]
    Url,
    #[error("the database cannot be reached: {0}")]
    Connect(#[source] sqlx::Error),
    /// Never the whole address: it may hold a password.
    #[error("no connection to {place}: {reason}")]
    Unreachable { place: String, reason: String },
    #[error("this is not a database of ours: {}", path.display())]
    NotOurs { path: PathBuf },
    #[error("the database's tables cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the platform's accounts cannot be opened: {0}")]
    Accounts(#[source] StoreError),
    #[error("the gateway's settings are not usable: {0}")]
    Gateway(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Pools of connections. On SQLite writers queue for the one writing connection, first come first
/// served, instead of polling the file's lock.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    engine: Engine,
    writers: AnyPool,
    readers: AnyPool,
    /// SQLite's, which empties the log.
    checkpoints: Option<SqlitePool>,
}

impl Db {
    pub(crate) async fn connect(url: &str) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let options = AnyConnectOptions::from_str(url).map_err(|_| OpenError::Url)?;
        if url.starts_with("sqlite:") {
            first_look::sqlite(url).await?;
            let writers = sqlite_pool(1).connect_with(options.clone()).await;
            let writers = writers.map_err(OpenError::Connect)?;
            let readers = sqlite_pool(SQLITE_READERS).connect_with(options).await;
            let readers = readers.map_err(OpenError::Connect)?;
            let checkpoints = checkpoint::connection(url).map_err(OpenError::Connect)?;
            tokio::spawn(checkpoint::run(checkpoints.clone(), writers.clone()));
            Ok(Self {
                engine: Engine::Sqlite,
                writers,
                readers,
                checkpoints: Some(checkpoints),
            })
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            first_look::postgres(url).await?;
            let pool = AnyPoolOptions::new()
                .max_connections(POSTGRES_CONNECTIONS)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
                .before_acquire(|connection, idle| Box::pin(still_answers(connection, idle)))
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        connection.execute(POSTGRES_SESSION).await?;
                        Ok(())
                    })
                })
                .connect_with(options)
                .await
                .map_err(OpenError::Connect)?;
            Ok(Self {
                engine: Engine::Postgres,
                writers: pool.clone(),
                readers: pool,
                checkpoints: None,
            })
        } else {
            Err(OpenError::Url)
        }
    }

    pub(crate) const fn engine(&self) -> Engine {
        self.engine
    }

    const fn migrator(&self) -> &'static Migrator {
        match self.engine {
            Engine::Sqlite => &SQLITE,
            Engine::Postgres => &POSTGRES,
        }
    }

    pub(crate) async fn migrate(&self) -> Result<(), OpenError> {
        Ok(self.migrator().run(&self.writers).await?)
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let newest = self
            .migrator()
            .iter()
            .map(|migration| migration.version)
            .max();
        let applied: Result<i64, _> =
            sqlx::query_scalar("select max(version) from _sqlx_migrations where success")
                .fetch_one(&self.readers)
                .await;
        // A newer server may have added some: what we need is still there.
        applied.is_ok_and(|applied| Some(applied) >= newest)
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.close().await;
        }
    }

    /// Begins a transaction that will write.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let statement = match self.engine {
            Engine::Sqlite => "begin immediate",
            Engine::Postgres => "begin",
        };
        begin_whole(&self.writers, statement).await
    }

    /// Begins a transaction that sees one state throughout and writes nothing.
    pub(crate) async fn begin_read(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let statement = match self.engine {
            Engine::Sqlite => "begin",
            Engine::Postgres => "begin isolation level repeatable read, read only",
        };
        begin_whole(&self.readers, statement).await
    }

    /// For a single read.
    pub(crate) const fn readers(&self) -> &AnyPool {
        &self.readers
    }

    /// For a single write that needs no other.
    pub(crate) const fn writers(&self) -> &AnyPool {
        &self.writers
    }
}

/// Begins a transaction in a task of its own, so that a caller who goes away meanwhile (a browser
/// that hangs up) does not stop it halfway: the driver for PostgreSQL would give the connection
/// back with a transaction open that it knows nothing of, and whoever came next would write into
/// it. Begun as a whole, it is rolled back like every other that is dropped.
///
/// Source: <https://github.com/transact-rs/sqlx/issues/4393>
pub(crate) async fn begin_whole<D: Database>(
    pool: &Pool<D>,
    statement: &'static str,
) -> Result<Transaction<'static, D>, StoreError> {
    let pool = pool.clone();
    let begun = async move { pool.begin_with(statement).await };
    match tokio::spawn(begun.in_current_span()).await {
        Ok(begun) => Ok(begun?),
        // It is never aborted; it ended by a panic, or with the whole runtime.
        Err(_) => Err(StoreError::Busy),
    }
}

fn sqlite_pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // It is a file: it does not go away, and each was looked at when it was given back.
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                // Durable at commit, readers beside the writer, and a wait for another process; what
                // `insert or replace` would delete is guarded like what is deleted; and `checkpoint`
                // alone empties the log.
                connection
                    .execute(
                        "pragma busy_timeout = 10000; pragma journal_mode = wal;
                         pragma synchronous = full; pragma foreign_keys = on;
                         pragma recursive_triggers = on; pragma wal_autocheckpoint = 0;",
                    )
                    .await?;
                Ok(())
            })
        })
        .after_release(|connection, _| Box::pin(is_usable(connection)))
}

/// Whether a connection to PostgreSQL that has waited in the pool still leads somewhere. One that
/// was given back a moment ago was looked at then, unless another was found to have ended since: to
/// ask each time would double what a look-up costs.
pub(crate) async fn still_answers<C: Connection>(
    connection: &mut C,
    idle: PoolConnectionMetadata,
) -> Result<bool, sqlx::Error> {
    if idle.idle_for >= IDLE || lost::since(idle.idle_for) {
        connection.ping().await?;
    }
    Ok(true)
}

/// Whether a connection of SQLite's can be used again. When the disk is full SQLite rolls back by
/// itself; the driver's own rollback then fails, and it takes the transaction for open for ever.
pub(crate) async fn is_usable<C: Connection>(connection: &mut C) -> Result<bool, sqlx::Error> {
    // The usual end: one that was only read, or whose transaction was committed.
    if !connection.is_in_transaction() {
        return Ok(true);
    }
    // Only now is a rollback carried out that was asked for by dropping.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

// How values are kept in rows is the ledger's to say; here its errors become the domain's.

pub(crate) fn time(row: &AnyRow, column: &str) -> Result<Timestamp, StoreError> {
    Ok(ledger::sql::time(row, column)?)
}

pub(crate) fn optional_time(row: &AnyRow, column: &str) -> Result<Option<Timestamp>, StoreError> {
    row.try_get::<Option<i64>, _>(column)?
        .map(time_from)
        .transpose()
}

pub(crate) fn time_from(micros: i64) -> Result<Timestamp, StoreError> {
    Ok(ledger::sql::time_from(micros)?)
}

pub(crate) fn id<T: FromStr>(row: &AnyRow, column: &str) -> Result<T, StoreError> {
    Ok(ledger::sql::id(row, column)?)
}

pub(crate) fn optional_id<T: FromStr>(row: &AnyRow, column: &str) -> Result<Option<T>, StoreError> {
    match row.try_get::<Option<String>, _>(column)? {
        Some(_) => id(row, column).map(Some),
        None => Ok(None),
    }
}

/// Exactly one row must have changed.
pub(crate) fn expect_one(rows: u64, what: &str) -> Result<(), StoreError> {
    Ok(ledger::sql::expect_one(rows, what)?)
}

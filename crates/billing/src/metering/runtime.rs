//! What metering keeps between calls: the prices, the owners, and the writer with its queue.

use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::SqlitePool;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::bulk::Bulk;
use super::bulk::postgres::PostgresBulk;
use super::bulk::sqlite::SqliteBulk;
use super::owners::Owners;
use super::queue::{Full, Queue, Task, Waiting};
use super::rollup::{self, Tail};
use super::writer::Writer;
use crate::db::{self, Engine};
use crate::pricing::book::RateBooks;
use crate::{Core, StoreError};
use types::ids::OrganizationId;

/// Writers of a process on PostgreSQL: while one waits for the disk the other works.
const POSTGRES_WRITERS: usize = 2;
/// A commit of everybody's usage waits less for a lock than others do, and then goes on without
/// whoever it waited for.
const WRITER_LOCKS: &str = "set lock_timeout = '2s'";

/// See the module.
pub(crate) struct Metering {
    pub(super) rates: Arc<RateBooks>,
    pub(super) owners: Owners,
    /// What was committed and is not summed up in the tables yet.
    tail: Arc<Tail>,
    running: OnceCell<Running>,
    /// How many write on PostgreSQL.
    postgres_writers: AtomicUsize,
}

/// A queue and the writers that empty it.
pub(super) struct Running {
    /// Taken away at the end.
    queue: Mutex<Option<Queue>>,
    writers: Mutex<Option<JoinHandle<()>>>,
    /// Sums up what the writers commit.
    flusher: Mutex<Option<JoinHandle<()>>>,
}

impl Metering {
    pub(crate) fn new() -> Self {
        Self {
            rates: Arc::default(),
            owners: Owners::default(),
            tail: Arc::default(),
            running: OnceCell::new(),
            postgres_writers: AtomicUsize::new(POSTGRES_WRITERS),
        }
    }

    pub(super) fn use_writers(&self, count: usize) {
        self.postgres_writers.store(count.max(1), Ordering::Relaxed);
    }

    pub(crate) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// The writer; the first call starts it.
    pub(super) async fn writer(&self, core: &Core) -> Result<&Running, StoreError> {
        self.running
            .get_or_try_init(|| {
                let writers = self.postgres_writers.load(Ordering::Relaxed);
                Running::start(core, Arc::clone(&self.rates), &self.tail, writers)
            })
            .await
    }

    /// Whether usage can be written: nothing has begun yet, or every writer is at work.
    pub(crate) fn is_alive(&self) -> bool {
        self.running.get().is_none_or(|running| {
            let writers = running
                .writers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            writers
                .as_ref()
                .is_none_or(|writers| !writers.is_finished())
        })
    }

    /// Takes nothing more, and waits until all that waits is written and summed up.
    pub(crate) async fn close(&self) {
        let Some(running) = self.running.get() else {
            return;
        };
        drop(running.queue().take());
        let writers = {
            let mut writers = running
                .writers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            writers.take()
        };
        if let Some(writers) = writers
            && let Err(error) = writers.await
        {
            tracing::error!(%error, "a usage writer did not end well");
        }
        self.tail.close();
        let flusher = {
            let mut flusher = running
                .flusher
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            flusher.take()
        };
        if let Some(flusher) = flusher
            && let Err(error) = flusher.await
        {
            tracing::error!(%error, "summing up usage did not end well");
        }
    }
}

impl Running {
    async fn start(
        core: &Core,
        rates: Arc<RateBooks>,
        tail: &Arc<Tail>,
        postgres_writers: usize,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = Queue::new();
        let jobs = Arc::new(tokio::sync::Mutex::new(jobs));
        let url = &core.settings.database_url;
        let writers = match core.db.engine() {
            Engine::Sqlite => {
                let pool = sqlite(url).await?;
                let bulk = Arc::new(SqliteBulk {
                    turns: core.db.writers().clone(),
                    writer: pool.clone(),
                });
                let writers = writers(core, &bulk, 1, &jobs, &rates, tail);
                spawn(writers, async move { pool.close().await })?
            }
            Engine::Postgres => {
                let pool = PgPoolOptions::new()
                    .max_connections(u32::try_from(postgres_writers).unwrap_or(u32::MAX))
                    .acquire_timeout(db::ACQUIRE_TIMEOUT)
                    .test_before_acquire(false)
                    .before_acquire(|connection, idle| {
                        Box::pin(db::still_answers(connection, idle))
                    })
                    .after_connect(|connection, _| {
                        Box::pin(async move {
                            let settings = [db::POSTGRES_SESSION, WRITER_LOCKS];
                            for settings in settings {
                                sqlx::raw_sql(settings).execute(&mut *connection).await?;
                            }
                            Ok(())
                        })
                    })
                    // On the writers' thread, which waits for what comes back on them.
                    .connect_lazy(url)?;
                let bulk = Arc::new(PostgresBulk(pool.clone()));
                let count = postgres_writers;
                let writers = writers(core, &bulk, count, &jobs, &rates, tail);
                spawn(writers, async move { pool.close().await })?
            }
        };
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            writers: Mutex::new(Some(writers)),
            flusher: Mutex::new(Some(rollup::spawn(
                core.db.clone(),
                tail,
                Arc::clone(&core.clock),
            ))),
        })
    }

    fn queue(&self) -> MutexGuard<'_, Option<Queue>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a task into the queue.
    pub(super) fn push(
        &self,
        organization: OrganizationId,
        rate_count: i64,
        task: Task,
    ) -> Result<(), Full> {
        let queue = self.queue();
        let queue = queue.as_ref().ok_or(Full)?;
        queue.push(organization, rate_count, task)
    }
}

type Jobs = Arc<tokio::sync::Mutex<Waiting>>;

fn writers<B: Bulk>(
    core: &Core,
    bulk: &Arc<B>,
    count: usize,
    jobs: &Jobs,
    rates: &Arc<RateBooks>,
    tail: &Arc<Tail>,
) -> Vec<Writer<B>> {
    let aside = Arc::default();
    (0..count)
        .map(|_| Writer {
            bulk: Arc::clone(bulk),
            jobs: Arc::clone(jobs),
            aside: Arc::clone(&aside),
            db: core.db.clone(),
            clock: Arc::clone(&core.clock),
            rates: Arc::clone(rates),
            tail: Arc::clone(tail),
            gate: Arc::clone(&core.holds.gate),
        })
        .collect()
}

/// Runs writers on a thread of their own, and closes their connections when they have ended: on the
/// threads that answer requests, each step of a commit would wait behind requests that are just
/// being read, and everybody waits for the commit.
fn spawn<B: Bulk>(
    writers: Vec<Writer<B>>,
    close: impl Future<Output = ()> + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(sqlx::Error::Io)?;
    let run = move || {
        runtime.block_on(async {
            futures::future::join_all(writers.into_iter().map(Writer::run)).await;
            close.await;
        });
    };
    Ok(tokio::task::spawn_blocking(run))
}

/// What the writer's connection keeps of the file: ids that do not rise with time touch as many
/// pages of one index as a commit has events, and what does not fit is written more than once.
const WRITER_CACHE_KIB: u32 = 65_536;

/// One connection that is durable at commit, leaves the log for another to empty, and waits for
/// other processes.
async fn sqlite(url: &str) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("recursive_triggers", "on")
        .busy_timeout(db::ACQUIRE_TIMEOUT)
        .pragma("wal_autocheckpoint", "0")
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"));
    Ok(SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(db::ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(db::is_usable(connection)))
        .connect_with(options)
        .await?)
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Executor};
    use types::ids::BatchId;

    use super::*;
    use crate::db::Db;

    #[tokio::test]
    async fn on_sqlite_what_may_not_be_deleted_may_not_be_replaced_either() {
        let file = std::env::temp_dir().join(format!("{}.db", BatchId::generate()));
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let db = Db::connect(&url).await.unwrap();
        let of_writer = sqlite(&url).await.unwrap();
        let guarded = "create table kept (id integer primary key, said text);
            create trigger kept_is_not_deleted before delete on kept
            begin select raise(abort, 'append-only'); end;
            insert into kept values (1, 'first')";
        db.writers().execute(AssertSqlSafe(guarded)).await.unwrap();

        let replace = "insert or replace into kept values (1, 'second')";
        let refusals = [
            db.writers().execute(replace).await.err(),
            of_writer.execute(replace).await.err(),
        ];
        for refusal in refusals {
            let refusal = refusal.expect("nothing is replaced").to_string();
            assert!(refusal.contains("append-only"), "{refusal}");
        }

        of_writer.close().await;
        db.close().await;
        for suffix in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{suffix}", file.display())));
        }
    }
}

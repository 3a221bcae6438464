//! Emptying SQLite's log beside whoever writes.
//!
//! Owns when the log is copied into the file and when it begins anew: no other connection of ours
//! does, so that no commit takes the time for it. A reader pins what it sees: as long as one is open
//! the log only grows, and nobody who writes waits for it to end.

use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{AnyPool, AssertSqlSafe, SqlitePool};

/// How long what was committed stays in the log alone. Seldom enough that pages which many commits
/// change are copied once.
const EVERY: Duration = Duration::from_millis(400);
/// Pages in the log, 64 MB, at which writers wait until it begins anew.
const MOST_PAGES: i64 = 16_384;
/// How long they wait for those who read: most are over by then, and a proof or an export is not.
const PATIENCE: Duration = Duration::from_millis(10);
/// How long they wait at most, after twice as long each time that some reader was in the way:
/// where one query follows the other, each must have its end.
const MOST_PATIENCE: Duration = Duration::from_millis(640);
/// After how long it is tried again when somebody was in the way.
const PAUSE: Duration = Duration::from_secs(2);

/// What came of one look at the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Done,
    /// Somebody reads what is older, or another process is at it.
    InTheWay,
}

/// What `SQLite` answers to a checkpoint.
struct Checkpoint {
    is_complete: bool,
    /// How many there are in the log; below zero where another process is at it.
    pages: i64,
}

/// The connection that does it, made when it is needed.
pub(super) fn connection(url: &str) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(PATIENCE)
        .pragma("wal_autocheckpoint", "0");
    Ok(SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .connect_lazy_with(options))
}

/// Runs until `turns`, the writers' queue, is closed.
pub(super) async fn run(pool: SqlitePool, turns: AnyPool) {
    let mut log = Log::default();
    while !turns.is_closed() {
        let pause = match log.look(&pool, &turns).await {
            Ok(Look::Done) => EVERY,
            Ok(Look::InTheWay) => PAUSE,
            Err(error) => {
                if !turns.is_closed() {
                    tracing::warn!(%error, "SQLite's log was not emptied; it is tried again");
                }
                PAUSE
            }
        };
        tokio::time::sleep(pause).await;
    }
}

#[derive(Debug, Default)]
struct Log {
    /// The state of the file that was copied last: `SQLite` numbers what others commit.
    copied: Option<i64>,
    /// How often in a row somebody who reads kept it from beginning anew.
    in_the_way: u32,
}

impl Log {
    /// Copies what may be copied, and has a long log begin anew.
    async fn look(&mut self, pool: &SqlitePool, turns: &AnyPool) -> Result<Look, sqlx::Error> {
        let state: i64 = sqlx::query_scalar("pragma data_version")
            .fetch_one(pool)
            .await?;
        if self.in_the_way == 0 && self.copied == Some(state) {
            return Ok(Look::Done);
        }
        let copied = checkpoint(pool, "pragma wal_checkpoint(passive)").await?;
        if copied.pages < 0 {
            return Ok(Look::InTheWay);
        }
        self.copied = Some(state);
        if copied.pages <= MOST_PAGES {
            self.in_the_way = 0;
            return Ok(Look::Done);
        }
        self.begin_anew(pool, turns).await
    }

    async fn begin_anew(
        &mut self,
        pool: &SqlitePool,
        turns: &AnyPool,
    ) -> Result<Look, sqlx::Error> {
        let patience = PATIENCE.saturating_mul(1 << self.in_the_way.min(16));
        let patience = patience.min(MOST_PATIENCE).as_millis();
        let patience = format!("pragma busy_timeout = {patience}");
        sqlx::query(AssertSqlSafe(patience)).execute(pool).await?;
        // Writers that never pause would let the log grow without end.
        let _turn = turns.acquire().await?;
        // One that grew past its usual length gives its room back; else it is written over, which
        // is faster.
        let statement = if self.in_the_way > 0 {
            "pragma wal_checkpoint(truncate)"
        } else {
            "pragma wal_checkpoint(restart)"
        };
        if checkpoint(pool, statement).await?.is_complete {
            self.in_the_way = 0;
            return Ok(Look::Done);
        }
        if self.in_the_way == 0 {
            tracing::warn!("SQLite's log is long and grows until somebody has read to the end");
        }
        self.in_the_way += 1;
        Ok(Look::InTheWay)
    }
}

async fn checkpoint(pool: &SqlitePool, statement: &'static str) -> Result<Checkpoint, sqlx::Error> {
    let (busy, pages, _): (i64, i64, i64) = sqlx::query_as(statement).fetch_one(pool).await?;
    Ok(Checkpoint {
        is_complete: busy == 0,
        pages,
    })
}

//! Emptying SQLite's log beside the writer.
//!
//! Owns when the log is copied into the file and when it begins anew. A reader pins what it sees:
//! as long as one is open the log only grows, and nobody who writes waits for it to end.

use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::{AnyPool, SqlitePool};
use tokio::time::Instant;

/// How many commits there are between checkpoints.
const EVERY: usize = 16;
/// How often it is looked at whether that many were made.
const LOOK: Duration = Duration::from_millis(50);
/// Pages in the log, 64 MB, at which writers wait until it begins anew.
const MOST_PAGES: i64 = 16_384;
/// How long they wait at most for those who read: a page's query is over by then, and a proof or
/// an export is not.
pub(super) const PATIENCE: Duration = Duration::from_millis(10);
/// After how long it is tried again when somebody was in the way.
const PAUSE: Duration = Duration::from_secs(2);

/// What a checkpoint came to. `SQLite`'s own three numbers.
struct Checkpoint {
    is_complete: bool,
    /// How many there are in the log.
    pages: i64,
}

/// Runs for as long as there is a writer. `pool` waits no longer than [`PATIENCE`] for anybody, and
/// `turns` is the writers' queue.
pub(super) async fn run(pool: SqlitePool, turns: AnyPool, commits: Weak<AtomicUsize>) {
    let mut seen = 0;
    // Since when somebody is in the way of beginning anew, and when it is tried again.
    let mut blocked: Option<Instant> = None;
    while let Some(commits) = commits.upgrade() {
        let now = commits.load(Ordering::Relaxed);
        drop(commits);
        let is_due = match blocked {
            Some(again) => again <= Instant::now(),
            None => now.wrapping_sub(seen) >= EVERY,
        };
        if is_due {
            seen = now;
            match empty(&pool, &turns, blocked.is_some()).await {
                Ok(true) => blocked = None,
                Ok(false) => {
                    if blocked.is_none() {
                        tracing::warn!(
                            "SQLite's log is long and grows until somebody has read to the end"
                        );
                    }
                    blocked = Some(Instant::now() + PAUSE);
                }
                Err(error) => {
                    tracing::warn!(%error, "SQLite's log was not emptied; it is tried again");
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    pool.close().await;
}

/// Copies what may be copied, and has a long log begin anew. `false`: somebody was in the way.
async fn empty(pool: &SqlitePool, turns: &AnyPool, was_blocked: bool) -> Result<bool, sqlx::Error> {
    let copied = checkpoint(pool, "pragma wal_checkpoint(passive)").await?;
    if copied.pages <= MOST_PAGES {
        return Ok(true);
    }
    // Writers that never pause would let the log grow without end.
    let _turn = turns.acquire().await?;
    // One that grew past its usual length gives its room back; else it is written over, which is
    // faster.
    let statement = if was_blocked {
        "pragma wal_checkpoint(truncate)"
    } else {
        "pragma wal_checkpoint(restart)"
    };
    Ok(checkpoint(pool, statement).await?.is_complete)
}

async fn checkpoint(pool: &SqlitePool, statement: &'static str) -> Result<Checkpoint, sqlx::Error> {
    let (busy, pages, _): (i64, i64, i64) = sqlx::query_as(statement).fetch_one(pool).await?;
    Ok(Checkpoint {
        is_complete: busy == 0,
        pages,
    })
}

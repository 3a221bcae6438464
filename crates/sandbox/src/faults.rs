//! Owns faults that control calls have ordered and that wait for their moment, in the store, so
//! that they survive a restart. Does not own ordering them (`control`).

use sqlx::sqlite::SqliteConnection;

use crate::errors::ApiError;

/// What goes wrong with the next answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerFault {
    /// Nothing is done, and the caller gets a 500 that is not kept under its key.
    LostBefore,
    /// Everything is done and kept under the key, but the caller gets a 500.
    LostAfter,
    /// Everything is done and kept, and the connection breaks inside the answer.
    Broken,
    /// Everything is done and kept, and the answer takes its time; meanwhile the key is in use.
    Slow { seconds: u64 },
}

/// What goes wrong with the next event's way to the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebhookFault {
    Lost,
    Duplicated,
    Delayed {
        seconds: i64,
    },
    /// Held back until as many as ordered have come together, then sent newest first.
    Reordered {
        is_last: bool,
    },
}

/// The names in the store and in control calls.
pub(crate) const ANSWER_FAULTS: [&str; 4] = [
    "answer_lost_before",
    "answer_lost_after",
    "answer_broken",
    "answer_slow",
];
pub(crate) const WEBHOOK_FAULTS: [&str; 4] = [
    "webhook_lost",
    "webhook_duplicated",
    "webhook_delayed",
    "webhook_reordered",
];

/// Orders a fault for the next `count` answers or events; `target` narrows it to paths or event
/// types that start so.
pub(crate) async fn order(
    db: &mut SqliteConnection,
    fault: &str,
    target: Option<&str>,
    count: i64,
    seconds: i64,
) -> Result<(), ApiError> {
    sqlx::query("insert into faults (fault, target, remaining, seconds) values ($1, $2, $3, $4)")
        .bind(fault)
        .bind(target)
        .bind(count)
        .bind(seconds)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn clear(db: &mut SqliteConnection) -> Result<(), ApiError> {
    sqlx::query("delete from faults").execute(db).await?;
    Ok(())
}

pub(crate) async fn take_for_answer(
    db: &mut SqliteConnection,
    path: &str,
) -> Result<Option<AnswerFault>, ApiError> {
    let taken = take(db, "answer_", path).await?;
    Ok(taken.map(|taken| match taken.fault.as_str() {
        "answer_lost_before" => AnswerFault::LostBefore,
        "answer_lost_after" => AnswerFault::LostAfter,
        "answer_broken" => AnswerFault::Broken,
        _ => AnswerFault::Slow {
            seconds: taken.seconds.unsigned_abs(),
        },
    }))
}

pub(crate) async fn take_for_webhook(
    db: &mut SqliteConnection,
    event_type: &str,
) -> Result<Option<WebhookFault>, ApiError> {
    let taken = take(db, "webhook_", event_type).await?;
    Ok(taken.map(|taken| match taken.fault.as_str() {
        "webhook_lost" => WebhookFault::Lost,
        "webhook_duplicated" => WebhookFault::Duplicated,
        "webhook_delayed" => WebhookFault::Delayed {
            seconds: taken.seconds,
        },
        _ => WebhookFault::Reordered {
            is_last: taken.left == 0,
        },
    }))
}

struct Taken {
    fault: String,
    seconds: i64,
    left: i64,
}

/// Uses up one of the oldest matching fault.
async fn take(
    db: &mut SqliteConnection,
    family: &str,
    subject: &str,
) -> Result<Option<Taken>, ApiError> {
    let found: Option<(i64, String, i64, i64)> = sqlx::query_as(
        "select id, fault, remaining, seconds from faults
         where substr(fault, 1, length($1)) = $1
           and (target is null or substr($2, 1, length(target)) = target)
         order by id limit 1",
    )
    .bind(family)
    .bind(subject)
    .fetch_optional(&mut *db)
    .await?;
    let Some((id, fault, remaining, seconds)) = found else {
        return Ok(None);
    };
    let left = remaining - 1;
    if left == 0 {
        sqlx::query("delete from faults where id = $1")
            .bind(id)
            .execute(db)
            .await?;
    } else {
        sqlx::query("update faults set remaining = $1 where id = $2")
            .bind(left)
            .bind(id)
            .execute(db)
            .await?;
    }
    Ok(Some(Taken {
        fault,
        seconds,
        left,
    }))
}

//! Owns deliveries as rows: planned with the event, due at a time, repeated with growing gaps,
//! given up after three days. Does not own HTTP (`worker`).

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnection;

use crate::call::Call;
use crate::errors::ApiError;
use crate::faults::{self, WebhookFault};

/// Seconds until the next attempt, by attempts made. Stripe goes on for three days; so does this,
/// but with a quick start, since here the receiver is usually just restarting.
const BACK_OFF_SECONDS: [i64; 12] = [
    1, 5, 30, 300, 1_800, 7_200, 18_000, 36_000, 43_200, 43_200, 43_200, 43_200,
];
/// For the control call that lists them.
const MAX_LISTED: i64 = 500;

/// One attempt to make.
pub(crate) struct Due {
    pub(crate) id: i64,
    pub(crate) event: String,
    attempts: i64,
}

/// Plans the deliveries of a new event; an ordered fault may lose, double or hold them.
pub(crate) async fn plan(call: &mut Call<'_>, event: &str, kind: &str) -> Result<(), ApiError> {
    match faults::take_for_webhook(call.db, kind).await? {
        None => insert(call, event, "waiting", 0).await,
        Some(WebhookFault::Lost) => insert(call, event, "lost", 0).await,
        Some(WebhookFault::Delayed { seconds }) => insert(call, event, "waiting", seconds).await,
        Some(WebhookFault::Duplicated) => {
            insert(call, event, "waiting", 0).await?;
            insert(call, event, "waiting", 0).await
        }
        Some(WebhookFault::Reordered { is_last }) => {
            insert(call, event, "held", 0).await?;
            if is_last {
                release_held(call.db, call.now).await
            } else {
                Ok(())
            }
        }
    }
}

async fn insert(
    call: &mut Call<'_>,
    event: &str,
    state: &str,
    seconds: i64,
) -> Result<(), ApiError> {
    sqlx::query("insert into deliveries (event, state, due_at, rank) values ($1, $2, $3, 0)")
        .bind(event)
        .bind(state)
        .bind(call.now + seconds)
        .execute(&mut *call.db)
        .await?;
    Ok(())
}

/// Lets go of what was held back, newest first.
pub(crate) async fn release_held(db: &mut SqliteConnection, now: i64) -> Result<(), ApiError> {
    sqlx::query(
        "update deliveries set state = 'waiting', due_at = $1, rank = -id where state = 'held'",
    )
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// Makes everything that still waits due now, delays and back-off notwithstanding.
pub(crate) async fn make_all_due(db: &mut SqliteConnection, now: i64) -> Result<(), ApiError> {
    sqlx::query("update deliveries set due_at = $1 where state = 'waiting' and due_at > $1")
        .bind(now)
        .execute(db)
        .await?;
    Ok(())
}

/// Plans one more delivery of an event that may have been delivered already.
pub(crate) async fn repeat(call: &mut Call<'_>, event: &str) -> Result<(), ApiError> {
    insert(call, event, "waiting", 0).await
}

pub(crate) async fn due(
    db: &mut SqliteConnection,
    now: i64,
    limit: i64,
) -> Result<Vec<Due>, ApiError> {
    let rows: Vec<(i64, String, i64)> = sqlx::query_as(
        "select id, event, attempts from deliveries
         where state = 'waiting' and due_at <= $1 order by due_at, rank, id limit $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, event, attempts)| Due {
            id,
            event,
            attempts,
        })
        .collect())
}

/// How an attempt ended.
pub(crate) enum Arrival {
    Accepted { status: u16 },
    Refused { status: u16 },
    NoAnswer { error: String },
}

/// Writes down how the attempt ended and when the next one is.
pub(crate) async fn record(
    db: &mut SqliteConnection,
    due: &Due,
    arrival: &Arrival,
    now: i64,
) -> Result<(), ApiError> {
    let attempts = due.attempts + 1;
    let gap = usize::try_from(due.attempts)
        .ok()
        .and_then(|made| BACK_OFF_SECONDS.get(made));
    let (state, due_at) = match (arrival, gap) {
        (Arrival::Accepted { .. }, _) => ("delivered", now),
        (_, Some(seconds)) => ("waiting", now + seconds),
        (_, None) => ("abandoned", now),
    };
    let (status, error) = match arrival {
        Arrival::Accepted { status } | Arrival::Refused { status } => (Some(*status), None),
        Arrival::NoAnswer { error } => (None, Some(error.as_str())),
    };
    sqlx::query(
        "update deliveries
         set state = $1, due_at = $2, attempts = $3, last_status = $4, last_error = $5
         where id = $6",
    )
    .bind(state)
    .bind(due_at)
    .bind(attempts)
    .bind(status.map(i64::from))
    .bind(error)
    .bind(due.id)
    .execute(db)
    .await?;
    Ok(())
}

/// The newest deliveries, newest first, for the control call.
pub(crate) async fn list(db: &mut SqliteConnection) -> Result<Value, ApiError> {
    type Row = (
        i64,
        String,
        String,
        String,
        i64,
        i64,
        Option<i64>,
        Option<String>,
    );
    let rows: Vec<Row> = sqlx::query_as(
        "select deliveries.id, event, events.type, state, due_at, attempts, last_status, last_error
         from deliveries join events on events.id = event
         order by deliveries.id desc limit $1",
    )
    .bind(MAX_LISTED)
    .fetch_all(db)
    .await?;
    let deliveries: Vec<Value> = rows
        .into_iter()
        .map(
            |(id, event, kind, state, due_at, attempts, last_status, last_error)| {
                json!({
                    "id": id,
                    "event": event,
                    "type": kind,
                    "state": state,
                    "due_at": due_at,
                    "attempts": attempts,
                    "last_status": last_status,
                    "last_error": last_error,
                })
            },
        )
        .collect();
    Ok(json!({ "object": "list", "data": deliveries }))
}

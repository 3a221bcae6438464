//! Notices that cannot be applied: counted while the gateway sends them again, parked when that does
//! not help, and shown until a person has dealt with them.
//!
//! A notice that is refused for ever makes the gateway give all of them up. So one that fails by
//! itself, as opposed to a database or a gateway that is away, is taken in the end: recorded as
//! `parked`, an alarm, and no further repeats. What it was about is not lost: the payment itself is
//! asked about by reconciliation, and the comparison names the notice.

use chrono::TimeDelta;
use sqlx::Row;
use sqlx::any::AnyRow;
use types::time::Timestamp;

use super::{GatewayEventError, GatewayEvents, Received};
use crate::db::{micros, time};
use crate::payments::gateway::{GatewayError, GatewayIntent};
use crate::payments::stripe::webhook::GatewayEvent;
use crate::top_up::SettleError;
use crate::{Core, StoreError};

/// Gateways repeat after minutes, then hours: this is past a deployment that went wrong for a
/// moment, and long before they give the address up.
const MOST_ATTEMPTS: i64 = 5;
const PATIENCE: TimeDelta = TimeDelta::hours(1);
/// Of an error, what is kept.
const LONGEST_ERROR: usize = 300;

/// A notice that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedNotice {
    /// `evt_…`, or a hash of what cannot be read.
    pub id: String,
    pub kind: String,
    /// `conflicting`, `unreadable` or `parked`; `failing` while the gateway sends it again.
    pub outcome: String,
    pub intent: Option<String>,
    pub occurred_at: Timestamp,
    /// When it was recorded, or failed last.
    pub received_at: Timestamp,
    /// How often it failed, and why it did last.
    pub attempts: i64,
    pub error: Option<String>,
}

impl GatewayEvents {
    /// Notices that nobody has dealt with, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn parked(&self, limit: u32) -> Result<Vec<ParkedNotice>, StoreError> {
        let rows = sqlx::query(
            "select events.id, events.kind, events.outcome, events.gateway_intent,
                    events.occurred_at, events.received_at, failures.attempts, failures.error
             from gateway_events as events
             left join gateway_event_failures as failures on failures.id = events.id
             where events.outcome in ('conflicting', 'unreadable', 'parked')
                 and events.dismissed_at is null
             union all
             select id, kind, 'failing', gateway_intent, occurred_at, last_failed_at, attempts, error
             from gateway_event_failures as failures
             where not exists (select 1 from gateway_events where gateway_events.id = failures.id)
             order by 6, 1 limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.core.db.readers())
        .await?;
        rows.iter().map(read).collect()
    }

    /// How many there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_parked(&self) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar(
            "select count(*) from gateway_events
             where outcome in ('conflicting', 'unreadable', 'parked') and dismissed_at is null",
        )
        .fetch_one(self.core.db.readers())
        .await?;
        Ok(count)
    }

    /// Notes that a person has dealt with a notice. False when there is none that is parked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn dismiss(&self, id: &str) -> Result<bool, StoreError> {
        let updated = sqlx::query(
            "update gateway_events set dismissed_at = $1
             where id = $2 and outcome in ('conflicting', 'unreadable', 'parked')
                 and dismissed_at is null",
        )
        .bind(micros(self.core.now()))
        .bind(id)
        .execute(self.core.db.writers())
        .await?;
        Ok(updated.rows_affected() == 1)
    }
}

/// Counts a failure, and takes the notice when there were too many.
pub(super) async fn after(
    core: &Core,
    event: &GatewayEvent,
    taken: Result<Received, GatewayEventError>,
) -> Result<Received, GatewayEventError> {
    let error = match taken {
        Err(error) if is_its_own(&error) => error,
        taken => return taken,
    };
    match count(core, event, &error).await {
        Ok(true) => {
            tracing::error!(event = event.id, kind = event.kind, %error,
                "a notice of the gateway fails again and again, and is parked");
            Ok(Received::Parked)
        }
        Ok(false) => Err(error),
        Err(uncounted) => {
            tracing::error!(error = %uncounted, "a notice that failed cannot be counted");
            Err(error)
        }
    }
}

/// Whether the notice fails by itself: everybody else's would succeed.
fn is_its_own(error: &GatewayEventError) -> bool {
    match error {
        GatewayEventError::Signature(_) => false,
        GatewayEventError::Gateway(error) => match error {
            GatewayError::Unreadable
            | GatewayError::OtherAmount
            | GatewayError::KeyReused
            | GatewayError::Refused { .. }
            | GatewayError::TooManyIntents
            | GatewayError::Unsendable => true,
            GatewayError::Unreachable
            | GatewayError::TimedOut
            | GatewayError::InProgress
            | GatewayError::Throttled
            | GatewayError::Failed { .. }
            | GatewayError::Unauthorized => false,
        },
        GatewayEventError::Settle(SettleError::OtherAmount) => true,
        GatewayEventError::Settle(SettleError::Store(error)) | GatewayEventError::Store(error) => {
            match error {
                StoreError::Busy | StoreError::GaveWay | StoreError::Unavailable(_) => false,
                // The database answers, and refuses what the notice would write.
                StoreError::Database(_)
                | StoreError::NotOpen { .. }
                | StoreError::Post(_)
                | StoreError::Inconsistent(_)
                | StoreError::Money(_) => true,
            }
        }
    }
}

/// Whether it is parked now.
async fn count(
    core: &Core,
    event: &GatewayEvent,
    error: &GatewayEventError,
) -> Result<bool, StoreError> {
    let now = core.now();
    let error: String = error.to_string().chars().take(LONGEST_ERROR).collect();
    let mut tx = core.db.begin().await?;
    let row = sqlx::query(
        "insert into gateway_event_failures
             (id, kind, gateway_intent, occurred_at, attempts, first_failed_at, last_failed_at,
              error)
         values ($1, $2, $3, $4, 1, $5, $5, $6)
         on conflict (id) do update set
             attempts = gateway_event_failures.attempts + 1,
             last_failed_at = excluded.last_failed_at,
             error = excluded.error
         returning attempts, first_failed_at",
    )
    .bind(&event.id)
    .bind(&event.kind)
    .bind(event.intent.as_ref().map(GatewayIntent::as_str))
    .bind(micros(event.occurred_at))
    .bind(micros(now))
    .bind(error)
    .fetch_one(&mut *tx)
    .await?;
    let attempts: i64 = row.try_get("attempts")?;
    let is_parked = attempts >= MOST_ATTEMPTS && now - time(&row, "first_failed_at")? >= PATIENCE;
    if is_parked {
        sqlx::query(
            "insert into gateway_events
                 (id, kind, gateway_intent, outcome, occurred_at, received_at)
             values ($1, $2, $3, 'parked', $4, $5)
             on conflict (id) do nothing",
        )
        .bind(&event.id)
        .bind(&event.kind)
        .bind(event.intent.as_ref().map(GatewayIntent::as_str))
        .bind(micros(event.occurred_at))
        .bind(micros(now))
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(is_parked)
}

fn read(row: &AnyRow) -> Result<ParkedNotice, StoreError> {
    Ok(ParkedNotice {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        outcome: row.try_get("outcome")?,
        intent: row.try_get("gateway_intent")?,
        occurred_at: time(row, "occurred_at")?,
        received_at: time(row, "received_at")?,
        attempts: row.try_get::<Option<i64>, _>("attempts")?.unwrap_or(0),
        error: row.try_get("error")?,
    })
}

#[cfg(test)]
mod tests {
    use types::ids::OrganizationId;

    use super::*;

    #[test]
    fn what_the_database_refuses_is_the_notices_own_and_a_database_that_is_away_is_not() {
        let organization = OrganizationId::generate();
        let table = [
            (StoreError::Busy, false),
            (StoreError::GaveWay, false),
            (StoreError::Unavailable(sqlx::Error::PoolClosed), false),
            (StoreError::Database(sqlx::Error::RowNotFound), true),
            (StoreError::NotOpen { organization }, true),
            (StoreError::Post(ledger::PostError::EmptyTransfer), true),
            (StoreError::Inconsistent("a row".to_owned()), true),
        ];
        for (error, expected) in table {
            let said = error.to_string();
            let error = GatewayEventError::Store(error);
            assert_eq!(is_its_own(&error), expected, "{said}");
        }
    }
}

//! What is put in order now and then: cards that the gateway is to forget, notices that are too old
//! to be repeated, usage that a process which ended had not summed up, and a word to the operator
//! about payments and refunds that only another account can end.
//!
//! Owns how much is done in one run; what it means is with the cards, the notices and
//! the sums.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::db::micros;
use crate::metering::rollup;
use crate::payments::detachment;
use crate::top_up::pending;
use crate::{Core, StoreError, holds, refunds};

/// The gateway sends a notice again for so long at most, by itself or because a person asks. One that
/// could not be applied is kept for longer: until a person has dealt with it.
const NOTICES_KEPT: TimeDelta = TimeDelta::days(30);
/// Notices forgotten at once: a statement that others need not wait for.
const MOST_NOTICES: i64 = 1_000;
/// The most times in one run: it is soon run again.
const MOST_FORGETS: usize = 1_000;

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tidied {
    /// Cards that the gateway has forgotten.
    pub cards: usize,
    /// Notices that are no longer remembered.
    pub notices: u64,
    /// Holds that are no longer remembered.
    pub holds: u64,
    /// Open payments of another account of the gateway, which wait for its keys.
    pub payments_elsewhere: i64,
    /// The same of refunds, whose credit is out of the balance meanwhile.
    pub refunds_elsewhere: i64,
}

/// See [`crate::Billing::housekeeping`].
#[derive(Clone)]
pub struct Housekeeping {
    core: Arc<Core>,
}

impl Housekeeping {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Does what is due. What cannot be done now is done in a later run.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn run(&self) -> Result<Tidied, StoreError> {
        let cards = detachment::detach_due(&self.core).await?;
        let notices = self.forget_notices().await?;
        let holds = holds::forget_old(&self.core).await?;
        let mut connection = self.core.db.readers().acquire().await?;
        let account = self.core.gateway.account();
        let payments_elsewhere = pending::count_elsewhere_in(&mut connection, account).await?;
        let refunds_elsewhere =
            refunds::store::count_elsewhere_in(&mut connection, account).await?;
        drop(connection);
        // Last: if one organization's usage cannot be summed up, all else is done.
        rollup::catch_up_left_behind(&self.core).await?;
        Ok(Tidied {
            cards,
            notices,
            holds,
            payments_elsewhere,
            refunds_elsewhere,
        })
    }

    async fn forget_notices(&self) -> Result<u64, StoreError> {
        let before = micros(self.core.now() - NOTICES_KEPT);
        // Few: each one was an alarm. What is still shown says why it failed.
        sqlx::query(
            "delete from gateway_event_failures
             where last_failed_at < $1 and not exists (
                 select 1 from gateway_events
                 where gateway_events.id = gateway_event_failures.id
                     and gateway_events.outcome in ('conflicting', 'unreadable', 'parked')
                     and gateway_events.dismissed_at is null)",
        )
        .bind(before)
        .execute(self.core.db.writers())
        .await?;
        let mut forgotten = 0;
        for _ in 0..MOST_FORGETS {
            let deleted = sqlx::query(
                "delete from gateway_events where id in (
                     select id from gateway_events
                     where received_at < $1
                         and (outcome not in ('conflicting', 'unreadable', 'parked')
                             or dismissed_at is not null)
                     order by received_at limit $2)",
            )
            .bind(before)
            .bind(MOST_NOTICES)
            .execute(self.core.db.writers())
            .await?
            .rows_affected();
            forgotten += deleted;
            if deleted == 0 {
                break;
            }
        }
        Ok(forgotten)
    }
}

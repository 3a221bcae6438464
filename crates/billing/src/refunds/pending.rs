//! Asking the gateway for refunds, and again about those whose answer was lost.
//!
//! | what we know | what is done |
//! | --- | --- |
//! | the gateway's name for it | read it |
//! | only our key, younger than the gateway keeps keys | the same request under the same key |
//! | only our key, older | look for our mark among the charge's refunds; not there, it never arrived |
//!
//! One that was sent is read once a day for five weeks: a card may give the money back.

use chrono::TimeDelta;
use types::refund::RefundState;

use super::settle::{DAILY, MAY_FAIL, settle};
use super::store::{self, Refund};
use crate::crash::{CrashPoint, reach};
use crate::payments::gateway::{GatewayError, RefundOutcome, RefundRequest};
use crate::{Core, StoreError};

/// The gateway forgets keys after 24 hours; an hour less, so that none is used at the edge.
const KEY_LIFETIME: TimeDelta = TimeDelta::hours(23);
/// What the gateway does not have by then never reached it.
const NEVER_ARRIVED: TimeDelta = TimeDelta::hours(24);
/// Refunds asked about in one run.
const MOST_REFUNDS: u32 = 50;
const SHORTEST_PAUSE: TimeDelta = TimeDelta::seconds(10);
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// Why a refund is not settled: it will be asked about again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Nobody knows whether money goes back.
    #[error(transparent)]
    Silent(#[from] GatewayError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    pub asked: usize,
    pub failed: usize,
}

impl super::Refunds {
    /// Asks about each refund whose turn it is. Any number of processes may do it at once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ask_due(&self) -> Result<Asked, StoreError> {
        ask_due(&self.core).await
    }
}

pub(crate) async fn ask_due(core: &Core) -> Result<Asked, StoreError> {
    let now = core.now();
    let due = {
        let mut connection = core.db.readers().acquire().await?;
        store::due_in(&mut connection, core.gateway.account(), now, MOST_REFUNDS).await?
    };
    let mut done = Asked::default();
    for refund in due {
        let ask_at = next_turn(&refund, now);
        let mut tx = core.db.begin().await?;
        let is_ours = store::claim_in(&mut tx, refund.id, now, ask_at).await?;
        tx.commit().await?;
        if !is_ours {
            continue;
        }
        done.asked += 1;
        if let Err(error) = ask(core, &refund).await {
            done.failed += 1;
            tracing::warn!(refund = %refund.id, %error, "a refund cannot be settled yet");
        }
    }
    Ok(done)
}

/// Ever less often as it grows old; `None` once nothing more can happen to it.
fn next_turn(refund: &Refund, now: types::time::Timestamp) -> Option<types::time::Timestamp> {
    let age = now - refund.requested_at;
    match refund.state {
        RefundState::Processing => Some(now + (age / 4).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)),
        RefundState::Succeeded => (age < MAY_FAIL).then(|| now + DAILY),
        RefundState::Failed => None,
    }
}

/// Asks the gateway for the refund, under its own key, and settles what it says.
pub(crate) async fn send(core: &Core, refund: &Refund) -> Result<(), SendError> {
    let intent = refund.intent.clone().ok_or_else(|| {
        StoreError::Inconsistent(format!("refund {} of a charge without a name", refund.id))
    })?;
    let request = RefundRequest {
        key: refund.id.to_string(),
        intent,
        amount: refund.amount,
        refund: refund.id,
        organization: refund.organization,
    };
    reach(CrashPoint::RefundBeforeCall);
    let outcome = core.gateway.refund(&request).await?;
    reach(CrashPoint::RefundAfterCall);
    Ok(settle(core, refund.organization, refund.id, &outcome).await?)
}

async fn ask(core: &Core, refund: &Refund) -> Result<(), SendError> {
    let age = core.now() - refund.requested_at;
    let outcome = match &refund.gateway_refund {
        Some(name) => RefundOutcome::Made(core.gateway.find_refund(name).await?),
        None if age < KEY_LIFETIME => return send(core, refund).await,
        None => match look_for(core, refund).await? {
            Some(outcome) => outcome,
            // What was asked last may still be on its way.
            None if age < NEVER_ARRIVED => return Ok(()),
            None => RefundOutcome::Refused {
                code: "never_arrived".to_owned(),
            },
        },
    };
    Ok(settle(core, refund.organization, refund.id, &outcome).await?)
}

async fn look_for(core: &Core, refund: &Refund) -> Result<Option<RefundOutcome>, SendError> {
    let Some(intent) = &refund.intent else {
        return Ok(None);
    };
    let words = core.gateway.list_refunds(intent).await?;
    let found = words.into_iter().find(|word| word.ours == Some(refund.id));
    Ok(found.map(RefundOutcome::Made))
}

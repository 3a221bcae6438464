//! Asking the gateway for refunds, and again about those whose answer was lost.
//!
//! | what we know | what is done |
//! | --- | --- |
//! | the gateway's name for it | read it |
//! | that it was never asked for, however old it is | ask for it |
//! | only our key, younger than the gateway keeps keys | the same request under the same key |
//! | only our key, older | look for our mark among the charge's refunds; not there, it never arrived |
//!
//! A key's age counts from the first time that the gateway was asked, which is written down before:
//! while its server is down, or its account is not connected, no refund grows too old to be sent.
//!
//! One that was sent is read once a day for five weeks: a card may give the money back.

use types::refund::RefundState;
use types::time::Timestamp;

use super::settle::{DAILY, MAY_FAIL, settle};
use super::store::{self, Refund};
use crate::crash::{CrashPoint, reach};
use crate::payments::gateway::{GatewayError, RefundOutcome, RefundRequest};
use crate::payments::patience::{KEY_LIFETIME, NEVER_ARRIVED, Pause};
use crate::{Core, StoreError};

/// Refunds asked about in one run.
const MOST_REFUNDS: u32 = 50;

/// Why a refund is not settled: it will be asked about again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Nobody knows whether money goes back.
    #[error(transparent)]
    Silent(#[from] GatewayError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SendError {
    const fn is_silence(&self) -> bool {
        match self {
            Self::Silent(error) => error.is_silence(),
            Self::Store(_) => false,
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    pub asked: usize,
    pub failed: usize,
}

impl super::Refunds {
    /// Asks about each refund whose turn it is, until the gateway falls silent: the others keep
    /// theirs. Any number of processes may do it at once.
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
            if error.is_silence() {
                break;
            }
        }
    }
    Ok(done)
}

/// Ever less often as it grows old; `None` once nothing more can happen to it.
fn next_turn(refund: &Refund, now: Timestamp) -> Option<Timestamp> {
    let age = now - refund.requested_at;
    match refund.state {
        RefundState::Processing => Some(now + Pause::MONEY.at_age(age)),
        RefundState::Succeeded => (age < MAY_FAIL).then(|| now + DAILY),
        RefundState::Failed => None,
    }
}

/// Asks the gateway for the refund, under its own key, and settles what it says.
pub(crate) async fn send(core: &Core, refund: &Refund) -> Result<(), SendError> {
    let first_asked_at = begin_to_ask(core, refund).await?;
    if core.now() - first_asked_at >= KEY_LIFETIME {
        // Another process asked long ago, and this one only now came to it: a key that the gateway
        // has forgotten would be a second refund. The next turn looks it up.
        return Ok(());
    }
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

async fn begin_to_ask(core: &Core, refund: &Refund) -> Result<Timestamp, StoreError> {
    if let Some(first_asked_at) = refund.first_asked_at {
        return Ok(first_asked_at);
    }
    let mut connection = core.db.writers().acquire().await?;
    store::begin_to_ask_in(&mut connection, refund.id, core.now()).await
}

/// Asks about one refund, whether or not it is its turn, and settles what the gateway says.
pub(crate) async fn ask(core: &Core, refund: &Refund) -> Result<(), SendError> {
    let outcome = match (&refund.gateway_refund, refund.first_asked_at) {
        (Some(name), _) => RefundOutcome::Made(core.gateway.find_refund(name).await?),
        (None, None) => return send(core, refund).await,
        (None, Some(first_asked_at)) => {
            let age = core.now() - first_asked_at;
            if age < KEY_LIFETIME {
                return send(core, refund).await;
            }
            match look_for(core, refund).await? {
                Some(outcome) => outcome,
                // What was asked last may still be on its way.
                None if age < NEVER_ARRIVED => return Ok(()),
                None => RefundOutcome::Refused {
                    code: "never_arrived".to_owned(),
                },
            }
        }
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

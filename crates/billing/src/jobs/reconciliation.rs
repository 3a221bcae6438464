//! Asking the gateway about payments whose answer was lost.
//!
//! | what we know | what is done |
//! | --- | --- |
//! | the gateway's intent | read it; one that has waited a day for its person is cancelled |
//! | only our key, younger than the gateway keeps keys | the same charge under the same key |
//! | only our key, older, or used with other settings | look the top-up up at the gateway; if it is not there, it never arrived |

use std::sync::Arc;

use chrono::TimeDelta;
use types::payment::DeclineReason;

use crate::crash::{CrashPoint, reach};
use crate::payments::customer::find_customer;
use crate::payments::gateway::{GatewayError, GatewayIntent, Outcome};
use crate::payments::patience::{KEY_LIFETIME, NEVER_ARRIVED, Pause};
use crate::top_up::state::State;
use crate::top_up::store::TopUp;
use crate::top_up::{ChargeError, SettleError, charge, pending, settle, store};
use crate::{Core, StoreError};

/// Whoever has not answered their bank for so long has given the payment up.
const GIVEN_UP: TimeDelta = TimeDelta::hours(24);
/// Payments asked about in one run.
const MOST_PAYMENTS: u32 = 50;

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reconciled {
    pub asked: usize,
    pub settled: usize,
    pub still_pending: usize,
}

/// See [`crate::Billing::reconciliation`].
#[derive(Clone)]
pub struct Reconciliation {
    core: Arc<Core>,
}

impl Reconciliation {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    pub(crate) const fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Asks about each payment whose turn it is, until the gateway falls silent: the others keep
    /// theirs. One that cannot be settled now is asked about again, ever less often as it grows old.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn settle_pending(&self) -> Result<Reconciled, StoreError> {
        let now = self.core.now();
        let due = {
            let mut connection = self.core.db.readers().acquire().await?;
            pending::due_in(
                &mut connection,
                self.core.gateway.account(),
                now,
                MOST_PAYMENTS,
            )
            .await?
        };
        let mut done = Reconciled::default();
        for top_up in due {
            match self.reconcile(&top_up).await {
                Ok(Turn::Elsewhere) => {}
                Ok(Turn::Settled) => {
                    done.asked += 1;
                    done.settled += 1;
                }
                Ok(Turn::StillPending(answered)) => {
                    done.asked += 1;
                    done.still_pending += 1;
                    if answered == Answered::Silence {
                        break;
                    }
                }
                // The others still have their turn.
                Err(error) => {
                    tracing::error!(top_up = %top_up.id, %error, "a payment cannot be looked at");
                }
            }
        }
        Ok(done)
    }

    async fn reconcile(&self, top_up: &TopUp) -> Result<Turn, StoreError> {
        let now = self.core.now();
        let pause = Pause::MONEY.at_age(now - top_up.created_at);
        let mut tx = self.core.db.begin().await?;
        let is_ours = pending::claim_in(&mut tx, top_up.payment, now, now + pause).await?;
        tx.commit().await?;
        if !is_ours {
            return Ok(Turn::Elsewhere);
        }
        reach(CrashPoint::ReconciliationBeforeCall);
        let mut answered = Answered::Something;
        if let Err(error) = self.ask(top_up).await {
            tracing::warn!(top_up = %top_up.id, %error, "a payment cannot be settled yet");
            if error.is_silence() {
                answered = Answered::Silence;
            }
        }
        reach(CrashPoint::ReconciliationAfterSettling);
        let mut connection = self.core.db.readers().acquire().await?;
        let after = store::get_by_payment_in(&mut connection, top_up.payment).await?;
        Ok(match after.state.payment_state() {
            "pending" => Turn::StillPending(answered),
            _ => Turn::Settled,
        })
    }

    /// Asks about one payment, whether or not it is its turn, and settles what the gateway says.
    pub(crate) async fn ask(&self, top_up: &TopUp) -> Result<(), AskError> {
        if let Some(intent) = &top_up.intent {
            let outcome = self.ask_about(top_up, intent).await?;
            return Ok(settle::settle(&self.core, top_up.payment, &outcome).await?);
        }
        let customer = find_customer(&self.core, top_up.organization).await?;
        let customer = customer.ok_or_else(|| {
            StoreError::Inconsistent(format!("top-up {} has no customer", top_up.id))
        })?;
        let age = self.core.now() - top_up.created_at;
        if age < KEY_LIFETIME {
            match charge(&self.core, top_up, &customer).await {
                // The settings changed since the first try: what that one did is looked up.
                Err(ChargeError::Silent(GatewayError::KeyReused)) => {}
                // A customer that is gone is replaced when its organization pays next.
                charged => {
                    charged?;
                    return Ok(());
                }
            }
        }
        let found = self
            .core
            .gateway
            .find_by_top_up(&customer, top_up.id, top_up.created_at)
            .await?;
        let outcome = match found {
            Some(outcome) => outcome,
            // What was asked last may still be on its way.
            None if age < NEVER_ARRIVED => return Ok(()),
            None => Outcome::Declined {
                intent: None,
                reason: DeclineReason::ProcessingError,
            },
        };
        Ok(settle::settle(&self.core, top_up.payment, &outcome).await?)
    }

    /// What became of a charge. One that nobody will confirm any more is cancelled, so that it
    /// cannot be paid by surprise and does not stay open for ever.
    async fn ask_about(
        &self,
        top_up: &TopUp,
        intent: &GatewayIntent,
    ) -> Result<Outcome, GatewayError> {
        let outcome = self.core.gateway.find_intent(intent).await?;
        let is_given_up = match &top_up.state {
            State::RequiresAction { .. } => self.core.now() - top_up.state_since >= GIVEN_UP,
            State::Processing | State::Succeeded | State::Failed { .. } | State::Canceled => false,
        };
        if is_given_up && matches!(outcome, Outcome::RequiresAction { .. }) {
            self.core.gateway.cancel(intent).await
        } else {
            Ok(outcome)
        }
    }
}

/// What came of a payment's turn.
enum Turn {
    /// Another process has it.
    Elsewhere,
    StillPending(Answered),
    Settled,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answered {
    Something,
    Silence,
}

/// Why a payment stays pending.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Charge(#[from] ChargeError),
    #[error(transparent)]
    Settle(#[from] SettleError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AskError {
    const fn is_silence(&self) -> bool {
        match self {
            Self::Gateway(error) | Self::Charge(ChargeError::Silent(error)) => error.is_silence(),
            Self::Charge(ChargeError::Settle(_)) | Self::Settle(_) | Self::Store(_) => false,
        }
    }
}

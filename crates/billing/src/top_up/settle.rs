//! The one place where a payment becomes money. Its callers are the gateway's reply, its
//! notification and reconciliation: whoever is first settles, the others find it done.
//!
//! Order: the organization's books are locked first, then the top-up is read; so two callers
//! cannot both find it open.

use ledger::{Batch, Source};
use types::ids::{BatchId, PaymentId};

use super::state::{State, Step, step};
use super::store::{self, TopUp};
use crate::crash::{CrashPoint, reach};
use crate::payments::detachment;
use crate::payments::gateway::{Outcome, Settled};
use crate::payments::method::store::{self as cards, Owner, Saving};
use crate::posting_rules;
use crate::{Core, Problem, ProblemKind, StoreError, chart};

/// Why an answer of the gateway could not be made durable. It will be asked for again.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// An alarm: the gateway moved other money than we asked for.
    #[error("the gateway charged another amount than was asked for")]
    OtherAmount,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for SettleError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for SettleError {
    fn kind(&self) -> ProblemKind {
        ProblemKind::Broken
    }

    fn code(&self) -> &'static str {
        "internal"
    }
}

/// Top-ups that came to an end, by `outcome`; one that is paid after it had failed ends twice.
const TOP_UPS: &str = "billing_top_ups_total";

/// [`settle_in`] in a transaction of its own.
pub(crate) async fn settle(
    core: &Core,
    payment: PaymentId,
    outcome: &Outcome,
) -> Result<(), SettleError> {
    let mut tx = core.db.begin().await?;
    let changed = settle_in(&mut tx, core, payment, outcome).await?;
    reach(CrashPoint::SettleBeforeCommit);
    tx.commit().await?;
    reach(CrashPoint::SettleAfterCommit);
    count(changed);
    Ok(())
}

/// Takes a gateway's word for a payment: state, ledger and saved card change together. Answers the
/// state if it changed; after the commit, [`count`] it.
pub(crate) async fn settle_in(
    connection: &mut ledger::Connection,
    core: &Core,
    payment: PaymentId,
    outcome: &Outcome,
) -> Result<Option<State>, SettleError> {
    let organization = store::payment_organization_in(connection, payment).await?;
    let mut books = ledger::lock_books_in(connection, organization)
        .await
        .map_err(StoreError::from)?;
    let top_up = store::get_by_payment_in(connection, payment).await?;
    let now = core.now();
    let changed = match step(&top_up.state, outcome) {
        Step::Stay => {
            learn_fee_in(connection, core, &mut books, &top_up, outcome).await?;
            None
        }
        Step::Become(state) => {
            store::update_state_in(connection, &top_up, &state, now).await?;
            Some(state)
        }
        Step::Credit(settled) => {
            credit_in(connection, core, &mut books, &top_up, settled).await?;
            Some(State::Succeeded)
        }
    };
    if let Some(state) = &changed {
        tracing::info!(top_up = %top_up.id, state = state.as_str(), "a top-up changed");
    }
    if let Some(intent) = intent(outcome) {
        store::set_intent_in(connection, payment, intent).await?;
    }
    Ok(changed)
}

/// Counts a change that is durable, if it is an end.
pub(crate) fn count(changed: Option<State>) {
    match changed {
        Some(state @ (State::Succeeded | State::Failed { .. } | State::Canceled)) => {
            metrics::counter!(TOP_UPS, "outcome" => state.as_str()).increment(1);
        }
        Some(State::Processing | State::RequiresAction { .. }) | None => {}
    }
}

async fn credit_in(
    connection: &mut ledger::Connection,
    core: &Core,
    books: &mut ledger::Books,
    top_up: &TopUp,
    settled: &Settled,
) -> Result<(), SettleError> {
    if settled.amount != top_up.amount {
        tracing::error!(top_up = %top_up.id, asked = %top_up.amount, charged = %settled.amount,
            "the gateway charged another amount than was asked for");
        return Err(SettleError::OtherAmount);
    }
    let now = core.now();
    let owed = ledger::balance_in(connection, &chart::owed(top_up.organization))
        .await
        .map_err(StoreError::from)?;
    let paid = top_up.amount.money().map_err(StoreError::from)?;
    let fee = settled
        .fee
        .map(|fee| fee.money())
        .transpose()
        .map_err(StoreError::from)?;
    let (id, organization) = (top_up.id, top_up.organization);
    reach(CrashPoint::SettleBeforePosting);
    let movement = posting_rules::top_up::movement(id, organization, owed, paid, fee)
        .map_err(StoreError::from)?;
    let batch = Batch {
        id: BatchId::generate(),
        source: Source::new("topup", top_up.id),
        code: "top_up",
        transfers: movement.transfers,
        opens: movement.opens,
        booked_at: now,
    };
    ledger::post_in(connection, books, &batch, now)
        .await
        .map_err(StoreError::from)?;
    reach(CrashPoint::SettleAfterPosting);
    // Under the lock of the books nobody sees the old balance again.
    core.holds.gate.forget(top_up.organization);
    store::update_state_in(connection, top_up, &State::Succeeded, now).await?;
    store::set_settled_in(connection, top_up.payment, settled).await?;
    let owner = Owner {
        organization: top_up.organization,
        account: core.gateway.account(),
    };
    if let Some(token) = &settled.kept_besides {
        detachment::note_in(connection, owner, token, now).await?;
    }
    if let (None, Some(method)) = (top_up.saved, &settled.method)
        && method.attached
    {
        // The money counts, whatever becomes of the card.
        match cards::save_in(connection, owner, method, now).await? {
            Saving::Saved(_) => {}
            Saving::Removed | Saving::TooMany => {
                tracing::info!(top_up = %top_up.id, "the card that paid is not kept");
            }
        }
    }
    Ok(())
}

/// What the gateway keeps of a charge that was credited before that was known.
async fn learn_fee_in(
    connection: &mut ledger::Connection,
    core: &Core,
    books: &mut ledger::Books,
    top_up: &TopUp,
    outcome: &Outcome,
) -> Result<(), StoreError> {
    let (State::Succeeded, None, Outcome::Succeeded(settled)) =
        (&top_up.state, top_up.fee, outcome)
    else {
        return Ok(());
    };
    let Some(fee) = settled.fee else {
        return Ok(());
    };
    let now = core.now();
    let batch = Batch {
        id: BatchId::generate(),
        source: Source::new("gateway_fee", top_up.id),
        code: "gateway_fee",
        transfers: posting_rules::gateway_fee::transfers(top_up.amount.money()?, fee.money()?)?,
        opens: Vec::new(),
        booked_at: now,
    };
    ledger::post_in(connection, books, &batch, now).await?;
    store::set_fee_in(connection, top_up.payment, fee).await
}

const fn intent(outcome: &Outcome) -> Option<&crate::payments::gateway::GatewayIntent> {
    match outcome {
        Outcome::Succeeded(Settled { intent, .. })
        | Outcome::Processing { intent }
        | Outcome::RequiresAction { intent, .. }
        | Outcome::Canceled { intent } => Some(intent),
        Outcome::Declined { intent, .. } => intent.as_ref(),
        Outcome::Refused { .. } => None,
    }
}

//! The one place where a payment becomes money. Its callers are the gateway's reply, its
//! notification and reconciliation: whoever is first settles, the others find it done.
//!
//! Order: the organization's books are locked first, then the top-up is read; so two callers
//! cannot both find it open.

use ledger::{Batch, Source};
use types::ids::{BatchId, PaymentId};

use super::state::{State, Step, step};
use super::store::{self, TopUp};
use crate::payments::gateway::{Outcome, Settled};
use crate::payments::method;
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

/// [`settle_in`] in a transaction of its own.
pub(crate) async fn settle(
    core: &Core,
    payment: PaymentId,
    outcome: &Outcome,
) -> Result<(), SettleError> {
    let mut tx = core.db.begin().await?;
    settle_in(&mut tx, core, payment, outcome).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a gateway's word for a payment: state, ledger and saved card change together.
pub(crate) async fn settle_in(
    connection: &mut ledger::Connection,
    core: &Core,
    payment: PaymentId,
    outcome: &Outcome,
) -> Result<(), SettleError> {
    let organization = store::payment_organization_in(connection, payment).await?;
    let mut books = ledger::lock_books_in(connection, organization)
        .await
        .map_err(StoreError::from)?;
    let top_up = store::get_by_payment_in(connection, payment).await?;
    let now = core.now();
    match step(&top_up.state, outcome) {
        Step::Stay => {}
        Step::Become(state) => {
            tracing::info!(top_up = %top_up.id, state = state.as_str(), "a top-up changed");
            store::update_state_in(connection, &top_up, &state, now).await?;
        }
        Step::Credit(settled) => {
            credit_in(connection, core, &mut books, &top_up, settled).await?;
            tracing::info!(top_up = %top_up.id, "a top-up was credited");
        }
    }
    if let Some(intent) = intent(outcome) {
        store::set_intent_in(connection, payment, intent).await?;
    }
    Ok(())
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
    let before = chart::balance_in(connection, top_up.organization).await?;
    let paid = top_up.amount.money().map_err(StoreError::from)?;
    let fee = settled
        .fee
        .map(|fee| fee.money())
        .transpose()
        .map_err(StoreError::from)?;
    let batch = Batch {
        id: BatchId::generate(),
        source: Source::new("topup", top_up.id),
        code: "top_up",
        transfers: posting_rules::top_up::transfers(top_up.organization, &before, paid, fee)
            .map_err(StoreError::from)?,
        booked_at: now,
    };
    ledger::post_in(connection, books, &batch, now)
        .await
        .map_err(StoreError::from)?;
    store::update_state_in(connection, top_up, &State::Succeeded, now).await?;
    store::set_settled_in(connection, top_up.payment, settled).await?;
    if let (None, Some(method)) = (top_up.saved, &settled.method)
        && method.attached
    {
        method::save_in(connection, top_up.organization, method, now).await?;
    }
    Ok(())
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

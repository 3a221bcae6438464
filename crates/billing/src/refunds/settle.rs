//! The one place where the gateway's word on a refund becomes durable. Its callers are the reply,
//! the notice and reconciliation: whoever is first settles, the others find it done.
//!
//! Order: the organization's books are locked first, then the refund is read.

use chrono::TimeDelta;
use ledger::{Batch, Source};
use types::ids::{BatchId, OrganizationId, RefundId};
use types::refund::RefundState;

use super::offer::lot_in;
use super::state::{Step, step};
use super::store::{self, Become, Refund};
use crate::crash::{CrashPoint, reach};
use crate::payments::gateway::RefundOutcome;
use crate::posting_rules::refund::{Sent, failed, sent};
use crate::{Core, StoreError, chart, disputes};

/// A refund that was sent can fail for so long, and is asked about once a day meanwhile.
pub(super) const MAY_FAIL: TimeDelta = TimeDelta::days(35);
pub(super) const DAILY: TimeDelta = TimeDelta::days(1);

/// Refunds that came to an end, by `outcome`.
const REFUNDS: &str = "billing_refunds_total";

/// [`settle_in`] in a transaction of its own.
pub(crate) async fn settle(
    core: &Core,
    organization: OrganizationId,
    refund: RefundId,
    outcome: &RefundOutcome,
) -> Result<(), StoreError> {
    let mut tx = core.db.begin().await?;
    let changed = settle_in(&mut tx, core, organization, refund, outcome).await?;
    reach(CrashPoint::RefundSettleBeforeCommit);
    tx.commit().await?;
    reach(CrashPoint::RefundSettleAfterCommit);
    count(changed);
    Ok(())
}

/// Counts a change that is durable.
pub(crate) fn count(changed: Option<RefundState>) {
    if let Some(state) = changed {
        metrics::counter!(REFUNDS, "outcome" => state.as_str()).increment(1);
    }
}

/// Takes the gateway's word: state and ledger change together. Answers the state if it changed.
pub(crate) async fn settle_in(
    connection: &mut ledger::Connection,
    core: &Core,
    organization: OrganizationId,
    refund: RefundId,
    outcome: &RefundOutcome,
) -> Result<Option<RefundState>, StoreError> {
    let mut books = ledger::lock_books_in(connection, organization).await?;
    let found = store::find_in(connection, organization, refund).await?;
    let refund = found.ok_or_else(|| StoreError::Inconsistent(format!("no refund {refund}")))?;
    if let RefundOutcome::Made(word) = outcome {
        store::set_gateway_refund_in(connection, &refund, &word.refund).await?;
    }
    let changed = match step(refund.state, outcome) {
        Step::Stay => return Ok(None),
        Step::Contradiction => {
            tracing::error!(refund = %refund.id, "the gateway sends a refund that had failed");
            return Ok(None);
        }
        Step::Send => {
            send_in(connection, core, &mut books, &refund, outcome).await?;
            RefundState::Succeeded
        }
        Step::Fail { code } => {
            fail_in(connection, core, &mut books, &refund, code).await?;
            RefundState::Failed
        }
    };
    tracing::info!(refund = %refund.id, state = changed.as_str(), "a refund changed");
    Ok(Some(changed))
}

async fn send_in(
    connection: &mut ledger::Connection,
    core: &Core,
    books: &mut ledger::Books,
    refund: &Refund,
    outcome: &RefundOutcome,
) -> Result<(), StoreError> {
    let now = core.now();
    let fee = match outcome {
        RefundOutcome::Made(word) => word.fee,
        RefundOutcome::Refused { .. } => types::money::Cents::new(0),
    };
    let batch = Batch {
        id: BatchId::generate(),
        source: Source::new("refund", format!("{}:sent", refund.id)),
        code: "refund_sent",
        transfers: sent(refund.amount.money()?, fee.money()?),
        opens: Vec::new(),
        booked_at: now,
    };
    ledger::post_in(connection, books, &batch, now).await?;
    let become_ = Become::Succeeded { fee };
    let ask_at = (now - refund.requested_at < MAY_FAIL).then(|| now + DAILY);
    store::update_state_in(connection, refund, &become_, ask_at, now).await
}

async fn fail_in(
    connection: &mut ledger::Connection,
    core: &Core,
    books: &mut ledger::Books,
    refund: &Refund,
    code: &str,
) -> Result<(), StoreError> {
    let now = core.now();
    let organization = refund.organization;
    let was_sent = match refund.state {
        RefundState::Succeeded => Sent::Yes,
        RefundState::Processing | RefundState::Failed => Sent::No,
    };
    let owes = ledger::balance_in(connection, &chart::owed(organization)).await?;
    let lot = lot_in(connection, organization, refund.top_up).await?;
    let amount = refund.amount.money()?;
    let movement = failed(organization, lot.as_ref(), owes, amount, was_sent)?;
    let batch = Batch {
        id: BatchId::generate(),
        source: Source::new("refund", format!("{}:failed", refund.id)),
        code: "refund_failed",
        transfers: movement.transfers,
        opens: movement.opens,
        booked_at: now,
    };
    ledger::post_in(connection, books, &batch, now).await?;
    // Under the lock of the books nobody sees the old balance again.
    core.holds.gate.forget(organization);
    store::update_state_in(connection, refund, &Become::Failed { code }, None, now).await?;
    let cents = -refund.amount.get();
    store::add_refunded_in(connection, organization, refund.top_up, cents).await?;
    tracing::warn!(refund = %refund.id, code, "a refund failed, and its credit is back");
    // What the card did not get back by the refund, a dispute may have taken: then the credit
    // bears that now.
    disputes::rebalance_in(connection, core, books, (organization, refund.top_up)).await
}

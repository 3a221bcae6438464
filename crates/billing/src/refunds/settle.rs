//! The one place where the gateway's word on a refund becomes durable. Its callers are the reply,
//! the notice and reconciliation: whoever is first settles, the others find it done.
//!
//! Order: the organization's books are locked first, then the refund is read.

use chrono::TimeDelta;
use ledger::{Batch, Source};
use types::ids::{BatchId, OrganizationId, RefundId};
use types::refund::RefundState;

use super::bought::{bought_in, lot_of};
use super::state::{Step, step};
use super::store::{self, Become, Refund};
use crate::crash::{CrashPoint, reach};
use crate::payments::gateway::RefundOutcome;
use crate::posting_rules::refund::{Sent, failed, sent};
use crate::{Core, StoreError, disputes};

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
    let heard = settle_in(&mut tx, core, organization, refund, outcome).await?;
    reach(CrashPoint::RefundSettleBeforeCommit);
    tx.commit().await?;
    reach(CrashPoint::RefundSettleAfterCommit);
    count(heard);
    Ok(())
}

/// Counts a change that is durable.
pub(crate) fn count(heard: Heard) {
    match heard {
        Heard::Became(state) => {
            metrics::counter!(REFUNDS, "outcome" => state.as_str()).increment(1);
        }
        Heard::Known | Heard::Contradicts => {}
    }
}

/// What became of the gateway's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It says nothing that is not known.
    Known,
    Became(RefundState),
    /// Money left for a refund whose credit was given back: for people.
    Contradicts,
}

/// Takes the gateway's word: state and ledger change together. After the commit, [`count`] it.
pub(crate) async fn settle_in(
    connection: &mut ledger::Connection,
    core: &Core,
    organization: OrganizationId,
    refund: RefundId,
    outcome: &RefundOutcome,
) -> Result<Heard, StoreError> {
    let mut books = ledger::lock_books_in(connection, organization).await?;
    let found = store::find_in(connection, organization, refund).await?;
    let refund = found.ok_or_else(|| StoreError::Inconsistent(format!("no refund {refund}")))?;
    if let RefundOutcome::Made(word) = outcome {
        store::set_gateway_refund_in(connection, &refund, &word.refund).await?;
    }
    let changed = match step(refund.state, outcome) {
        Step::Stay => return Ok(Heard::Known),
        Step::Contradiction => {
            tracing::error!(refund = %refund.id, "the gateway sends a refund that had failed");
            return Ok(Heard::Contradicts);
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
    Ok(Heard::Became(changed))
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
    let lot = lot_of(refund.top_up);
    let bought = bought_in(connection, organization, lot).await?;
    let amount = refund.amount.money()?;
    let movement = failed(organization, &bought, lot, amount, was_sent)?;
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

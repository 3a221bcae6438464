//! Refunds that a notice of the gateway's is about, those made in its own pages among them: the
//! money has left, so the credit leaves too: other bought credit where its own lot has no more of it,
//! and what no lot covers is owed.

use ledger::{Batch, Source};
use types::ids::{BatchId, OrganizationId, RefundId, TopUpId};

use super::bought::{bought_in, lot_of};
use super::settle::{Heard, settle_in};
use super::store::{self, NewRefund, Origin};
use crate::payments::gateway::{RefundOutcome, RefundStage, RefundWord};
use crate::{Core, StoreError, disputes, posting_rules};

/// What became of what the gateway said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// To be counted by `settle::count` after the commit.
    Applied(Vec<Heard>),
    /// The gateway gave back other money than was asked for, or what it had said it would not: for
    /// people. What else it said is made durable, and counted, no less.
    Conflicting(Vec<Heard>),
}

/// Makes the gateway's word on a refund of `top_up`, which was paid, durable.
pub(crate) async fn take_in(
    connection: &mut ledger::Connection,
    core: &Core,
    organization: OrganizationId,
    top_up: TopUpId,
    word: &RefundWord,
) -> Result<Taken, StoreError> {
    // The lock first: a refund that is being written down is then seen.
    let mut books = ledger::lock_books_in(connection, organization).await?;
    let found = store::find_by_word_in(connection, (organization, top_up), word).await?;
    let refund = match (found, &word.stage) {
        (Some(found), _) if found.amount != word.amount => {
            return Ok(Taken::Conflicting(Vec::new()));
        }
        (Some(found), _) => found.id,
        // It came to nothing before we knew of it.
        (None, RefundStage::Failed { .. }) => return Ok(Taken::Applied(Vec::new())),
        (None, RefundStage::Pending | RefundStage::Succeeded) => {
            adopt_in(connection, core, &mut books, organization, top_up, word).await?
        }
    };
    let outcome = RefundOutcome::Made(word.clone());
    let heard = settle_in(connection, core, organization, refund, &outcome).await?;
    Ok(match heard {
        Heard::Known | Heard::Became(_) => Taken::Applied(vec![heard]),
        Heard::Contradicts => Taken::Conflicting(vec![heard]),
    })
}

/// Writes down what was not asked for here.
async fn adopt_in(
    connection: &mut ledger::Connection,
    core: &Core,
    books: &mut ledger::Books,
    organization: OrganizationId,
    top_up: TopUpId,
    word: &RefundWord,
) -> Result<RefundId, StoreError> {
    let now = core.now();
    let new = NewRefund {
        id: RefundId::generate(),
        top_up,
        amount: word.amount,
        origin: Origin::Gateway,
    };
    let account = core.gateway.account().as_str();
    let inserted = store::insert_in(connection, organization, &new, account, now).await?;
    let refund =
        inserted.ok_or_else(|| StoreError::Inconsistent(format!("refund {} is taken", new.id)))?;
    store::set_gateway_refund_in(connection, &refund, &word.refund).await?;
    let lot = lot_of(top_up);
    let bought = bought_in(connection, organization, lot).await?;
    let amount = word.amount.money()?;
    let movement = posting_rules::refund::asked(organization, &bought, lot, amount)?;
    let batch = Batch {
        id: BatchId::generate(),
        source: Source::new("refund", new.id),
        code: "refund",
        transfers: movement.transfers,
        opens: movement.opens,
        booked_at: now,
    };
    ledger::post_in(connection, books, &batch, now).await?;
    store::add_refunded_in(connection, organization, top_up, word.amount.get()).await?;
    tracing::warn!(refund = %new.id, %top_up, "a refund was made in the gateway's own pages");
    disputes::rebalance_in(connection, core, books, (organization, top_up)).await?;
    Ok(new.id)
}

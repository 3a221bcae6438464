//! What waits: top-ups and refunds that nobody could decide for a day, and notices that could not be
//! applied.

use types::refund::RefundState;

use super::findings::Findings;
use super::report::{Disagreement, Kind, Side};
use super::{CompareError, rows};
use crate::jobs::reconciliation::Reconciliation;
use crate::payments::patience::STUCK;
use crate::refunds;
use crate::refunds::store::Refund;
use crate::top_up::store::TopUp;
use crate::top_up::{pending, store};

/// Of each; the oldest first.
const MOST: u32 = 200;

pub(super) async fn compare(
    this: &Reconciliation,
    found: &mut Findings,
) -> Result<(), CompareError> {
    stuck(this, found).await?;
    stuck_refunds(this, found).await?;
    let mut connection = this.core().db.readers().acquire().await?;
    let parked = rows::parked_in(&mut connection, i64::from(MOST)).await?;
    drop(connection);
    if parked.len() == MOST as usize {
        found.leave_out("newer notices that could not be applied: there are many");
    }
    found.add(parked.into_iter().map(|parked| Disagreement {
        kind: Kind::NoticeParked,
        organization: None,
        top_up: None,
        reference: Some(parked.notice),
        ours: Side {
            state: Some(parked.outcome),
            ..Side::default()
        },
        gateway: Side::default(),
    }));
    Ok(())
}

/// Each is asked about once more, whether or not it is its turn.
async fn stuck(this: &Reconciliation, found: &mut Findings) -> Result<(), CompareError> {
    let core = this.core();
    let waiting = {
        let mut connection = core.db.readers().acquire().await?;
        pending::unchanged_since_in(&mut connection, core.now() - STUCK, MOST).await?
    };
    if waiting.len() == MOST as usize {
        found.leave_out("newer top-ups that wait for a day: there are many");
    }
    for top_up in waiting {
        if top_up.is_at(core.gateway.account())
            && let Err(error) = this.ask(&top_up).await
        {
            tracing::warn!(top_up = %top_up.id, %error, "a payment cannot be settled yet");
        }
        let mut connection = core.db.readers().acquire().await?;
        let after = store::get_by_payment_in(&mut connection, top_up.payment).await?;
        if after.state.payment_state() == "pending" {
            found.add([disagreement(&after)]);
        } else {
            found.settled += 1;
        }
    }
    Ok(())
}

/// The same of refunds: their credit is out of the balance for as long as they wait.
async fn stuck_refunds(this: &Reconciliation, found: &mut Findings) -> Result<(), CompareError> {
    let core = this.core();
    let waiting = {
        let mut connection = core.db.readers().acquire().await?;
        let before = core.now() - STUCK;
        refunds::store::under_way_since_in(&mut connection, before, MOST).await?
    };
    if waiting.len() == MOST as usize {
        found.leave_out("newer refunds that wait for a day: there are many");
    }
    for refund in waiting {
        if refund.is_at(core.gateway.account())
            && let Err(error) = refunds::pending::ask(core, &refund).await
        {
            tracing::warn!(refund = %refund.id, %error, "a refund cannot be settled yet");
        }
        let after = {
            let mut connection = core.db.readers().acquire().await?;
            refunds::store::find_in(&mut connection, refund.organization, refund.id).await?
        };
        let still = after.filter(|after| after.state == RefundState::Processing);
        match still {
            Some(still) => found.add([stuck_refund(&still)]),
            None => found.settled += 1,
        }
    }
    Ok(())
}

fn stuck_refund(refund: &Refund) -> Disagreement {
    Disagreement {
        kind: Kind::RefundStuck,
        organization: Some(refund.organization),
        top_up: Some(refund.top_up),
        reference: refund.gateway_refund.as_ref().map(ToString::to_string),
        ours: Side {
            cents: Some(refund.amount.get()),
            currency: Some("usd".to_owned()),
            state: Some(refund.state.as_str().to_owned()),
        },
        gateway: Side::default(),
    }
}

fn disagreement(top_up: &TopUp) -> Disagreement {
    Disagreement {
        kind: Kind::TopUpStuck,
        organization: Some(top_up.organization),
        top_up: Some(top_up.id),
        reference: top_up.intent.as_ref().map(ToString::to_string),
        ours: Side {
            cents: Some(top_up.amount.get()),
            currency: Some("usd".to_owned()),
            state: Some(top_up.state.as_str().to_owned()),
        },
        gateway: Side::default(),
    }
}

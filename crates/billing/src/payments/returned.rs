//! Notices about money that goes back: refunds, disputes, and warnings of them.
//!
//! Owns which notice is about what, asking the gateway how that stands now, and taking up refunds
//! whose notice was lost. Does not own what it does to credit (`refunds`, `disputes`).

use types::time::Timestamp;

use super::gateway::{
    DisputeWord, GatewayDispute, GatewayError, GatewayIntent, GatewayWarning, RefundWord,
};
use super::stripe::webhook::GatewayEvent;
use crate::refunds::notice::Taken;
use crate::top_up::pending::{self, Noticed};
use crate::top_up::settle;
use crate::top_up::state::State;
use crate::top_up::store::{self, TopUp};
use crate::{Core, StoreError, disputes, refunds};

/// What a notice is about, beside the payment that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// The payment alone.
    Payment,
    /// All refunds of the charge: one of which the notice was lost may have failed and made room
    /// for the one that this is about.
    Refunds,
    Dispute(GatewayDispute),
    /// A card network holds the charge for fraud; nothing has moved.
    Warning(GatewayWarning, Timestamp),
}

/// `None` for what changes nothing here, and for an object without a name that can be asked for.
pub(super) fn about(event: &GatewayEvent) -> Option<About> {
    let name = event.object.as_deref();
    match event.kind.as_str() {
        // The second: what the gateway keeps may be known only then.
        kind if kind.starts_with("payment_intent.") || kind == "charge.updated" => {
            Some(About::Payment)
        }
        "charge.refunded"
        | "refund.created"
        | "refund.updated"
        | "refund.failed"
        | "charge.refund.updated" => Some(About::Refunds),
        kind if kind.starts_with("charge.dispute.") => Some(About::Dispute(name?.parse().ok()?)),
        kind if kind.starts_with("radar.early_fraud_warning.") => {
            Some(About::Warning(name?.parse().ok()?, event.occurred_at))
        }
        _ => None,
    }
}

/// How it stands now, by the gateway's own word.
pub(super) enum Said {
    Nothing,
    Refunds(Vec<RefundWord>),
    Dispute(DisputeWord),
    Warning(GatewayWarning, Timestamp),
}

pub(super) async fn ask(
    core: &Core,
    about: About,
    intent: &GatewayIntent,
) -> Result<Said, GatewayError> {
    Ok(match about {
        About::Payment => Said::Nothing,
        About::Refunds => Said::Refunds(core.gateway.list_refunds(intent).await?),
        About::Dispute(name) => Said::Dispute(core.gateway.find_dispute(&name).await?),
        About::Warning(name, at) => Said::Warning(name, at),
    })
}

/// Why refunds were not taken up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeUpError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Settle(#[from] settle::SettleError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// For people: the gateway gave back other money than the ledger knows of.
    #[error("the gateway gave back other money than the ledger knows of")]
    Conflicting,
}

/// Does what a refund's notice would have done: asks how a charge and all its refunds stand, and
/// makes that durable together, whatever else of it is for people. Of a charge that is not ours
/// nothing changes.
pub(crate) async fn take_up_refunds(
    core: &Core,
    intent: &GatewayIntent,
) -> Result<(), TakeUpError> {
    let noticed = {
        let readers = core.db.readers();
        let mut connection = readers.acquire().await.map_err(StoreError::from)?;
        pending::find_payment_in(&mut connection, core.gateway.account(), intent, None).await?
    };
    let Some(Noticed::Payment(payment)) = noticed else {
        return Ok(());
    };
    let outcome = core.gateway.find_intent(intent).await?;
    let said = ask(core, About::Refunds, intent).await?;
    let mut tx = core.db.begin().await?;
    let settled = settle::settle_in(&mut tx, core, payment, &outcome).await?;
    let top_up = store::get_by_payment_in(&mut tx, payment).await?;
    let taken = take_in(&mut tx, core, &top_up, &said).await?;
    tx.commit().await.map_err(StoreError::from)?;
    settle::count(settled);
    let (Taken::Applied(heard) | Taken::Conflicting(heard)) = &taken;
    heard.iter().copied().for_each(refunds::settle::count);
    if matches!(taken, Taken::Conflicting(_)) {
        return Err(TakeUpError::Conflicting);
    }
    tracing::info!(top_up = %top_up.id, "what was refunded was taken up without its notice");
    Ok(())
}

/// Makes it durable, for a top-up as it stands after its payment was settled. A refund that
/// contradicts the ledger keeps none of the others waiting.
pub(super) async fn take_in(
    connection: &mut ledger::Connection,
    core: &Core,
    top_up: &TopUp,
    said: &Said,
) -> Result<Taken, StoreError> {
    if matches!(said, Said::Nothing) {
        return Ok(Taken::Applied(Vec::new()));
    }
    match top_up.state {
        State::Succeeded => {}
        // Money goes back of a charge that never came.
        State::Processing
        | State::RequiresAction { .. }
        | State::Failed { .. }
        | State::Canceled => {
            return Ok(Taken::Conflicting(Vec::new()));
        }
    }
    let (organization, id) = (top_up.organization, top_up.id);
    match said {
        Said::Nothing => {}
        Said::Refunds(words) => {
            let (mut heard, mut conflicting) = (Vec::new(), 0_usize);
            // The gateway lists the newest first.
            for word in words.iter().rev() {
                match refunds::notice::take_in(connection, core, organization, id, word).await? {
                    Taken::Applied(more) => heard.extend(more),
                    Taken::Conflicting(more) => {
                        conflicting += 1;
                        heard.extend(more);
                    }
                }
            }
            if conflicting > 0 {
                return Ok(Taken::Conflicting(heard));
            }
            return Ok(Taken::Applied(heard));
        }
        Said::Dispute(word) => {
            disputes::take_in(connection, core, organization, id, word).await?;
        }
        Said::Warning(name, warned_at) => {
            let warning = disputes::FraudWarning {
                name: name.clone(),
                organization,
                top_up: id,
                warned_at: *warned_at,
            };
            let account = core.gateway.account();
            disputes::warn_in(connection, account, &warning, core.now()).await?;
            tracing::warn!(top_up = %id, "a card network holds a payment for fraud");
        }
    }
    Ok(Taken::Applied(Vec::new()))
}

//! Notices about money that goes back: refunds, disputes, and warnings of them.
//!
//! Owns which notice is about what, and asking the gateway how that stands now. Does not own what
//! it does to credit (`refunds`, `disputes`).

use types::time::Timestamp;

use super::gateway::{
    DisputeWord, GatewayDispute, GatewayError, GatewayIntent, GatewayRefund, GatewayWarning,
    RefundWord,
};
use super::stripe::webhook::GatewayEvent;
use crate::refunds::notice::Taken;
use crate::top_up::state::State;
use crate::top_up::store::TopUp;
use crate::{Core, StoreError, disputes, refunds};

/// What a notice is about, beside the payment that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// The payment alone.
    Payment,
    /// All refunds of the charge.
    Refunds,
    Refund(GatewayRefund),
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
        "charge.refunded" => Some(About::Refunds),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            Some(About::Refund(name?.parse().ok()?))
        }
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
        About::Refund(name) => Said::Refunds(vec![core.gateway.find_refund(&name).await?]),
        About::Dispute(name) => Said::Dispute(core.gateway.find_dispute(&name).await?),
        About::Warning(name, at) => Said::Warning(name, at),
    })
}

/// Makes it durable, for a top-up as it stands after its payment was settled.
pub(super) async fn take_in(
    connection: &mut ledger::Connection,
    core: &Core,
    top_up: &TopUp,
    said: &Said,
) -> Result<Taken, StoreError> {
    if matches!(said, Said::Nothing) {
        return Ok(Taken::Applied);
    }
    match top_up.state {
        State::Succeeded => {}
        // Money goes back of a charge that never came.
        State::Processing
        | State::RequiresAction { .. }
        | State::Failed { .. }
        | State::Canceled => {
            return Ok(Taken::Conflicting);
        }
    }
    let (organization, id) = (top_up.organization, top_up.id);
    match said {
        Said::Nothing => {}
        Said::Refunds(words) => {
            // The gateway lists the newest first.
            for word in words.iter().rev() {
                let taken =
                    refunds::notice::take_in(connection, core, organization, id, word).await?;
                if taken == Taken::Conflicting {
                    return Ok(taken);
                }
            }
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
    Ok(Taken::Applied)
}

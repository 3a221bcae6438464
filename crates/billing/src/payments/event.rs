//! What the gateway tells us of its own accord.
//!
//! A notification is only a hint that something changed: what it changed to is asked of the
//! gateway, so that late, repeated and reordered ones all lead to the same state. The record of it
//! commits together with its effect.

use std::sync::Arc;

use types::ids::PaymentId;

use super::gateway::{GatewayError, GatewayIntent};
use super::stripe::webhook::{self, GatewayEvent, SignatureError};
use crate::db::micros;
use crate::top_up::{SettleError, settle, store};
use crate::{Core, Problem, ProblemKind, StoreError};

/// What became of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    Applied,
    AlreadyApplied,
    /// It is about nothing of ours, or of a kind that changes nothing here.
    Ignored,
}

/// Why a notification was not taken. The gateway sends it again.
#[derive(Debug, thiserror::Error)]
pub enum GatewayEventError {
    #[error("the signature does not match: {0}")]
    Signature(#[from] SignatureError),
    #[error("the gateway was asked what changed and did not answer")]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Settle(#[from] SettleError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for GatewayEventError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for GatewayEventError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::Signature(_) => ProblemKind::Invalid,
            Self::Gateway(_) => ProblemKind::Unknown,
            Self::Settle(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Signature(_) => "invalid_signature",
            Self::Gateway(_) => "gateway_unknown",
            Self::Settle(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

/// See [`crate::Billing::gateway_events`].
#[derive(Clone)]
pub struct GatewayEvents {
    core: Arc<Core>,
}

impl GatewayEvents {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Takes a notification as it arrived: the raw body and the signature's header.
    ///
    /// # Errors
    /// When the signature does not match, or its effect could not be made durable.
    pub async fn receive(
        &self,
        body: &[u8],
        signature: &str,
    ) -> Result<Received, GatewayEventError> {
        let secrets = &self.core.settings.gateway.webhook_secrets;
        let event = webhook::verify(body, signature, secrets, self.core.now())?;
        if let Some(intent) = &event.intent
            && let Some(payment) = self.find_payment(&event, intent).await?
        {
            if event.kind.starts_with("payment_intent.") {
                return self.apply(&event, payment, intent).await;
            }
            if event.kind == "charge.refunded" || event.kind.starts_with("charge.dispute.") {
                // Not to be passed over in silence: the ledger does not follow these yet.
                tracing::error!(event = event.id, kind = event.kind, %payment,
                    "money moved at the gateway that the ledger does not show");
            }
        }
        let mut tx = self.core.db.begin().await?;
        let is_new = record_in(&mut tx, &self.core, &event, "ignored").await?;
        tx.commit().await?;
        Ok(if is_new {
            Received::Ignored
        } else {
            Received::AlreadyApplied
        })
    }

    async fn find_payment(
        &self,
        event: &GatewayEvent,
        intent: &GatewayIntent,
    ) -> Result<Option<PaymentId>, StoreError> {
        let mut connection = self.core.db.readers().acquire().await?;
        store::find_payment_in(&mut connection, intent, event.top_up).await
    }

    async fn apply(
        &self,
        event: &GatewayEvent,
        payment: PaymentId,
        intent: &GatewayIntent,
    ) -> Result<Received, GatewayEventError> {
        let outcome = self.core.gateway.find_intent(intent).await?;
        let mut tx = self.core.db.begin().await?;
        settle::settle_in(&mut tx, &self.core, payment, &outcome).await?;
        let is_new = record_in(&mut tx, &self.core, event, "applied").await?;
        tx.commit().await?;
        Ok(if is_new {
            Received::Applied
        } else {
            Received::AlreadyApplied
        })
    }
}

/// Whether it is the first time.
async fn record_in(
    connection: &mut ledger::Connection,
    core: &Core,
    event: &GatewayEvent,
    outcome: &str,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "insert into gateway_events
             (id, kind, gateway_intent, outcome, created_at, received_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (id) do nothing",
    )
    .bind(&event.id)
    .bind(&event.kind)
    .bind(event.intent.as_ref().map(GatewayIntent::as_str))
    .bind(outcome)
    .bind(micros(event.created))
    .bind(micros(core.now()))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

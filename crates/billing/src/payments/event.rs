//! What the gateway tells us of its own accord.
//!
//! A notification is only a hint that something changed: what it changed to is asked of the
//! gateway, so that late, repeated and reordered ones all lead to the same state. The record of it
//! commits together with its effect.
//!
//! | a notice | is recorded as | and answered |
//! | --- | --- | --- |
//! | about a payment of ours | `applied`, with its effect | taken |
//! | about nothing of ours, or of a kind that changes nothing here | `ignored` | taken |
//! | about a payment of ours, with another amount or another intent | `conflicting`; an alarm | taken |
//! | signed, but no event that can be read | `unreadable`; an alarm | taken |
//! | whose effect cannot be durable now | not at all | to be sent again |

use std::sync::Arc;

use sha2::{Digest, Sha256};
use types::ids::PaymentId;
use types::time::Timestamp;

use super::gateway::{GatewayError, GatewayIntent};
use super::stripe::webhook::{self, GatewayEvent, Notice, SignatureError};
use crate::db::micros;
use crate::top_up::pending::{self, Noticed};
use crate::top_up::{SettleError, settle};
use crate::{Core, Problem, ProblemKind, StoreError};

/// What became of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    Applied,
    /// Recorded before, whatever it came to.
    AlreadyApplied,
    /// It is about nothing of ours, or of a kind that changes nothing here.
    Ignored,
    /// The gateway moved other money than we asked for: to be looked at.
    Conflicting,
    /// It is the gateway's and cannot be read: to be looked at.
    Unreadable,
}

impl Received {
    /// Its word in the database and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::AlreadyApplied => "already_applied",
            Self::Ignored => "ignored",
            Self::Conflicting => "conflicting",
            Self::Unreadable => "unreadable",
        }
    }
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
        match webhook::verify(body, signature, secrets, self.core.now())? {
            Notice::Event(event) => self.take(&event).await,
            Notice::Unreadable { signed_at } => {
                let record = Record::unreadable(body, signed_at);
                tracing::error!(event = record.id, "a notice of the gateway cannot be read");
                Ok(self.record(&record, Received::Unreadable).await?)
            }
        }
    }

    async fn take(&self, event: &GatewayEvent) -> Result<Received, GatewayEventError> {
        let record = Record::of(event);
        let Some(intent) = &event.intent else {
            return Ok(self.record(&record, Received::Ignored).await?);
        };
        let came_to = match self.find_payment(event, intent).await? {
            Some(Noticed::Payment(payment)) if event.kind.starts_with("payment_intent.") => {
                return self.apply(&record, payment, intent).await;
            }
            Some(Noticed::Payment(payment)) if moves_money(&event.kind) => {
                // Not to be passed over in silence: the ledger does not follow these yet.
                tracing::error!(event = event.id, kind = event.kind, %payment,
                    "money moved at the gateway that the ledger does not show");
                Received::Ignored
            }
            Some(Noticed::OtherIntent(payment)) => {
                tracing::error!(event = event.id, kind = event.kind, %payment, %intent,
                    "the gateway has a second charge for one top-up");
                Received::Conflicting
            }
            Some(Noticed::Payment(_)) | None => Received::Ignored,
        };
        Ok(self.record(&record, came_to).await?)
    }

    async fn find_payment(
        &self,
        event: &GatewayEvent,
        intent: &GatewayIntent,
    ) -> Result<Option<Noticed>, StoreError> {
        let mut connection = self.core.db.readers().acquire().await?;
        let account = self.core.gateway.account();
        pending::find_payment_in(&mut connection, account, intent, event.top_up).await
    }

    /// Asks what the payment is now, and makes that and the record durable together.
    async fn apply(
        &self,
        record: &Record<'_>,
        payment: PaymentId,
        intent: &GatewayIntent,
    ) -> Result<Received, GatewayEventError> {
        let outcome = self.core.gateway.find_intent(intent).await?;
        let mut tx = self.core.db.begin().await?;
        let settled = match settle::settle_in(&mut tx, &self.core, payment, &outcome).await {
            Ok(settled) => settled,
            // Repeating it would not help: it is recorded, and was logged as an alarm.
            Err(SettleError::OtherAmount) => {
                drop(tx);
                return Ok(self.record(record, Received::Conflicting).await?);
            }
            Err(SettleError::Store(error)) => return Err(error.into()),
        };
        let is_new = record_in(&mut tx, &self.core, record, Received::Applied).await?;
        tx.commit().await?;
        settle::count(settled);
        Ok(if is_new {
            Received::Applied
        } else {
            Received::AlreadyApplied
        })
    }

    async fn record(&self, record: &Record<'_>, came_to: Received) -> Result<Received, StoreError> {
        let mut connection = self.core.db.writers().acquire().await?;
        let is_new = record_in(&mut connection, &self.core, record, came_to).await?;
        Ok(if is_new {
            came_to
        } else {
            Received::AlreadyApplied
        })
    }
}

/// Kinds that take money back.
fn moves_money(kind: &str) -> bool {
    kind == "charge.refunded" || kind.starts_with("charge.dispute.")
}

/// A notice's row.
struct Record<'a> {
    id: String,
    kind: &'a str,
    intent: Option<&'a GatewayIntent>,
    occurred_at: Timestamp,
}

impl<'a> Record<'a> {
    fn of(event: &'a GatewayEvent) -> Self {
        Self {
            id: event.id.clone(),
            kind: &event.kind,
            intent: event.intent.as_ref(),
            occurred_at: event.occurred_at,
        }
    }

    /// By its content, so that a repeat is known again. The content itself stays at the gateway,
    /// which shows what it sent and when.
    fn unreadable(body: &[u8], signed_at: Timestamp) -> Self {
        Self {
            id: format!("sha256:{}", hex::encode(Sha256::digest(body))),
            kind: "unreadable",
            intent: None,
            occurred_at: signed_at,
        }
    }
}

/// Whether it is the first time.
async fn record_in(
    connection: &mut ledger::Connection,
    core: &Core,
    record: &Record<'_>,
    came_to: Received,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "insert into gateway_events
             (id, kind, gateway_intent, outcome, occurred_at, received_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (id) do nothing",
    )
    .bind(&record.id)
    .bind(record.kind)
    .bind(record.intent.map(GatewayIntent::as_str))
    .bind(came_to.as_str())
    .bind(micros(record.occurred_at))
    .bind(micros(core.now()))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

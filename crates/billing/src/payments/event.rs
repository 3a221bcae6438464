//! What the gateway tells us of its own accord.
//!
//! A notification is only a hint that something changed: what it changed to is asked of the
//! gateway, so that late, repeated and reordered ones all lead to the same state. The record of it
//! commits together with its effect.
//!
//! | a notice | is recorded as | and answered |
//! | --- | --- | --- |
//! | about a payment of ours, a refund or dispute of one, or a saved card that its bank replaced | `applied`, with its effect | taken |
//! | about nothing of ours, or of a kind that changes nothing here | `ignored` | taken |
//! | about a payment of ours, with another amount or another intent | `conflicting`; an alarm | taken |
//! | signed, but no event that can be read | `unreadable`; an alarm | taken |
//! | whose effect cannot be durable now | not at all | to be sent again |
//! | that fails by itself, again and again | `parked`; an alarm | taken |

mod parked;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use types::ids::{PaymentId, TopUpId};
use types::time::Timestamp;

pub use parked::ParkedNotice;

use super::gateway::{GatewayError, GatewayIntent, GatewayMethod};
use super::method::renewal::{self, RenewalError, is_about_a_card};
use super::returned::{self, About};
use super::stripe::webhook::{self, GatewayEvent, Notice, SignatureError};
use crate::crash::{CrashPoint, reach};
use crate::db::micros;
use crate::refunds::notice::Taken;
use crate::top_up::pending::{self, Noticed};
use crate::top_up::{SettleError, settle, store};
use crate::{Core, Problem, ProblemKind, StoreError, refunds};

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
    /// It failed again and again: to be looked at, and not to be sent again.
    Parked,
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
            Self::Parked => "parked",
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
            Notice::Event(event) => {
                let taken = self.take(&event).await;
                parked::after(&self.core, &event, taken).await
            }
            Notice::Unreadable { signed_at } => {
                let record = Record::unreadable(body, signed_at);
                tracing::error!(event = record.id, "a notice of the gateway cannot be read");
                Ok(self.record(&record, Received::Unreadable).await?)
            }
        }
    }

    async fn take(&self, event: &GatewayEvent) -> Result<Received, GatewayEventError> {
        let record = Record::of(event);
        if let Some(method) = event
            .method
            .as_ref()
            .filter(|_| is_about_a_card(&event.kind))
        {
            return self.renew(&record, method).await;
        }
        let (Some(intent), Some(about)) = (&event.intent, returned::about(event)) else {
            return Ok(self.record(&record, Received::Ignored).await?);
        };
        let came_to = match self.find_payment(event, intent, &about).await? {
            Some(Noticed::Payment(payment)) => {
                return self.apply(&record, payment, intent, about).await;
            }
            Some(Noticed::OtherIntent(payment)) => {
                tracing::error!(event = event.id, kind = event.kind, %payment, %intent,
                    "the gateway has a second charge for one top-up");
                Received::Conflicting
            }
            None => Received::Ignored,
        };
        Ok(self.record(&record, came_to).await?)
    }

    async fn find_payment(
        &self,
        event: &GatewayEvent,
        intent: &GatewayIntent,
        about: &About,
    ) -> Result<Option<Noticed>, GatewayEventError> {
        let found = self.find_by(intent, event.top_up).await?;
        match (found, about) {
            (Some(found), _) => Ok(Some(found)),
            (None, About::Payment) => Ok(None),
            // Refunds and disputes do not carry our mark. Where the charge's own answer was lost
            // and its notice is yet to come, only the charge says whose it is.
            (None, _) => match self.core.gateway.top_up_of(intent).await? {
                Some(top_up) => Ok(self.find_by(intent, Some(top_up)).await?),
                None => Ok(None),
            },
        }
    }

    async fn find_by(
        &self,
        intent: &GatewayIntent,
        top_up: Option<TopUpId>,
    ) -> Result<Option<Noticed>, StoreError> {
        let mut connection = self.core.db.readers().acquire().await?;
        let account = self.core.gateway.account();
        pending::find_payment_in(&mut connection, account, intent, top_up).await
    }

    /// Asks what the payment and what the notice is about are now, and makes that and the record
    /// durable together.
    async fn apply(
        &self,
        record: &Record<'_>,
        payment: PaymentId,
        intent: &GatewayIntent,
        about: About,
    ) -> Result<Received, GatewayEventError> {
        reach(CrashPoint::NoticeBeforeCall);
        let outcome = self.core.gateway.find_intent(intent).await?;
        let said = returned::ask(&self.core, about, intent).await?;
        reach(CrashPoint::NoticeAfterCall);
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
        let top_up = store::get_by_payment_in(&mut tx, payment).await?;
        let taken = returned::take_in(&mut tx, &self.core, &top_up, &said).await?;
        let (heard, came_to) = match taken {
            Taken::Applied(heard) => (heard, Received::Applied),
            Taken::Conflicting(heard) => {
                tracing::error!(event = record.id, kind = record.kind, top_up = %top_up.id,
                    "the gateway gave back other money than the ledger knows of");
                (heard, Received::Conflicting)
            }
        };
        let is_new = record_in(&mut tx, &self.core, record, came_to).await?;
        reach(CrashPoint::NoticeBeforeCommit);
        tx.commit().await?;
        reach(CrashPoint::NoticeAfterCommit);
        settle::count(settled);
        heard.into_iter().for_each(refunds::settle::count);
        Ok(if is_new {
            came_to
        } else {
            Received::AlreadyApplied
        })
    }

    /// Asks what a saved card is now, and makes that and the record durable together.
    async fn renew(
        &self,
        record: &Record<'_>,
        method: &GatewayMethod,
    ) -> Result<Received, GatewayEventError> {
        let renewal = match renewal::ask(&self.core, method).await {
            Ok(Some(renewal)) => renewal,
            Ok(None) => return Ok(self.record(record, Received::Ignored).await?),
            Err(RenewalError::Gateway(error)) => return Err(error.into()),
            Err(RenewalError::Store(error)) => return Err(error.into()),
        };
        let mut tx = self.core.db.begin().await?;
        renewal::apply_in(&mut tx, &self.core, &renewal).await?;
        let is_new = record_in(&mut tx, &self.core, record, Received::Applied).await?;
        tx.commit().await?;
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

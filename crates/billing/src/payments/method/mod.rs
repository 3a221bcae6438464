//! Saved cards: adding, choosing the default, removing.
//!
//! Owns what a person may do with cards. Does not own their rows (`store`), nor that the gateway
//! forgets what is not saved (`detachment`). Only the cards of our own account at the gateway are
//! cards here.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | listing, adding without asking the bank, the default, removing |
//! | `set_up` | adding while the person is there, and their bank may ask |
//! | `renewal` | a card that its bank has replaced |
//! | `store` | the rows |

pub(crate) mod renewal;
mod set_up;
pub(crate) mod store;

use std::sync::Arc;

use types::ids::{OrganizationId, PaymentMethodId};
use types::payment::{DeclineReason, PaymentField, PaymentMethodView};
use types::tenancy::Viewer;

pub(crate) use store::card;

use self::store::{MOST_METHODS, Novelty, Owner, Saving};
use super::customer::{self, CustomerError, ensure_customer};
use super::detachment;
use super::gateway::{AttachOutcome, CUSTOMER_MISSING, ChargedMethod, GatewayError, GatewayMethod};
use crate::crash::{CrashPoint, reach};
use crate::{Core, Problem, ProblemKind, StoreError};

/// Why a saved card was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PaymentMethodError {
    #[error("your role does not permit changing payment methods; ask an owner or billing admin")]
    NotAllowed,
    #[error("this payment method is no longer saved")]
    NotFound,
    #[error("the card could not be read; enter it again")]
    Token,
    #[error("{}", reason.message())]
    Declined { reason: DeclineReason },
    #[error("at most {MOST_METHODS} payment methods can be saved; remove one first")]
    TooMany,
    #[error("the payment processor did not answer; try again in a moment")]
    Gateway(#[source] GatewayError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for PaymentMethodError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<CustomerError> for PaymentMethodError {
    fn from(error: CustomerError) -> Self {
        match error {
            CustomerError::Gateway(error) => Self::Gateway(error),
            CustomerError::Store(error) => Self::Store(error),
        }
    }
}

impl Problem for PaymentMethodError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::NotAllowed => ProblemKind::NotAllowed,
            Self::NotFound => ProblemKind::NotFound,
            Self::Token | Self::Declined { .. } | Self::TooMany => ProblemKind::Invalid,
            Self::Gateway(_) => ProblemKind::Unknown,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::Token => "invalid_token",
            Self::Declined { .. } => "card_declined",
            Self::TooMany => "too_many",
            Self::Gateway(_) => "gateway_unknown",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Declined { reason } => {
                reason.field().map(PaymentField::as_str).map(str::to_owned)
            }
            Self::Token => Some(PaymentField::CardNumber.as_str().to_owned()),
            Self::NotFound => Some(PaymentField::PaymentMethod.as_str().to_owned()),
            Self::NotAllowed | Self::TooMany | Self::Gateway(_) => None,
            Self::Store(error) => error.field(),
        }
    }
}

/// See [`crate::Billing::payment_methods`].
#[derive(Clone)]
pub struct PaymentMethods {
    core: Arc<Core>,
}

impl PaymentMethods {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// An organization's saved cards: the default first, then the newest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<PaymentMethodView>, StoreError> {
        let mut connection = self.core.db.readers().acquire().await?;
        store::list_in(&mut connection, self.owner(organization), self.core.now()).await
    }

    /// Saves a card that the browser gave to the gateway, without asking its bank: for who is not
    /// at a page, where [`PaymentMethods::set_up`] is. The first one becomes the default; the same
    /// card again is not saved twice.
    ///
    /// # Errors
    /// When the role does not permit it, the bank declines the card, there is no room for it, or
    /// the gateway is silent.
    pub async fn add(
        &self,
        viewer: &Viewer,
        token: &str,
    ) -> Result<PaymentMethodView, PaymentMethodError> {
        require_money(viewer)?;
        let token: GatewayMethod = token.parse().map_err(|_| PaymentMethodError::Token)?;
        let attached = self.attach(viewer, &token).await?;
        Ok(self.save(viewer.organization, &attached).await?.0)
    }

    /// Saves a card that the gateway keeps, and whether it was saved before by another token.
    async fn save(
        &self,
        organization: OrganizationId,
        attached: &ChargedMethod,
    ) -> Result<(PaymentMethodView, Novelty), PaymentMethodError> {
        let owner = self.owner(organization);
        let mut tx = self.core.db.begin().await?;
        ledger::lock_books_in(&mut tx, organization)
            .await
            .map_err(StoreError::from)?;
        let novelty = store::novelty_in(&mut tx, owner, attached).await?;
        let saving = store::save_in(&mut tx, owner, attached, self.core.now()).await?;
        reach(CrashPoint::CardBeforeCommit);
        tx.commit().await?;
        reach(CrashPoint::CardAfterCommit);
        let id = match saving {
            Saving::Saved(id) => id,
            Saving::Removed => return Err(PaymentMethodError::Token),
            Saving::TooMany => return Err(PaymentMethodError::TooMany),
        };
        let methods = self.list(organization).await?;
        let saved = methods.into_iter().find(|method| method.id == id);
        Ok((saved.ok_or(PaymentMethodError::NotFound)?, novelty))
    }

    /// # Errors
    /// When the role does not permit it or the card is no longer saved.
    pub async fn set_default(
        &self,
        viewer: &Viewer,
        method: PaymentMethodId,
    ) -> Result<(), PaymentMethodError> {
        require_money(viewer)?;
        let owner = self.owner(viewer.organization);
        let mut tx = self.core.db.begin().await?;
        ledger::lock_books_in(&mut tx, viewer.organization)
            .await
            .map_err(StoreError::from)?;
        store::find_in(&mut tx, owner, method)
            .await?
            .ok_or(PaymentMethodError::NotFound)?;
        store::make_default_in(&mut tx, owner, method).await?;
        Ok(tx.commit().await?)
    }

    /// Removes a card: from now on nothing here charges it. The gateway forgets it at once, or, if
    /// it is silent, as soon as it answers. The newest of the others becomes the default.
    ///
    /// # Errors
    /// When the role does not permit it or the card is no longer saved.
    pub async fn remove(
        &self,
        viewer: &Viewer,
        method: PaymentMethodId,
    ) -> Result<(), PaymentMethodError> {
        require_money(viewer)?;
        let owner = self.owner(viewer.organization);
        let now = self.core.now();
        let mut tx = self.core.db.begin().await?;
        ledger::lock_books_in(&mut tx, viewer.organization)
            .await
            .map_err(StoreError::from)?;
        // Read under the lock: another entry of the same card cannot take its place meanwhile.
        let saved = store::find_in(&mut tx, owner, method).await?;
        let token = saved.ok_or(PaymentMethodError::NotFound)?.token;
        store::remove_in(&mut tx, owner, method, now).await?;
        detachment::note_in(&mut tx, owner, &token, now).await?;
        tx.commit().await?;
        reach(CrashPoint::RemovalBeforeCall);
        if let Err(error) = detachment::detach(&self.core, &token).await {
            tracing::warn!(%error, "a removed card is detached later");
        }
        Ok(())
    }

    /// Has the gateway keep a card for the organization.
    async fn attach(
        &self,
        viewer: &Viewer,
        token: &GatewayMethod,
    ) -> Result<ChargedMethod, PaymentMethodError> {
        let customer = ensure_customer(&self.core, viewer).await?;
        let announced =
            detachment::announce(&self.core, self.owner(viewer.organization), token).await?;
        // Without an answer it may be attached: then it stays announced.
        let outcome = self.core.gateway.attach(&customer, token).await;
        let refused = match outcome.map_err(PaymentMethodError::Gateway)? {
            AttachOutcome::Attached(method) => return Ok(method),
            AttachOutcome::Declined { reason } => PaymentMethodError::Declined { reason },
            AttachOutcome::Refused { code } => {
                tracing::warn!(code, "the gateway refused to attach a payment method");
                if code == CUSTOMER_MISSING {
                    customer::replace(&self.core, viewer, &customer).await;
                }
                PaymentMethodError::Token
            }
        };
        detachment::withdraw(&self.core, announced, token).await?;
        Err(refused)
    }

    fn owner(&self, organization: OrganizationId) -> Owner<'_> {
        Owner {
            organization,
            account: self.core.gateway.account(),
        }
    }
}

fn require_money(viewer: &Viewer) -> Result<(), PaymentMethodError> {
    if viewer.role.may_change_money() {
        Ok(())
    } else {
        Err(PaymentMethodError::NotAllowed)
    }
}

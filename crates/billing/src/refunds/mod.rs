//! Giving unused credit back to the card that paid for it.
//!
//! Owns what may be given back and until when, a refund's states, and the one function that makes
//! the gateway's word durable (`settle`). Does not own how a gateway is spoken to, what is posted
//! (`posting_rules::refund`), nor disputes, which a refund's end may shift (`disputes`).
//!
//! | step | what is durable | what may be lost |
//! | --- | --- | --- |
//! | 1. `request` commits | the refund `processing` with its key, and its credit out of the lot | the click |
//! | 2. the gateway is asked | whatever it did under the key | its answer |
//! | 3. `settle` commits | the state, and the credit back where it failed | the reply to the browser |
//!
//! Whatever is lost, a notice or reconciliation asks again under the same key.
//!
//! | invariant | kept by |
//! | --- | --- |
//! | credit that is being refunded cannot be spent | step 1, under the lock of the books |
//! | no more goes back than is unused of that one top-up, and is not held | the lot, and `available`, under the same lock |
//! | credit that was given is never refunded | only the lot that the top-up opened is drawn on |

mod bought;
mod error;
pub(crate) mod notice;
mod offer;
pub(crate) mod pending;
mod request;
pub(crate) mod settle;
mod state;
pub(crate) mod store;

use std::sync::Arc;

use types::ids::{OrganizationId, RefundId, TopUpId};
use types::money::Cents;
use types::refund::{RefundOffer, RefundView};
use types::tenancy::Viewer;

use crate::{Core, StoreError};

pub(crate) use bought::{bought_in, lot_of};
pub use error::RefundError;
pub(crate) use offer::{Unused, offer, unreturned};
pub use pending::Asked;
use store::Origin;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRefund {
    /// Made at the first click, the same for every repeat of it.
    pub id: RefundId,
    pub top_up: TopUpId,
    pub amount: Cents,
}

/// What the operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRefund {
    /// Of the operator's choice: the same key refunds once.
    pub key: String,
    pub top_up: TopUpId,
    pub amount: Cents,
    /// Why, in words for people.
    pub reason: String,
}

/// See [`crate::Billing::refunds`].
#[derive(Clone)]
pub struct Refunds {
    core: Arc<Core>,
}

impl Refunds {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Takes unused credit out of the balance and asks the gateway to give the money back. The same
    /// request again is the same refund.
    ///
    /// # Errors
    /// When nothing was started. Once it is, whatever the gateway says or does not say is a state of
    /// the refund and not an error.
    pub async fn request(
        &self,
        viewer: &Viewer,
        request: StartRefund,
    ) -> Result<RefundView, RefundError> {
        if !viewer.role.may_change_money() {
            return Err(RefundError::NotAllowed);
        }
        let organization = viewer.organization;
        let new = store::NewRefund {
            id: request.id,
            top_up: request.top_up,
            amount: request.amount,
            origin: Origin::SelfService { by: viewer.user },
        };
        if let request::Started::New(refund) =
            request::start(&self.core, organization, &new).await?
        {
            let core = Arc::clone(&self.core);
            // In a task of its own: a browser that goes away does not stop it half-way.
            let asking = tokio::spawn(async move { pending::send(&core, &refund).await });
            match asking.await {
                Ok(Ok(())) => {}
                // It stays as it is: reconciliation asks again.
                Ok(Err(error)) => {
                    tracing::warn!(refund = %new.id, %error, "a refund is not answered");
                }
                Err(error) => tracing::error!(refund = %new.id, %error, "a refund's task ended"),
            }
        }
        let view = self.find(organization, new.id).await;
        view.map_err(not_known_yet)?.ok_or(RefundError::IdReused)
    }

    /// The operator's: without a window, and for no role. The gateway is asked by whichever server
    /// runs for the payment's account; this only takes the credit out and says how it stands.
    ///
    /// # Errors
    /// When nothing was started.
    pub async fn request_as_operator(
        &self,
        organization: OrganizationId,
        request: OperatorRefund,
    ) -> Result<RefundView, RefundError> {
        let new = request::operators(request)?;
        request::start(&self.core, organization, &new).await?;
        let view = self.find(organization, new.id).await?;
        view.ok_or(RefundError::IdReused)
    }

    /// How a refund stands.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(
        &self,
        organization: OrganizationId,
        id: RefundId,
    ) -> Result<Option<RefundView>, StoreError> {
        let mut tx = self.core.db.begin_read().await?;
        let Some(refund) = store::find_in(&mut tx, organization, id).await? else {
            return Ok(None);
        };
        let balance = crate::chart::balance_in(&mut tx, organization, self.core.now())
            .await?
            .posted()?;
        Ok(Some(refund.view(balance)))
    }

    /// What can be given back of a top-up now; `None` where it is not one that was paid.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn offer(
        &self,
        organization: OrganizationId,
        top_up: TopUpId,
    ) -> Result<Option<RefundOffer>, StoreError> {
        let mut tx = self.core.db.begin_read().await?;
        let now = self.core.now();
        let available = crate::chart::balance_in(&mut tx, organization, now)
            .await?
            .available()?;
        let unused = offer::unused_in(&mut tx, organization, top_up, available).await?;
        Ok(unused.map(|unused| offer(&self.core, &unused, now)))
    }
}

fn not_known_yet(error: StoreError) -> RefundError {
    tracing::error!(%error, "a refund was started and cannot be read");
    RefundError::NotKnownYet(error)
}

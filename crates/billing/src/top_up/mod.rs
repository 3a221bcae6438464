//! Adding credit by card: a person's act, our record of the money, and one charge at the gateway.
//!
//! Owns the states and the one function that makes a payment money (`settle`). Does not own how a
//! gateway is spoken to, nor the accounts.
//!
//! | step | what is durable | what may be lost |
//! | --- | --- | --- |
//! | 1. `start` commits | top-up `processing`, payment `pending` with its key | the click |
//! | 2. the gateway is asked | whatever it did under the key | its answer |
//! | 3. `settle` commits | state, ledger batch and saved card together | the reply to the browser |
//!
//! Whatever is lost, reconciliation or a notification finds the payment pending and asks again
//! under the same key.

mod cancel;
pub(crate) mod pending;
mod question;
pub(crate) mod settle;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod turns;

use std::sync::Arc;

use types::ids::{OrganizationId, TopUpId};
use types::money::Cents;
use types::payment::{PaymentField, TokenizerView};
use types::tenancy::Viewer;
use types::top_up::{AmountError, PayWith, TopUpLimits, TopUpState, TopUpView};

pub use settle::SettleError;

use crate::crash::{CrashPoint, reach};
use crate::payments::customer::{self, CustomerError, ensure_customer};
use crate::payments::gateway::{
    CUSTOMER_MISSING, ChargeRequest, GatewayCustomer, GatewayError, Outcome, Presence,
};
use crate::payments::method::store::{self as cards, Owner};
use crate::{Core, Problem, ProblemKind, StoreError};
use store::TopUp;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartTopUp {
    /// Made by the browser at the first click, the same for every repeat of it.
    pub id: TopUpId,
    pub amount: Cents,
    pub pay_with: PayWith,
}

/// Why a top-up was not started. Nothing was charged.
#[derive(Debug, thiserror::Error)]
pub enum TopUpError {
    #[error("your role does not permit adding credit; ask an owner or billing admin")]
    NotAllowed,
    #[error(transparent)]
    Amount(#[from] AmountError),
    #[error("this payment method is no longer saved; choose another")]
    PaymentMethodNotFound,
    #[error("the card could not be read; enter it again")]
    Token,
    #[error("this payment was already started with another amount or card; reload the page")]
    IdReused,
    #[error("the payment processor did not answer and nothing was charged; try again in a moment")]
    GatewaySilent,
    /// It was started, and how it stands could not be read: ask again with the same id.
    #[error("the payment was started and is still being looked at; no need to pay again")]
    NotKnownYet(#[source] SettleError),
    #[error(transparent)]
    Settle(#[from] SettleError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for TopUpError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<CustomerError> for TopUpError {
    fn from(error: CustomerError) -> Self {
        match error {
            CustomerError::Gateway(_) => Self::GatewaySilent,
            CustomerError::Store(error) => Self::Store(error),
        }
    }
}

impl Problem for TopUpError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::NotAllowed => ProblemKind::NotAllowed,
            Self::Amount(_) | Self::Token => ProblemKind::Invalid,
            Self::PaymentMethodNotFound => ProblemKind::NotFound,
            Self::IdReused => ProblemKind::Conflict,
            Self::GatewaySilent | Self::NotKnownYet(_) => ProblemKind::Unknown,
            Self::Settle(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::Amount(AmountError::BelowMinimum { .. }) => "below_minimum",
            Self::Amount(AmountError::AboveMaximum { .. }) => "above_maximum",
            Self::PaymentMethodNotFound => "payment_method_not_found",
            Self::Token => "invalid_token",
            Self::IdReused => "id_reused",
            Self::GatewaySilent => "gateway_silent",
            Self::NotKnownYet(_) => "not_known_yet",
            Self::Settle(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Amount(error) => Some(error.field().as_str().to_owned()),
            Self::PaymentMethodNotFound => Some(PaymentField::PaymentMethod.as_str().to_owned()),
            Self::Token => Some(PaymentField::CardNumber.as_str().to_owned()),
            Self::NotAllowed | Self::IdReused | Self::GatewaySilent | Self::NotKnownYet(_) => None,
            Self::Settle(error) => error.field(),
            Self::Store(error) => error.field(),
        }
    }
}

/// See [`crate::Billing::top_ups`].
#[derive(Clone)]
pub struct TopUps {
    core: Arc<Core>,
}

impl TopUps {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    #[must_use]
    pub fn limits(&self) -> TopUpLimits {
        self.core.settings.top_up_limits
    }

    /// What the browser needs to hand a card to the gateway.
    #[must_use]
    pub fn tokenizer(&self) -> TokenizerView {
        self.core.settings.gateway.tokenizer.clone()
    }

    /// Starts a top-up and asks the gateway for the money. The same request again is the same
    /// top-up: it is charged once, whatever was lost in between.
    ///
    /// # Errors
    /// When nothing was started. Once it is, whatever the gateway says or does not say is a
    /// state of the top-up and not an error.
    pub async fn start(
        &self,
        viewer: &Viewer,
        request: StartTopUp,
    ) -> Result<TopUpView, TopUpError> {
        if !viewer.role.may_change_money() {
            return Err(TopUpError::NotAllowed);
        }
        // Clicks at the same moment are answered one after the other, each with the same end.
        let key = (viewer.organization, request.id);
        let turn = self.core.top_up_turns.take(key).await;
        // A repeat first: what was started stays so, whatever became of limits and cards since.
        if let Some((top_up, view)) = self.read(viewer, request.id).await? {
            return if top_up.is_for(&request) {
                Ok(view)
            } else {
                Err(TopUpError::IdReused)
            };
        }
        self.limits().check(request.amount)?;
        let new = self.resolve(viewer, &request).await?;
        let customer = ensure_customer(&self.core, viewer).await?;
        let account = self.core.gateway.account();
        reach(CrashPoint::TopUpBeforeRow);
        let mut tx = self.core.db.begin().await?;
        let started = store::insert_in(&mut tx, viewer, account, &new, self.core.now()).await?;
        reach(CrashPoint::TopUpBeforeCommit);
        // From here on it may have been started: no error may tell the browser otherwise.
        tx.commit().await.map_err(not_known_yet)?;
        reach(CrashPoint::TopUpAfterCommit);
        if let Some(top_up) = started {
            let (core, known) = (Arc::clone(&self.core), customer.clone());
            // In a task of its own: a browser that goes away does not stop it half-way.
            let charging = tokio::spawn(async move {
                let charged = charge(&core, &top_up, &known).await;
                drop(turn);
                charged
            });
            match charging.await {
                Ok(Ok(Charged::Settled)) => {}
                Ok(Ok(Charged::CustomerGone)) => {
                    customer::replace(&self.core, viewer, &customer).await;
                }
                // It stays pending: reconciliation asks again.
                Ok(Err(ChargeError::Silent(error))) => {
                    tracing::warn!(top_up = %request.id, %error, "a charge is not answered");
                }
                Ok(Err(ChargeError::Settle(error))) => {
                    tracing::error!(top_up = %request.id, %error, "a charge is not settled");
                }
                Err(error) => {
                    tracing::error!(top_up = %request.id, %error, "a charge's task ended");
                }
            }
        }
        reach(CrashPoint::TopUpBeforeAnswer);
        match self.read(viewer, request.id).await.map_err(not_known_yet)? {
            Some((top_up, view)) if top_up.is_for(&request) => Ok(view),
            // Another organization's, or another tab was quicker with other content.
            Some(_) | None => Err(TopUpError::IdReused),
        }
    }

    /// How a top-up stands. While it is open the gateway is asked, so that whoever waits for the
    /// answer gets it as soon as there is one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(
        &self,
        viewer: &Viewer,
        id: TopUpId,
    ) -> Result<Option<TopUpView>, TopUpError> {
        let found = self.read(viewer, id).await?;
        let Some((top_up, view)) = found else {
            return Ok(None);
        };
        let is_open = matches!(
            view.state,
            TopUpState::Processing | TopUpState::RequiresAction { .. }
        );
        // Another account knows nothing of it, and would say so.
        let may_ask = is_open && top_up.is_at(self.core.gateway.account());
        let (true, Some(intent)) = (may_ask, &top_up.intent) else {
            return Ok(Some(view));
        };
        match self.core.gateway.find_intent(intent).await {
            Ok(outcome) => {
                settle::settle(&self.core, top_up.payment, &outcome).await?;
                Ok(self.read(viewer, id).await?.map(|(_, view)| view))
            }
            Err(error) => {
                tracing::info!(top_up = %id, %error, "the gateway does not say how a top-up stands");
                Ok(Some(view))
            }
        }
    }

    /// The newest top-up that waits for a person to confirm it at their bank, and its amount.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn waiting(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<(TopUpId, Cents)>, StoreError> {
        let mut connection = self.core.db.readers().acquire().await?;
        store::waiting_in(&mut connection, organization).await
    }

    /// What is stored for a request, with the gateway's token of the card.
    async fn resolve(
        &self,
        viewer: &Viewer,
        request: &StartTopUp,
    ) -> Result<store::NewTopUp, TopUpError> {
        let (token, saved) = match &request.pay_with {
            PayWith::NewCard(token) => (token.parse().map_err(|_| TopUpError::Token)?, None),
            PayWith::Saved(id) => {
                let owner = Owner {
                    organization: viewer.organization,
                    account: self.core.gateway.account(),
                };
                let mut connection = self.core.db.readers().acquire().await?;
                let found = cards::find_in(&mut connection, owner, *id).await?;
                let found = found.ok_or(TopUpError::PaymentMethodNotFound)?;
                (found.token, Some((*id, found.card)))
            }
        };
        Ok(store::NewTopUp {
            id: request.id,
            amount: request.amount,
            token,
            saved,
        })
    }

    async fn read(
        &self,
        viewer: &Viewer,
        id: TopUpId,
    ) -> Result<Option<(TopUp, TopUpView)>, StoreError> {
        let mut tx = self.core.db.begin_read().await?;
        let Some(top_up) = store::find_in(&mut tx, viewer.organization, id).await? else {
            return Ok(None);
        };
        let balance = crate::chart::balance_in(&mut tx, viewer.organization, self.core.now())
            .await?
            .posted()?;
        let view = top_up.view(balance);
        Ok(Some((top_up, without_question(viewer, view))))
    }
}

/// At the bank's page a payment is approved or refused, and its address is all that it takes: it is
/// for those alone who may pay.
fn without_question(viewer: &Viewer, mut view: TopUpView) -> TopUpView {
    if let TopUpState::RequiresAction { url } = &mut view.state
        && !viewer.role.may_change_money()
    {
        *url = None;
    }
    view
}

fn not_known_yet(error: impl Into<StoreError>) -> TopUpError {
    let error = error.into();
    tracing::error!(%error, "a top-up was started and cannot be read");
    TopUpError::NotKnownYet(error.into())
}

/// Why a charge is not settled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChargeError {
    /// Nobody knows whether money moved.
    #[error(transparent)]
    Silent(#[from] GatewayError),
    #[error(transparent)]
    Settle(#[from] SettleError),
}

/// What came of asking, beside what is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charged {
    Settled,
    /// The same; and no charge of this customer will ever go through again.
    CustomerGone,
}

/// Asks the gateway for the money, under the payment's key, and settles what it says.
pub(crate) async fn charge(
    core: &Core,
    top_up: &TopUp,
    customer: &GatewayCustomer,
) -> Result<Charged, ChargeError> {
    let request = ChargeRequest {
        key: top_up.payment.to_string(),
        customer: customer.clone(),
        payment_method: top_up.token.clone(),
        amount: top_up.amount,
        top_up: top_up.id,
        organization: top_up.organization,
        save_card: top_up.saved.is_none(),
        presence: Presence::OnSession,
        return_url: core.settings.gateway.return_url.clone(),
    };
    reach(CrashPoint::ChargeBeforeCall);
    let outcome = core.gateway.charge(&request).await?;
    reach(CrashPoint::ChargeAfterCall);
    settle::settle(core, top_up.payment, &outcome).await?;
    Ok(match &outcome {
        Outcome::Refused { code } if code == CUSTOMER_MISSING => Charged::CustomerGone,
        Outcome::Refused { .. }
        | Outcome::Succeeded(_)
        | Outcome::Processing { .. }
        | Outcome::RequiresAction { .. }
        | Outcome::Declined { .. }
        | Outcome::Canceled { .. } => Charged::Settled,
    })
}

//! Adding a card while its owner is at the page: the bank may ask them to confirm.
//!
//! | step | at the gateway | here |
//! | --- | --- | --- |
//! | 1. `set_up` | asked to keep the card | on the list of cards to be forgotten, due in an hour |
//! | 2. the bank asks | the setup waits | nothing: the browser has the setup's id |
//! | 3. `finish_set_up` | the card is kept | saved, and off the list |
//!
//! Whoever never comes back from their bank leaves nothing behind: after the hour the gateway is
//! told to forget the card. A setup is looked up under its own customer alone, so another
//! organization's id finds nothing.

use types::payment::{AddedCard, CardQuestion};
use types::tenancy::Viewer;

use super::store::Novelty;
use super::{PaymentMethodError, PaymentMethods, require_money};
use crate::crash::{CrashPoint, reach};
use crate::payments::customer::{self, ensure_customer, find_customer};
use crate::payments::detachment;
use crate::payments::gateway::{CUSTOMER_MISSING, GatewayMethod, GatewaySetup, SetupOutcome};

impl PaymentMethods {
    /// Saves a card that the browser gave to the gateway, or answers what its bank asks first.
    ///
    /// # Errors
    /// When the role does not permit it, the bank declines the card, there is no room for it, or
    /// the gateway is silent.
    pub async fn set_up(
        &self,
        viewer: &Viewer,
        token: &str,
    ) -> Result<AddedCard, PaymentMethodError> {
        require_money(viewer)?;
        let token: GatewayMethod = token.parse().map_err(|_| PaymentMethodError::Token)?;
        let customer = ensure_customer(&self.core, viewer).await?;
        let owner = self.owner(viewer.organization);
        let announced = detachment::announce(&self.core, owner, &token).await?;
        let return_url = self.core.settings.gateway.return_url.as_deref();
        // Without an answer it may be kept: then it stays announced.
        reach(CrashPoint::CardBeforeCall);
        let outcome = self.core.gateway.set_up(&customer, &token, return_url);
        let outcome = outcome.await.map_err(PaymentMethodError::Gateway)?;
        reach(CrashPoint::CardAfterCall);
        let is_refused = match &outcome {
            SetupOutcome::Declined { .. } | SetupOutcome::Refused { .. } => true,
            SetupOutcome::SetUp(_) | SetupOutcome::RequiresAction { .. } => false,
        };
        if is_refused {
            detachment::withdraw(&self.core, announced, &token).await?;
        }
        if matches!(&outcome, SetupOutcome::Refused { code } if code == CUSTOMER_MISSING) {
            customer::replace(&self.core, viewer, &customer).await;
        }
        self.take(viewer, outcome).await
    }

    /// What became of a card whose bank asked about it.
    ///
    /// # Errors
    /// As of [`PaymentMethods::set_up`]; also when the organization has no such setup.
    pub async fn finish_set_up(
        &self,
        viewer: &Viewer,
        setup: &str,
    ) -> Result<AddedCard, PaymentMethodError> {
        require_money(viewer)?;
        let setup: GatewaySetup = setup.parse().map_err(|_| PaymentMethodError::Token)?;
        let customer = find_customer(&self.core, viewer.organization).await?;
        let customer = customer.ok_or(PaymentMethodError::Token)?;
        let found = self.core.gateway.find_setup(&customer, &setup).await;
        let outcome = found
            .map_err(PaymentMethodError::Gateway)?
            .ok_or(PaymentMethodError::Token)?;
        self.take(viewer, outcome).await
    }

    async fn take(
        &self,
        viewer: &Viewer,
        outcome: SetupOutcome,
    ) -> Result<AddedCard, PaymentMethodError> {
        match outcome {
            SetupOutcome::SetUp(kept) => {
                let (saved, novelty) = self.save(viewer.organization, &kept).await?;
                Ok(match novelty {
                    Novelty::New => AddedCard::Saved(saved),
                    Novelty::EnteredBefore => AddedCard::SavedBefore(saved),
                })
            }
            SetupOutcome::RequiresAction {
                setup,
                url,
                client_secret,
            } => Ok(AddedCard::RequiresAction(CardQuestion {
                setup: setup.to_string(),
                // The bank's page works without script and in any browser; the secret is needed
                // only where there is none.
                client_secret: client_secret.filter(|_| url.is_none()),
                url,
            })),
            SetupOutcome::Declined { reason } => Err(PaymentMethodError::Declined { reason }),
            SetupOutcome::Refused { code } => {
                tracing::warn!(code, "the gateway refused to set a payment method up");
                Err(PaymentMethodError::Token)
            }
        }
    }
}

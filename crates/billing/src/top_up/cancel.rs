//! Giving up a payment that waits for its person: their bank's page does not load, or they want to
//! pay with another card.
//!
//! The gateway decides whether it was in time. Until it has said so the top-up stays what it is.

use types::ids::TopUpId;
use types::tenancy::Viewer;
use types::top_up::TopUpView;

use super::state::State;
use super::{TopUpError, TopUps, settle};
use crate::crash::{CrashPoint, reach};

impl TopUps {
    /// Cancels a top-up that waits for its person to confirm it, and says how it stands then: one
    /// that was paid or refused in the meantime stays so. Any other state is left as it is.
    ///
    /// # Errors
    /// When the role does not permit it, or the database does not answer. A gateway that does not
    /// answer is no error: the top-up goes on waiting, and can be cancelled again.
    pub async fn cancel(
        &self,
        viewer: &Viewer,
        id: TopUpId,
    ) -> Result<Option<TopUpView>, TopUpError> {
        if !viewer.role.may_change_money() {
            return Err(TopUpError::NotAllowed);
        }
        let Some((top_up, view)) = self.read(viewer, id).await? else {
            return Ok(None);
        };
        let waits = match top_up.state {
            State::RequiresAction { .. } => top_up.is_at(self.core.gateway.account()),
            State::Processing | State::Succeeded | State::Failed { .. } | State::Canceled => false,
        };
        let (true, Some(intent)) = (waits, &top_up.intent) else {
            return Ok(Some(view));
        };
        reach(CrashPoint::CancelBeforeCall);
        match self.core.gateway.cancel(intent).await {
            Ok(outcome) => {
                reach(CrashPoint::CancelAfterCall);
                settle::settle(&self.core, top_up.payment, &outcome).await?;
                Ok(self.read(viewer, id).await?.map(|(_, view)| view))
            }
            Err(error) => {
                tracing::warn!(top_up = %id, %error, "a payment cannot be cancelled yet");
                Ok(Some(view))
            }
        }
    }
}

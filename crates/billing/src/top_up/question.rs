//! What a bank asks about a payment and only the gateway's own script can show.

use types::ids::TopUpId;
use types::tenancy::Viewer;
use types::top_up::TopUpState;

use super::{TopUpError, TopUps};

impl TopUps {
    /// What the gateway's script needs to ask its question about a top-up that waits for its
    /// person. `None` when it does not wait, or the gateway has nothing to be asked with.
    ///
    /// # Errors
    /// When the role does not permit paying, or the gateway is silent.
    pub async fn client_secret(
        &self,
        viewer: &Viewer,
        id: TopUpId,
    ) -> Result<Option<String>, TopUpError> {
        if !viewer.role.may_change_money() {
            return Err(TopUpError::NotAllowed);
        }
        let Some((top_up, view)) = self.read(viewer, id).await? else {
            return Ok(None);
        };
        let waits = matches!(view.state, TopUpState::RequiresAction { .. });
        let is_ours = top_up.is_at(self.core.gateway.account());
        let (true, Some(intent)) = (waits && is_ours, &top_up.intent) else {
            return Ok(None);
        };
        let secret = self.core.gateway.client_secret(intent).await;
        secret.map_err(|error| {
            tracing::info!(top_up = %id, %error, "the gateway does not say what its bank asks");
            TopUpError::GatewaySilent
        })
    }
}

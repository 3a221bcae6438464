//! A card that its bank has replaced: card networks tell the gateway the new expiry, and often the
//! new number, before anybody here notices that the old one has run out.
//!
//! The gateway's notice is a hint: what the card is now is asked for, so late, repeated and
//! reordered notices all lead to the same row.

use super::store::{self, Owner};
use crate::payments::gateway::{ChargedMethod, GatewayError, GatewayMethod};
use crate::{Core, StoreError};
use types::ids::OrganizationId;

/// A saved card, as the gateway describes it now.
pub(crate) struct Renewal {
    organization: OrganizationId,
    method: ChargedMethod,
}

/// Why it is not known what the card is now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenewalError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a notice is about a card that may have been replaced.
pub(crate) fn is_about_a_card(kind: &str) -> bool {
    matches!(
        kind,
        "payment_method.automatically_updated" | "payment_method.updated"
    )
}

/// Asks the gateway what a card is now. `None` when it is not a card that is saved here.
pub(crate) async fn ask(
    core: &Core,
    token: &GatewayMethod,
) -> Result<Option<Renewal>, RenewalError> {
    let account = core.gateway.account();
    let mut connection = core
        .db
        .readers()
        .acquire()
        .await
        .map_err(StoreError::from)?;
    let organization = store::find_owner_in(&mut connection, account, token).await?;
    drop(connection);
    let Some(organization) = organization else {
        return Ok(None);
    };
    let method = core.gateway.find_method(token).await?;
    Ok(method.map(|method| Renewal {
        organization,
        method,
    }))
}

/// Asks and takes over what a card is now, without a notice.
pub(crate) async fn take_up(core: &Core, token: &GatewayMethod) -> Result<(), RenewalError> {
    let Some(renewal) = ask(core, token).await? else {
        return Ok(());
    };
    let mut tx = core.db.begin().await?;
    apply_in(&mut tx, core, &renewal).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(())
}

/// Takes over what the gateway said, in the caller's transaction, which holds no lock yet.
pub(crate) async fn apply_in(
    connection: &mut ledger::Connection,
    core: &Core,
    renewal: &Renewal,
) -> Result<(), StoreError> {
    ledger::lock_books_in(connection, renewal.organization).await?;
    let owner = Owner {
        organization: renewal.organization,
        account: core.gateway.account(),
    };
    store::renew_in(connection, owner, &renewal.method).await
}

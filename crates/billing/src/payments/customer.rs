//! Organizations as the gateway knows them, one customer in each account; a new one where somebody
//! has deleted it there.

use types::ids::OrganizationId;
use types::tenancy::Viewer;

use super::gateway::{GatewayCustomer, GatewayError};
use super::parse_stored;
use crate::crash::{CrashPoint, reach};
use crate::db::micros;
use crate::{Core, StoreError};

/// Why an organization is not known to the gateway.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CustomerError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The organization as the gateway knows it; made there the first time, under a key of its own, so
/// that two at once make one.
pub(crate) async fn ensure_customer(
    core: &Core,
    viewer: &Viewer,
) -> Result<GatewayCustomer, CustomerError> {
    if let Some(found) = find_customer(core, viewer.organization).await? {
        return Ok(found);
    }
    reach(CrashPoint::CustomerBeforeCall);
    let customer = core
        .gateway
        .create_customer(
            viewer.organization,
            &viewer.organization_name,
            &viewer.email,
            None,
        )
        .await?;
    reach(CrashPoint::CustomerAfterCall);
    sqlx::query(
        "insert into gateway_customers
             (organization_id, gateway_account, gateway_customer, created_at)
         values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(viewer.organization.to_string())
    .bind(core.gateway.account().as_str())
    .bind(customer.as_str())
    .bind(micros(core.now()))
    .execute(core.db.writers())
    .await
    .map_err(StoreError::from)?;
    // Another process may have been first: what is stored counts. By its key the gateway gives
    // both the same customer, so either unique key may be the one that is taken.
    let stored = find_customer(core, viewer.organization).await?;
    Ok(stored.ok_or_else(|| {
        StoreError::Inconsistent(format!("{} is another organization's", customer.as_str()))
    })?)
}

/// Makes the organization known anew, in place of a customer that somebody has deleted at the
/// gateway: its next payment is another one's. Its saved cards went with the old one; comparing
/// names them. What cannot be done now is done when it pays next.
pub(crate) async fn replace(core: &Core, viewer: &Viewer, gone: &GatewayCustomer) {
    match try_replace(core, viewer, gone).await {
        Ok(()) => {
            tracing::warn!(organization = %viewer.organization, %gone,
                "a customer was deleted at the gateway and is made anew");
        }
        Err(error) => {
            tracing::warn!(organization = %viewer.organization, %gone, %error,
                "a customer that was deleted at the gateway cannot be made anew yet");
        }
    }
}

async fn try_replace(
    core: &Core,
    viewer: &Viewer,
    gone: &GatewayCustomer,
) -> Result<(), CustomerError> {
    let (name, email) = (&viewer.organization_name, &viewer.email);
    let organization = viewer.organization;
    let anew = core
        .gateway
        .create_customer(organization, name, email, Some(gone));
    let anew = anew.await?;
    // Another process may have been first: then it stays so.
    sqlx::query(
        "update gateway_customers set gateway_customer = $1
         where organization_id = $2 and gateway_account = $3 and gateway_customer = $4",
    )
    .bind(anew.as_str())
    .bind(organization.to_string())
    .bind(core.gateway.account().as_str())
    .bind(gone.as_str())
    .execute(core.db.writers())
    .await
    .map_err(StoreError::from)?;
    Ok(())
}

pub(crate) async fn find_customer(
    core: &Core,
    organization: OrganizationId,
) -> Result<Option<GatewayCustomer>, StoreError> {
    let text: Option<String> = sqlx::query_scalar(
        "select gateway_customer from gateway_customers
         where organization_id = $1 and gateway_account = $2",
    )
    .bind(organization.to_string())
    .bind(core.gateway.account().as_str())
    .fetch_optional(core.db.readers())
    .await?;
    text.map(|text| parse_stored(&text)).transpose()
}

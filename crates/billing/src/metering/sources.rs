//! How many senders and series of events an organization has.

use ledger::Connection;
use types::ids::OrganizationId;

use crate::StoreError;
use crate::holds::HOLD_SOURCE;

/// The sources of an organization, without what is captured of holds: those that
/// [`super::MOST_SOURCES`] is about.
pub(crate) async fn count_in(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select count(distinct source) from usage_sources
         where organization_id = $1 and source <> $2",
    );
    let count = count.bind(organization.to_string()).bind(HOLD_SOURCE);
    Ok(count.fetch_one(connection).await?)
}

/// The series of an organization, each in all versions of its rate: those that
/// [`super::MOST_SERIES`] is about.
pub(crate) async fn count_series_in(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select count(*) from (
             select distinct project_id, api_key_id, model from usage_series
             where organization_id = $1) as named",
    );
    let count = count.bind(organization.to_string());
    Ok(count.fetch_one(connection).await?)
}

//! The rows of sources and series: what is asked of either database about them.

use std::collections::HashMap;

use sqlx::{ColumnIndex, Decode, Row, Type};
use types::ids::OrganizationId;

use super::organization;
use crate::StoreError;
use crate::db::time_from;
use crate::metering::event_key::KeyForm;
use crate::metering::priced::{SeriesKey, SourceKey};

/// A commit in which numbers are found and made.
pub(in crate::metering) trait NumberTx: Send {
    /// Those of the sources that are there, and those of the same names whose ids have another form.
    fn find_sources(
        &mut self,
        keys: &[&SourceKey],
    ) -> impl Future<Output = Result<HashMap<SourceKey, i64>, StoreError>> + Send;

    /// How many sources organizations have, without what is captured of holds; none: it is left out.
    fn count_sources(
        &mut self,
        organizations: &[OrganizationId],
    ) -> impl Future<Output = Result<HashMap<OrganizationId, i64>, StoreError>> + Send;

    /// Makes sources, which are in order: two writers never wait for each other's new rows. One that
    /// somebody else has just made is found.
    fn make_sources(
        &mut self,
        keys: &[&SourceKey],
    ) -> impl Future<Output = Result<HashMap<SourceKey, i64>, StoreError>> + Send;

    /// Those of the series that are there, and their other versions.
    fn find_series(
        &mut self,
        keys: &[&SeriesKey],
    ) -> impl Future<Output = Result<HashMap<SeriesKey, i64>, StoreError>> + Send;

    /// How many series organizations have, each in all its versions; none: it is left out.
    fn count_series(
        &mut self,
        organizations: &[OrganizationId],
    ) -> impl Future<Output = Result<HashMap<OrganizationId, i64>, StoreError>> + Send;

    /// Like [`Self::make_sources`].
    fn make_series(
        &mut self,
        keys: &[&SeriesKey],
    ) -> impl Future<Output = Result<HashMap<SeriesKey, i64>, StoreError>> + Send;
}

/// The numbers in rows of `usage_sources`.
pub(super) fn sources<'r, R>(rows: &'r [R]) -> Result<HashMap<SourceKey, i64>, StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let source = |row: &'r R| {
        let form: String = row.try_get("key_form")?;
        let key = SourceKey {
            organization: organization(row)?,
            source: row.try_get("source")?,
            form: KeyForm::parse(&form)
                .ok_or_else(|| StoreError::Inconsistent(format!("key form `{form}`")))?,
        };
        Ok((key, row.try_get("no")?))
    };
    rows.iter().map(source).collect()
}

/// The numbers in rows of `usage_series`.
pub(super) fn series<'r, R>(rows: &'r [R]) -> Result<HashMap<SeriesKey, i64>, StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let id = |row: &'r R, column: &'static str| -> Result<String, StoreError> {
        Ok(row.try_get(column)?)
    };
    let wrong = |text: &str| StoreError::Inconsistent(format!("`{text}` is not an id"));
    let series = |row: &'r R| {
        let (project, api_key) = (id(row, "project_id")?, id(row, "api_key_id")?);
        let key = SeriesKey {
            organization: organization(row)?,
            project: project.parse().map_err(|_| wrong(&project))?,
            api_key: api_key.parse().map_err(|_| wrong(&api_key))?,
            model: id(row, "model")?.into(),
            rate_effective_at: time_from(row.try_get("rate_effective_at")?)?,
        };
        Ok((key, row.try_get("no")?))
    };
    rows.iter().map(series).collect()
}

/// The counts in rows of an organization and its count.
pub(super) fn counts<'r, R>(rows: &'r [R]) -> Result<HashMap<OrganizationId, i64>, StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let count = |row: &'r R| Ok((organization(row)?, row.try_get("count")?));
    rows.iter().map(count).collect()
}

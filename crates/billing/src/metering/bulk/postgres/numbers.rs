//! Sources and series in PostgreSQL: by arrays.

use std::collections::HashMap;

use types::ids::OrganizationId;

use super::{PostgresTx, numbers, texts};
use crate::StoreError;
use crate::db::micros;
use crate::holds::HOLD_SOURCE;
use crate::metering::bulk::numbers::{NumberTx, counts, series, sources};
use crate::metering::priced::{SeriesKey, SourceKey};

impl NumberTx for PostgresTx {
    async fn find_sources(
        &mut self,
        keys: &[&SourceKey],
    ) -> Result<HashMap<SourceKey, i64>, StoreError> {
        let rows = sqlx::query(
            "select no, organization_id, source, key_form from usage_sources
             where (organization_id, source) in (select * from unnest($1::text[], $2::text[]))",
        )
        .bind(texts(keys, |key| key.organization.to_string()))
        .bind(texts(keys, |key| key.source.clone()))
        .fetch_all(&mut *self.0)
        .await?;
        sources(&rows)
    }

    async fn count_sources(
        &mut self,
        organizations: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, i64>, StoreError> {
        let rows = sqlx::query(
            "select organization_id, count(distinct source) as count from usage_sources
             where organization_id = any($1) and source <> $2 group by organization_id",
        )
        .bind(texts(organizations, ToString::to_string))
        .bind(HOLD_SOURCE)
        .fetch_all(&mut *self.0)
        .await?;
        counts(&rows)
    }

    async fn make_sources(
        &mut self,
        keys: &[&SourceKey],
    ) -> Result<HashMap<SourceKey, i64>, StoreError> {
        let rows = sqlx::query(
            "insert into usage_sources (organization_id, source, key_form)
             select organization_id, source, key_form
             from unnest($1::text[], $2::text[], $3::text[])
                 with ordinality as asked (organization_id, source, key_form, place)
             order by place
             on conflict (organization_id, source, key_form)
                 do update set source = excluded.source
             returning no, organization_id, source, key_form",
        )
        .bind(texts(keys, |key| key.organization.to_string()))
        .bind(texts(keys, |key| key.source.clone()))
        .bind(texts(keys, |key| key.form.as_str().to_owned()))
        .fetch_all(&mut *self.0)
        .await?;
        sources(&rows)
    }

    async fn find_series(
        &mut self,
        keys: &[&SeriesKey],
    ) -> Result<HashMap<SeriesKey, i64>, StoreError> {
        let rows = sqlx::query(
            "select no, organization_id, project_id, api_key_id, model, rate_effective_at
             from usage_series where (organization_id, project_id, api_key_id, model) in (
                 select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]))",
        )
        .bind(texts(keys, |key| key.organization.to_string()))
        .bind(texts(keys, |key| key.project.to_string()))
        .bind(texts(keys, |key| key.api_key.to_string()))
        .bind(texts(keys, |key| key.model.to_string()))
        .fetch_all(&mut *self.0)
        .await?;
        series(&rows)
    }

    async fn count_series(
        &mut self,
        organizations: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, i64>, StoreError> {
        let rows = sqlx::query(
            "select organization_id, count(*) as count from (
                 select distinct organization_id, project_id, api_key_id, model from usage_series
                 where organization_id = any($1)) as named
             group by organization_id",
        )
        .bind(texts(organizations, ToString::to_string))
        .fetch_all(&mut *self.0)
        .await?;
        counts(&rows)
    }

    async fn make_series(
        &mut self,
        keys: &[&SeriesKey],
    ) -> Result<HashMap<SeriesKey, i64>, StoreError> {
        let rows = sqlx::query(
            "insert into usage_series
                 (organization_id, project_id, api_key_id, model, rate_effective_at)
             select organization_id, project_id, api_key_id, model, rate_effective_at
             from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
                 with ordinality as asked
                     (organization_id, project_id, api_key_id, model, rate_effective_at, place)
             order by place
             on conflict (organization_id, project_id, api_key_id, model, rate_effective_at)
                 do update set model = excluded.model
             returning no, organization_id, project_id, api_key_id, model, rate_effective_at",
        )
        .bind(texts(keys, |key| key.organization.to_string()))
        .bind(texts(keys, |key| key.project.to_string()))
        .bind(texts(keys, |key| key.api_key.to_string()))
        .bind(texts(keys, |key| key.model.to_string()))
        .bind(numbers(keys, |key| micros(key.rate_effective_at)))
        .fetch_all(&mut *self.0)
        .await?;
        series(&rows)
    }
}

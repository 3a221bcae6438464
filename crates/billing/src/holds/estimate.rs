//! How much output a request will have of which nobody said the most: the 95th percentile of what
//! its key's requests to the model had of late.
//!
//! Looked up at most once a minute for each key and model, among the organization's newest events
//! only: a key that is seldom used must not cost a search through all there is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use sqlx::Row;
use types::ids::{ApiKeyId, OrganizationId};
use types::time::Timestamp;

use super::request::PROVIDER_ERROR;
use crate::StoreError;
use crate::db::Db;

/// The most requests that are looked at.
const SAMPLES: i64 = 200;
/// What an estimate is at least and at most; without any request to learn from, it is the most.
const LEAST: i64 = 256;
const MOST: i64 = 4_096;
/// The newest events of an organization among which its key's are looked for.
const NEWEST_EVENTS: i64 = 10_000;
/// The most of its batches: most have several events.
const NEWEST_BATCHES: i64 = 2_000;
/// For how long an estimate is used again.
const FRESH: TimeDelta = TimeDelta::seconds(60);
/// The most that are remembered; beyond it they are looked up again.
const MOST_REMEMBERED: usize = 10_000;

type Key = (ApiKeyId, String);

#[derive(Debug, Default)]
pub(crate) struct Estimates {
    known: Mutex<HashMap<Key, (i64, Timestamp)>>,
}

impl Estimates {
    pub(super) async fn of(
        &self,
        db: &Db,
        organization: OrganizationId,
        api_key: ApiKeyId,
        model: &str,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let key = (api_key, model.to_owned());
        if let Some((estimate, at)) = self.lock().get(&key)
            && (TimeDelta::zero()..FRESH).contains(&(now - *at))
        {
            return Ok(*estimate);
        }
        let estimate = percentile(outputs(db, organization, api_key, model).await?);
        let mut known = self.lock();
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(key, (estimate, now));
        Ok(estimate)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (i64, Timestamp)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The least value that 95 of 100 do not exceed, within the bounds.
fn percentile(mut outputs: Vec<i64>) -> i64 {
    outputs.sort_unstable();
    let place = (outputs.len() * 95).div_ceil(100);
    let found = place.checked_sub(1).and_then(|index| outputs.get(index));
    found.map_or(MOST, |tokens| (*tokens).clamp(LEAST, MOST))
}

/// What the newest requests of a key to a model had, those that failed or had none left out.
async fn outputs(
    db: &Db,
    organization: OrganizationId,
    api_key: ApiKeyId,
    model: &str,
) -> Result<Vec<i64>, StoreError> {
    let mut tx = db.begin_read().await?;
    let batches = sqlx::query(
        "select sequence, event_count from usage_batches where organization_id = $1
         order by sequence desc limit $2",
    )
    .bind(organization.to_string())
    .bind(NEWEST_BATCHES)
    .fetch_all(&mut *tx)
    .await?;
    let (mut events, mut oldest) = (0, None);
    for batch in &batches {
        oldest = Some(batch.try_get::<i64, _>("sequence")?);
        events += batch.try_get::<i64, _>("event_count")?;
        if events >= NEWEST_EVENTS {
            break;
        }
    }
    let Some(oldest) = oldest else {
        return Ok(Vec::new());
    };
    let outputs = sqlx::query_scalar(
        "select usage_events.output_tokens
         from usage_batches
         join usage_events on usage_events.batch_no = usage_batches.no
         where usage_batches.organization_id = $1 and usage_batches.sequence >= $2
             and usage_events.output_tokens > 0
             and coalesce(usage_events.status, 0) < $6
             and usage_events.series_no in (
                 select no from usage_series
                 where organization_id = $1 and api_key_id = $3 and model = $4)
         order by usage_batches.sequence desc, usage_events.position desc
         limit $5",
    )
    .bind(organization.to_string())
    .bind(oldest)
    .bind(api_key.to_string())
    .bind(model)
    .bind(SAMPLES)
    .bind(PROVIDER_ERROR)
    .fetch_all(&mut *tx)
    .await?;
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_95_of_100_do_not_exceed_within_its_bounds() {
        let cases = [
            (vec![], 4_096),
            (vec![1_000], 1_000),
            (vec![10; 200], 256),
            (vec![9_000; 200], 4_096),
            ((1_001..=1_100).collect(), 1_095),
            ((1_001..=1_200).rev().collect(), 1_190),
            (vec![500, 300], 500),
        ];
        for (outputs, expected) in cases {
            assert_eq!(percentile(outputs.clone()), expected, "{outputs:?}");
        }
    }
}

//! All versions of all prices, in memory: an event is priced without asking the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::TimeDelta;
use sqlx::{AnyPool, Row};
use types::pricing::ModelRates;
use types::time::Timestamp;

use crate::StoreError;
use crate::db::time;

/// Versions are numbered from 1 without a gap, in the order in which they are committed.
pub(crate) const RATE_COUNT: &str = "select coalesce(max(no), 0) from model_rates";

/// Which versions and which models there are, as counts that only ever rise.
const STATE: &str = "select coalesce(max(no), 0) as version_count,
    (select coalesce(max(revision), 0) from models) as revision from model_rates";
/// How old the book may be that holds are estimated with: what is said of a model may change
/// without a new version of its price.
const RECENT: TimeDelta = TimeDelta::seconds(10);

/// The versions of one model's price, oldest first.
#[derive(Debug)]
pub(crate) struct ModelVersions {
    name: Arc<str>,
    /// The most tokens that one request to it can have.
    max_tokens: i64,
    versions: Vec<(Timestamp, ModelRates)>,
}

impl ModelVersions {
    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(crate) const fn max_tokens(&self) -> i64 {
        self.max_tokens
    }

    /// The version in force at an instant, and when it took effect.
    pub(crate) fn at(&self, at: Timestamp) -> Option<(Timestamp, ModelRates)> {
        self.versions
            .iter()
            .rev()
            .find(|(effective_at, _)| *effective_at <= at)
            .copied()
    }
}

/// The rates as they were when `version_count` of them had been loaded. None is ever changed or
/// removed, and they are numbered as they are loaded, so the count alone says which there were.
#[derive(Debug, Default)]
pub(crate) struct RateBook {
    version_count: i64,
    /// Which change to the models it has seen.
    revision: i64,
    models: HashMap<Arc<str>, Arc<ModelVersions>>,
}

impl RateBook {
    async fn read(pool: &AnyPool) -> Result<Self, StoreError> {
        let rows = sqlx::query(
            "select model_rates.model, models.max_tokens, model_rates.no, model_rates.effective_at,
                    model_rates.input_pico, model_rates.cached_input_pico, model_rates.output_pico,
                    (select max(revision) from models) as revision
             from model_rates join models on models.model = model_rates.model
             order by model_rates.model, model_rates.effective_at",
        )
        .fetch_all(pool)
        .await?;
        let (mut version_count, mut revision) = (0, 0);
        let mut models: HashMap<Arc<str>, ModelVersions> = HashMap::new();
        for row in rows {
            let name: Arc<str> = row.try_get::<String, _>("model")?.into();
            let version = (time(&row, "effective_at")?, super::rates(&row)?);
            let max_tokens = row.try_get("max_tokens")?;
            version_count = version_count.max(row.try_get("no")?);
            revision = row.try_get("revision")?;
            models
                .entry(Arc::clone(&name))
                .or_insert_with(|| ModelVersions {
                    name,
                    max_tokens,
                    versions: Vec::new(),
                })
                .versions
                .push(version);
        }
        let models = models.into_iter();
        Ok(Self {
            version_count,
            revision,
            models: models
                .map(|(name, versions)| (name, Arc::new(versions)))
                .collect(),
        })
    }

    const fn state(&self) -> (i64, i64) {
        (self.version_count, self.revision)
    }

    pub(crate) const fn version_count(&self) -> i64 {
        self.version_count
    }

    pub(crate) fn model(&self, name: &str) -> Option<&Arc<ModelVersions>> {
        self.models.get(name)
    }
}

/// The newest book that this process knows.
#[derive(Debug, Default)]
pub(crate) struct RateBooks {
    current: RwLock<Arc<RateBook>>,
    looked_at: Mutex<Option<Timestamp>>,
}

impl RateBooks {
    pub(crate) fn current(&self) -> Arc<RateBook> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// The newest book as of some seconds ago. If that cannot be found out, an older one does.
    pub(crate) async fn recent(&self, pool: &AnyPool, now: Timestamp) -> Arc<RateBook> {
        if self.is_due(now)
            && let Err(error) = self.refresh(pool).await
        {
            tracing::warn!(%error, "it was not found out whether there are newer rates");
        }
        self.current()
    }

    /// Whether somebody should look again; of many at once one is told so.
    fn is_due(&self, now: Timestamp) -> bool {
        let mut looked_at = self
            .looked_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not keep an old book.
        let is_due = looked_at.is_none_or(|at| (now - at).abs() >= RECENT);
        if is_due {
            *looked_at = Some(now);
        }
        is_due
    }

    /// Reads the rates again if there are newer ones. Of two readers at once the one that saw more
    /// stays.
    pub(crate) async fn refresh(&self, pool: &AnyPool) -> Result<Arc<RateBook>, StoreError> {
        let known = self.current();
        let state = sqlx::query(STATE).fetch_one(pool).await?;
        let state = (state.try_get("version_count")?, state.try_get("revision")?);
        if state == known.state() {
            return Ok(known);
        }
        let read = Arc::new(RateBook::read(pool).await?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if read.state() > current.state() {
            *current = Arc::clone(&read);
        }
        Ok(Arc::clone(&current))
    }
}

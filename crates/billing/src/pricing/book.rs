//! All versions of all prices, in memory: an event is priced without asking the database.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sqlx::{AnyPool, Row};
use types::pricing::ModelRates;
use types::time::Timestamp;

use crate::StoreError;
use crate::db::time;

/// Versions are numbered from 1 without a gap, in the order in which they are committed.
pub(crate) const RATE_COUNT: &str = "select coalesce(max(no), 0) from model_rates";

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
    models: HashMap<Arc<str>, ModelVersions>,
}

impl RateBook {
    async fn read(pool: &AnyPool) -> Result<Self, StoreError> {
        let rows = sqlx::query(
            "select model_rates.model, models.max_tokens, model_rates.no, model_rates.effective_at,
                    model_rates.input_pico, model_rates.cached_input_pico, model_rates.output_pico
             from model_rates join models on models.model = model_rates.model
             order by model_rates.model, model_rates.effective_at",
        )
        .fetch_all(pool)
        .await?;
        let mut book = Self::default();
        for row in rows {
            let name: Arc<str> = row.try_get::<String, _>("model")?.into();
            let version = (time(&row, "effective_at")?, super::rates(&row)?);
            let max_tokens = row.try_get("max_tokens")?;
            book.version_count = book.version_count.max(row.try_get("no")?);
            book.models
                .entry(Arc::clone(&name))
                .or_insert_with(|| ModelVersions {
                    name,
                    max_tokens,
                    versions: Vec::new(),
                })
                .versions
                .push(version);
        }
        Ok(book)
    }

    pub(crate) const fn version_count(&self) -> i64 {
        self.version_count
    }

    pub(crate) fn model(&self, name: &str) -> Option<&ModelVersions> {
        self.models.get(name)
    }
}

/// The newest book that this process knows.
#[derive(Debug, Default)]
pub(crate) struct RateBooks {
    current: RwLock<Arc<RateBook>>,
}

impl RateBooks {
    pub(crate) fn current(&self) -> Arc<RateBook> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the rates again if there are newer ones. Of two readers at once the one that saw more
    /// stays.
    pub(crate) async fn refresh(&self, pool: &AnyPool) -> Result<Arc<RateBook>, StoreError> {
        let known = self.current();
        let count: i64 = sqlx::query_scalar(RATE_COUNT).fetch_one(pool).await?;
        if count == known.version_count {
            return Ok(known);
        }
        let read = Arc::new(RateBook::read(pool).await?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if read.version_count > current.version_count {
            *current = Arc::clone(&read);
        }
        Ok(Arc::clone(&current))
    }
}

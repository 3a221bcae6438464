//! The rate card: what each model's tokens cost, by the time the price takes effect.
//!
//! A price is never changed: a new one is a new version, and a request is priced by the version
//! that was in force when it ran.

pub(crate) mod book;
mod rate_card;
mod rows;

use std::sync::Arc;

use chrono::TimeDelta;
use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::OrganizationId;
use types::pricing::{ComparisonModelView, ModelRates, ModelView, PlanView, Rate};
use types::time::Timestamp;

pub use rate_card::RateCardError;

use crate::db::micros;
use crate::metering::rollup::days::models_since;
use crate::{Core, StoreError};
use rate_card::RateCard;

/// The rates that a new installation starts with.
pub const SEED_JSON: &str = include_str!("rates.json");

/// How many models each part of the plan names.
const PLAN_MODELS: usize = 3;
/// The window in which use counts as "most used".
const PLAN_WINDOW: TimeDelta = TimeDelta::days(30);

/// What a rate card brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadedRates {
    pub models: usize,
    pub comparison: usize,
}

/// See [`crate::Billing::rates`].
#[derive(Clone)]
pub struct Rates {
    core: Arc<Core>,
}

impl Rates {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Loads a rate card that takes effect at `effective_at`. The same card again changes nothing.
    ///
    /// # Errors
    /// When the card is malformed, or other prices already take effect at that instant. Nothing
    /// is loaded then.
    pub async fn load(
        &self,
        json: &str,
        effective_at: Timestamp,
    ) -> Result<LoadedRates, RateCardError> {
        let card = RateCard::parse(json)?;
        let mut tx = self.core.db.begin().await?;
        rows::turn_in(&mut tx, self.core.db.engine()).await?;
        let now = micros(self.core.now());
        for (position, model) in (0_i64..).zip(&card.models) {
            rows::upsert_model_in(&mut tx, model, position).await?;
            rows::insert_rates_in(&mut tx, model, micros(effective_at), now).await?;
        }
        for (position, model) in (0_i64..).zip(&card.comparison) {
            rows::upsert_comparison_in(&mut tx, model, position, micros(effective_at), now).await?;
        }
        tx.commit().await?;
        Ok(LoadedRates {
            models: card.models.len(),
            comparison: card.comparison.len(),
        })
    }

    /// Every model with the prices in force now, in the list's order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn models(&self) -> Result<Vec<ModelView>, StoreError> {
        let rows = sqlx::query(
            "select models.model, models.task, models.parameters, models.max_tokens,
                    model_rates.input_pico, model_rates.cached_input_pico, model_rates.output_pico
             from models
             join model_rates on model_rates.model = models.model
             where model_rates.effective_at = (
                 select max(effective_at) from model_rates as newest
                 where newest.model = models.model and newest.effective_at <= $1)
             order by models.position, models.model",
        )
        .bind(micros(self.core.now()))
        .fetch_all(self.core.db.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ModelView {
                    model: row.try_get("model")?,
                    task: row.try_get("task")?,
                    parameters: row.try_get("parameters")?,
                    max_tokens: row.try_get("max_tokens")?,
                    rates: rates(row)?,
                })
            })
            .collect()
    }

    /// Whether a model has a price now, as far as this process knows without asking.
    #[must_use]
    pub fn is_known(&self, model: &str) -> bool {
        let book = self.core.metering.known_rates();
        let now = self.core.now();
        book.model(model)
            .is_some_and(|versions| versions.at(now).is_some())
    }

    /// Asks whether there are newer prices.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.core.metering.refresh_rates(&self.core).await
    }

    /// Other providers' models with the prices in force now, in the list's order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn comparison_models(&self) -> Result<Vec<ComparisonModelView>, StoreError> {
        let rows = sqlx::query(
            "select provider, model, name, input_pico, output_pico from comparison_rates
             where effective_at = (
                 select max(effective_at) from comparison_rates as newest
                 where newest.provider = comparison_rates.provider
                     and newest.model = comparison_rates.model and newest.effective_at <= $1)
             order by position, model",
        )
        .bind(micros(self.core.now()))
        .fetch_all(self.core.db.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ComparisonModelView {
                    provider: row.try_get("provider")?,
                    model: row.try_get("model")?,
                    name: row.try_get("name")?,
                    input: Rate::from_picos_a_token(row.try_get("input_pico")?),
                    output: Rate::from_picos_a_token(row.try_get("output_pico")?),
                })
            })
            .collect()
    }

    /// The plan as an organization sees it: the lowest prices, and what it used most of late.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn plan(&self, organization: OrganizationId) -> Result<PlanView, StoreError> {
        let models = self.models().await?;
        let since = (self.core.now() - PLAN_WINDOW).date_naive();
        let used = models_since(&self.core, organization, since).await?;
        let most_used = used
            .iter()
            .take(PLAN_MODELS)
            .filter_map(|name| models.iter().find(|model| *model.model == **name).cloned())
            .collect();
        let mut cheapest = models;
        cheapest.sort_by_key(|model| {
            let ModelRates { input, output, .. } = model.rates;
            (input.max(output), input.min(output))
        });
        cheapest.truncate(PLAN_MODELS);
        Ok(PlanView {
            cheapest,
            most_used,
        })
    }
}

fn rates(row: &AnyRow) -> Result<ModelRates, StoreError> {
    let rate = |column: &str| -> Result<Option<Rate>, StoreError> {
        let picos: Option<i64> = row.try_get(column)?;
        Ok(picos.map(Rate::from_picos_a_token))
    };
    Ok(ModelRates {
        input: rate("input_pico")?,
        cached_input: rate("cached_input_pico")?,
        output: rate("output_pico")?,
    })
}

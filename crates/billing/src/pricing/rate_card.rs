//! A rate card as an operator writes it, and how it is stored.

use std::collections::HashSet;

use rust_decimal::Decimal;
use serde::Deserialize;
use sqlx::Row;
use types::pricing::{ModelRates, Rate, RateError};

use super::rates;
use crate::db::Engine;
use crate::{Problem, ProblemKind, StoreError};

/// A rate card has at most this many models of each kind.
const MOST_MODELS: usize = 2_000;

/// Why a rate card was not loaded. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum RateCardError {
    #[error("the rate card is not valid JSON of the expected form: {0}")]
    Form(#[from] serde_json::Error),
    #[error("the rate card is in {currency}; only USD is billed")]
    Currency { currency: String },
    #[error("the rate card names {model} twice")]
    Twice { model: String },
    #[error("the rate card has no models, or more than {MOST_MODELS}")]
    Count,
    #[error("{model}: {field}: {reason}")]
    Rate {
        model: String,
        field: &'static str,
        reason: RateError,
    },
    #[error("{model}: {field} is not usable")]
    Field { model: String, field: &'static str },
    #[error("{model} already has other prices that take effect at that time; choose another time")]
    OtherPrices { model: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for RateCardError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for RateCardError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::OtherPrices { .. } => ProblemKind::Conflict,
            Self::Store(error) => error.kind(),
            Self::Form(_)
            | Self::Currency { .. }
            | Self::Twice { .. }
            | Self::Count
            | Self::Rate { .. }
            | Self::Field { .. } => ProblemKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::OtherPrices { .. } => "rates_exist",
            Self::Store(error) => error.code(),
            Self::Form(_)
            | Self::Currency { .. }
            | Self::Twice { .. }
            | Self::Count
            | Self::Rate { .. }
            | Self::Field { .. } => "invalid_rate_card",
        }
    }
}

#[derive(Deserialize)]
struct Written {
    currency: String,
    models: Vec<WrittenModel>,
    #[serde(default)]
    comparison: Vec<WrittenComparison>,
}

#[derive(Deserialize)]
struct WrittenModel {
    model: String,
    task: String,
    parameters: String,
    max_tokens: i64,
    // Prices are strings: a JSON number would pass through a binary float in many writers. What is
    // not billed says so: a name that was mistyped must not make a model free.
    #[serde(deserialize_with = "Option::deserialize")]
    input_per_million: Option<Decimal>,
    #[serde(default)]
    cached_input_per_million: Option<Decimal>,
    #[serde(deserialize_with = "Option::deserialize")]
    output_per_million: Option<Decimal>,
}

#[derive(Deserialize)]
struct WrittenComparison {
    provider: String,
    model: String,
    name: String,
    input_per_million: Decimal,
    output_per_million: Decimal,
}

pub(super) struct Model {
    name: String,
    task: String,
    parameters: String,
    max_tokens: i64,
    rates: ModelRates,
}

pub(super) struct Comparison {
    provider: String,
    model: String,
    name: String,
    input: Rate,
    output: Rate,
}

/// A rate card that was checked as a whole.
pub(super) struct RateCard {
    pub(super) models: Vec<Model>,
    pub(super) comparison: Vec<Comparison>,
}

impl RateCard {
    pub(super) fn parse(json: &str) -> Result<Self, RateCardError> {
        let written: Written = serde_json::from_str(json)?;
        if written.currency != "USD" {
            return Err(RateCardError::Currency {
                currency: written.currency,
            });
        }
        let count = written.models.len();
        if count == 0 || count > MOST_MODELS || written.comparison.len() > MOST_MODELS {
            return Err(RateCardError::Count);
        }
        let mut names = HashSet::new();
        for name in written.models.iter().map(|model| &model.model) {
            if !names.insert(name.clone()) {
                return Err(RateCardError::Twice {
                    model: name.clone(),
                });
            }
        }
        let models = written
            .models
            .into_iter()
            .map(Model::check)
            .collect::<Result<_, _>>()?;
        let comparison = written
            .comparison
            .into_iter()
            .map(Comparison::check)
            .collect::<Result<_, _>>()?;
        Ok(Self { models, comparison })
    }
}

fn rate(model: &str, field: &'static str, price: Decimal) -> Result<Rate, RateCardError> {
    Rate::try_per_million(price).map_err(|reason| RateCardError::Rate {
        model: model.to_owned(),
        field,
        reason,
    })
}

fn text(model: &str, field: &'static str, text: &str) -> Result<(), RateCardError> {
    // As long as an event's model may be, so that whatever is loaded can be billed.
    let usable = (1..=200).contains(&text.len()) && !text.chars().any(char::is_control);
    if usable {
        Ok(())
    } else {
        Err(RateCardError::Field {
            model: model.to_owned(),
            field,
        })
    }
}

impl Model {
    fn check(written: WrittenModel) -> Result<Self, RateCardError> {
        let name = written.model;
        text(&name, "model", &name)?;
        text(&name, "task", &written.task)?;
        text(&name, "parameters", &written.parameters)?;
        if written.max_tokens <= 0 {
            return Err(RateCardError::Field {
                model: name,
                field: "max_tokens",
            });
        }
        let optional = |field, price: Option<Decimal>| {
            price.map(|price| rate(&name, field, price)).transpose()
        };
        let rates = ModelRates {
            input: optional("input_per_million", written.input_per_million)?,
            cached_input: optional("cached_input_per_million", written.cached_input_per_million)?,
            output: optional("output_per_million", written.output_per_million)?,
        };
        let (task, parameters) = (written.task, written.parameters);
        Ok(Self {
            name,
            task,
            parameters,
            max_tokens: written.max_tokens,
            rates,
        })
    }
}

impl Comparison {
    fn check(written: WrittenComparison) -> Result<Self, RateCardError> {
        for (field, value) in [
            ("model", &written.model),
            ("provider", &written.provider),
            ("name", &written.name),
        ] {
            text(&written.model, field, value)?;
        }
        let input = rate(
            &written.model,
            "input_per_million",
            written.input_per_million,
        )?;
        let output = rate(
            &written.model,
            "output_per_million",
            written.output_per_million,
        )?;
        let WrittenComparison {
            provider,
            model,
            name,
            ..
        } = written;
        Ok(Self {
            provider,
            model,
            name,
            input,
            output,
        })
    }
}

pub(super) async fn upsert_model_in(
    connection: &mut ledger::Connection,
    model: &Model,
    position: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into models (model, task, parameters, max_tokens, position)
         values ($1, $2, $3, $4, $5)
         on conflict (model) do update set
             task = excluded.task, parameters = excluded.parameters,
             max_tokens = excluded.max_tokens, position = excluded.position",
    )
    .bind(&model.name)
    .bind(&model.task)
    .bind(&model.parameters)
    .bind(model.max_tokens)
    .bind(position)
    .execute(connection)
    .await?;
    Ok(())
}

/// Waits until nobody else is loading rates: they are numbered in the order of their commits, so
/// that their count alone says which of them a price was chosen from. Reading goes on meanwhile.
pub(super) async fn turn_in(
    connection: &mut ledger::Connection,
    engine: Engine,
) -> Result<(), StoreError> {
    match engine {
        // Whoever writes has the turn already.
        Engine::Sqlite => {}
        Engine::Postgres => {
            sqlx::query("lock table model_rates in share row exclusive mode")
                .execute(connection)
                .await?;
        }
    }
    Ok(())
}

/// A version that is there with the same prices stays; with others the card is refused. Nobody else
/// is loading: see [`turn_in`].
pub(super) async fn insert_rates_in(
    connection: &mut ledger::Connection,
    model: &Model,
    effective_at: i64,
    now: i64,
) -> Result<(), RateCardError> {
    let inserted = sqlx::query(
        "insert into model_rates
             (no, model, effective_at, input_pico, cached_input_pico, output_pico, created_at)
         select coalesce(max(no), 0) + 1, $1, $2, $3, $4, $5, $6 from model_rates
         where true
         on conflict (model, effective_at) do nothing",
    )
    .bind(&model.name)
    .bind(effective_at)
    .bind(model.rates.input.map(Rate::picos_a_token))
    .bind(model.rates.cached_input.map(Rate::picos_a_token))
    .bind(model.rates.output.map(Rate::picos_a_token))
    .bind(now)
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(());
    }
    let row = sqlx::query(
        "select input_pico, cached_input_pico, output_pico from model_rates
         where model = $1 and effective_at = $2",
    )
    .bind(&model.name)
    .bind(effective_at)
    .fetch_one(connection)
    .await?;
    if rates(&row)? == model.rates {
        Ok(())
    } else {
        Err(RateCardError::OtherPrices {
            model: model.name.clone(),
        })
    }
}

pub(super) async fn upsert_comparison_in(
    connection: &mut ledger::Connection,
    model: &Comparison,
    position: i64,
    effective_at: i64,
    now: i64,
) -> Result<(), RateCardError> {
    sqlx::query(
        "insert into comparison_rates
             (provider, model, effective_at, name, input_pico, output_pico, position, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (provider, model, effective_at) do nothing",
    )
    .bind(&model.provider)
    .bind(&model.model)
    .bind(effective_at)
    .bind(&model.name)
    .bind(model.input.picos_a_token())
    .bind(model.output.picos_a_token())
    .bind(position)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query(
        "select input_pico, output_pico from comparison_rates
         where provider = $1 and model = $2 and effective_at = $3",
    )
    .bind(&model.provider)
    .bind(&model.model)
    .bind(effective_at)
    .fetch_one(connection)
    .await?;
    let stored: (i64, i64) = (row.try_get("input_pico")?, row.try_get("output_pico")?);
    if stored == (model.input.picos_a_token(), model.output.picos_a_token()) {
        Ok(())
    } else {
        Err(RateCardError::OtherPrices {
            model: model.model.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_card_has_every_model() {
        let card = RateCard::parse(super::super::SEED_JSON).unwrap();
        assert_eq!((card.models.len(), card.comparison.len()), (18, 11));
        let embedding = card
            .models
            .iter()
            .find(|model| model.name == "all-minilm-l6-v2")
            .unwrap();
        assert_eq!(embedding.rates.output, None);
    }

    #[test]
    fn a_malformed_card_is_refused_with_the_reason() {
        let card = |model: &str| format!(r#"{{"currency":"USD","models":[{model}]}}"#);
        let model = |input: &str| {
            format!(
                r#"{{"model":"m","task":"t","parameters":"1B","max_tokens":1,
                    "input_per_million":{input},"output_per_million":null}}"#
            )
        };
        assert!(RateCard::parse(&card(&model(r#""0.15""#))).is_ok());
        for (json, expected) in [
            ("{".to_owned(), "not valid JSON"),
            (
                card(&model(r#""-1""#)),
                "m: input_per_million: a price cannot be below zero",
            ),
            (card(&model(r#""0.0000001""#)), "at most 6 decimals"),
            (card(&format!("{0},{0}", model("null"))), "names m twice"),
            (card(""), "has no models"),
            (r#"{"currency":"EUR","models":[]}"#.to_owned(), "only USD"),
        ] {
            let error = RateCard::parse(&json).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }
}

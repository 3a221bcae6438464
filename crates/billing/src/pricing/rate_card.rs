//! A rate card as an operator writes it. Does not own how it is stored (`rows`).

use std::collections::HashSet;

use rust_decimal::Decimal;
use serde::Deserialize;
use types::pricing::{ModelRates, Rate, RateError};

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
    pub(super) name: String,
    pub(super) task: String,
    pub(super) parameters: String,
    pub(super) max_tokens: i64,
    pub(super) rates: ModelRates,
}

pub(super) struct Comparison {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) name: String,
    pub(super) input: Rate,
    pub(super) output: Rate,
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

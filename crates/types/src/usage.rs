//! Usage events: what a gateway reports about one request.

use serde::{Deserialize, Serialize};

use crate::ids::{ApiKeyId, ProjectId};
use crate::money::{Cost, Dollars, MoneyError};
use crate::pricing::ModelRates;
use crate::time::Timestamp;

/// Tokens of one request. None is below zero; `cached_input` is a part of `input`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    pub input: i64,
    pub cached_input: i64,
    pub output: i64,
}

/// One request that ran, after it was parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageEvent {
    /// Who made the id, such as `/gateway/eu-1`.
    pub source: String,
    /// Unique within its source.
    pub id: String,
    /// When the request ran: it is priced by the rate in force then. `None`: when it is received.
    pub occurred_at: Option<Timestamp>,
    pub model: String,
    pub tokens: Tokens,
    /// The HTTP status that the request ended with.
    pub status: Option<i64>,
    pub latency_ms: Option<i64>,
    /// The project it belongs to; `None`: the reporting key's own.
    pub project: Option<ProjectId>,
    /// The key that made the request; `None`: the reporting key.
    pub api_key: Option<ApiKeyId>,
    pub request_id: Option<String>,
    /// For whom the request ran, in the sender's own words.
    pub subject: Option<String>,
    /// What the sender believes that it cost. Kept beside our own cost and never used as it.
    pub claimed_cost: Option<Dollars>,
    pub repeat: Repeat,
}

/// What a repeat of an id must say to be the same event, and not a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// All that the first one said.
    #[default]
    Everything,
    /// The same model and tokens: its sender writes the time of each report and its own idea of
    /// the cost, and both differ from report to report of one request.
    ModelAndTokens,
}

impl ModelRates {
    /// What the tokens cost, exactly.
    ///
    /// # Errors
    /// When the cost does not fit (above $9.2 million for one request).
    pub fn cost(&self, tokens: Tokens) -> Result<Cost, MoneyError> {
        let fresh = tokens
            .input
            .checked_sub(tokens.cached_input)
            .ok_or(MoneyError)?;
        let parts = [
            (self.input, fresh),
            (self.cached_input.or(self.input), tokens.cached_input),
            (self.output, tokens.output),
        ];
        parts
            .into_iter()
            .try_fold(Cost::ZERO, |sum, (rate, count)| match rate {
                Some(rate) => sum.plus(rate.cost(count)?),
                None => Ok(sum),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::Rate;

    fn rate(price: &str) -> Option<Rate> {
        Some(Rate::try_per_million(price.parse().unwrap()).unwrap())
    }

    #[test]
    fn a_request_costs_its_tokens_times_its_rates() {
        let rates = ModelRates {
            input: rate("0.15"),
            cached_input: None,
            output: rate("0.60"),
        };
        let tokens = Tokens {
            input: 112,
            cached_input: 0,
            output: 44,
        };
        assert_eq!(rates.cost(tokens).unwrap().dollars().exact(), "0.0000432");
    }

    #[test]
    fn cached_input_has_its_own_rate_where_there_is_one() {
        let plain = ModelRates {
            input: rate("1"),
            cached_input: None,
            output: None,
        };
        let cached = ModelRates {
            cached_input: rate("0.1"),
            ..plain
        };
        let tokens = Tokens {
            input: 100,
            cached_input: 60,
            output: 7,
        };
        assert_eq!(plain.cost(tokens).unwrap().picos(), 100_000_000);
        assert_eq!(cached.cost(tokens).unwrap().picos(), 46_000_000);
    }
}

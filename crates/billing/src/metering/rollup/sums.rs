//! What a batch of events adds up to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rust_decimal::Decimal;
use types::ids::{ApiKeyId, OrganizationId, ProjectId};
use types::money::{Dollars, MoneyError};
use types::usage::Tokens;

use super::latencies::Latencies;
use crate::StoreError;
use crate::db::time_from;

pub(crate) const MICROS_AN_HOUR: i64 = 3_600_000_000;
/// From this HTTP status on a request counts as failed.
const FIRST_ERROR: i64 = 400;

/// Pico-dollars in a nano-dollar.
const PICOS_A_NANO: i128 = 1_000;

/// What requests cost together, in pico-dollars. One request's cost fits in 63 bits of them, an
/// hour of many need not: it is stored as nano-dollars and a rest, like what the ledger has posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct CostSum(i128);

impl CostSum {
    pub(crate) const fn from_picos(picos: i128) -> Self {
        Self(picos)
    }

    /// From a row: nano-dollars, and what is less than one.
    pub(crate) fn from_stored(nanos: i64, rest_pico: i64) -> Self {
        Self(i128::from(nanos) * PICOS_A_NANO + i128::from(rest_pico))
    }

    /// For a row: nano-dollars, and 0 to 999 pico-dollars.
    ///
    /// # Errors
    /// Above $9.2 billion, which no organization can have used: its account holds no more.
    pub(super) fn stored(self) -> Result<(i64, i64), MoneyError> {
        let part = |part: i128| i64::try_from(part).map_err(|_| MoneyError);
        Ok((
            part(self.0.div_euclid(PICOS_A_NANO))?,
            part(self.0.rem_euclid(PICOS_A_NANO))?,
        ))
    }

    pub(crate) const fn picos(self) -> i128 {
        self.0
    }

    /// # Errors
    /// When the sum does not fit.
    pub(crate) fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError)
    }

    /// The exact cost in dollars.
    ///
    /// # Errors
    /// Above $79,000,000,000,000,000.
    pub(crate) fn dollars(self) -> Result<Dollars, MoneyError> {
        Decimal::try_from_i128_with_scale(self.0, 12)
            .map(Dollars::new)
            .map_err(|_| MoneyError)
    }
}

/// An hour (UTC, in microseconds since 1970) and whose requests they were.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HourKey {
    pub(crate) hour: i64,
    pub(crate) project: ProjectId,
    pub(crate) api_key: ApiKeyId,
    pub(crate) model: Arc<str>,
}

/// What requests add up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sums {
    pub(crate) requests: i64,
    pub(crate) errors: i64,
    pub(crate) tokens: Tokens,
    pub(crate) cost: CostSum,
    pub(crate) latencies: Latencies,
}

/// What of one event is summed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) occurred_at: i64,
    pub(crate) tokens: Tokens,
    pub(crate) cost_pico: i64,
    pub(crate) status: Option<i64>,
    pub(crate) latency_ms: Option<i64>,
}

impl Ran {
    pub(crate) fn hour(&self) -> i64 {
        self.occurred_at - self.occurred_at.rem_euclid(MICROS_AN_HOUR)
    }
}

impl Sums {
    /// # Errors
    /// When a sum does not fit.
    pub(crate) fn add(&mut self, ran: &Ran) -> Result<(), MoneyError> {
        let failed = ran.status.is_some_and(|status| status >= FIRST_ERROR);
        let cost = CostSum::from_picos(ran.cost_pico.into());
        self.count(1, i64::from(failed), ran.tokens, cost)?;
        if let Some(latency_ms) = ran.latency_ms {
            self.latencies.add(latency_ms);
        }
        Ok(())
    }

    /// # Errors
    /// When a sum does not fit.
    pub(crate) fn plus(&mut self, other: &Self) -> Result<(), MoneyError> {
        self.count(other.requests, other.errors, other.tokens, other.cost)?;
        self.latencies.plus(&other.latencies)
    }

    fn count(
        &mut self,
        requests: i64,
        errors: i64,
        tokens: Tokens,
        cost: CostSum,
    ) -> Result<(), MoneyError> {
        for (sum, part) in [
            (&mut self.requests, requests),
            (&mut self.errors, errors),
            (&mut self.tokens.input, tokens.input),
            (&mut self.tokens.cached_input, tokens.cached_input),
            (&mut self.tokens.output, tokens.output),
        ] {
            *sum = sum.checked_add(part).ok_or(MoneyError)?;
        }
        self.cost = self.cost.plus(cost)?;
        Ok(())
    }
}

/// Whose usage of which model on the day (UTC) that it was booked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DayKey {
    pub(crate) day: String,
    pub(crate) project: ProjectId,
    pub(crate) model: Arc<str>,
}

/// What a day of it adds up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) requests: i64,
    pub(crate) tokens: i64,
    pub(crate) cost: CostSum,
    pub(crate) first_booked_at: i64,
}

impl Day {
    /// # Errors
    /// When a sum does not fit.
    pub(crate) fn plus(&mut self, other: &Self) -> Result<(), MoneyError> {
        for (sum, part) in [
            (&mut self.requests, other.requests),
            (&mut self.tokens, other.tokens),
        ] {
            *sum = sum.checked_add(part).ok_or(MoneyError)?;
        }
        self.cost = self.cost.plus(other.cost)?;
        self.first_booked_at = self.first_booked_at.min(other.first_booked_at);
        Ok(())
    }
}

/// Days as they add up.
pub(crate) type Days = BTreeMap<DayKey, Day>;
/// Hours as they add up.
pub(crate) type Hours = BTreeMap<HourKey, Sums>;

/// What one batch of an organization's events adds up to. It never changes.
#[derive(Debug)]
pub(crate) struct BatchSums {
    pub(crate) organization: OrganizationId,
    /// Its place among the organization's batches.
    pub(crate) sequence: i64,
    pub(crate) booked_at: i64,
    pub(crate) hours: Vec<(HourKey, Sums)>,
}

impl BatchSums {
    /// # Errors
    /// When a sum does not fit.
    pub(crate) fn add_to_hours(&self, hours: &mut Hours) -> Result<(), MoneyError> {
        for (key, sums) in &self.hours {
            match hours.get_mut(key) {
                Some(found) => found.plus(sums)?,
                None => {
                    hours.insert(key.clone(), sums.clone());
                }
            }
        }
        Ok(())
    }

    /// # Errors
    /// When a sum does not fit, or the time of booking is none.
    pub(crate) fn add_to_days(&self, days: &mut Days) -> Result<(), StoreError> {
        let day = time_from(self.booked_at)?.date_naive().to_string();
        for (key, sums) in &self.hours {
            let key = DayKey {
                day: day.clone(),
                project: key.project,
                model: Arc::clone(&key.model),
            };
            let tokens = sums.tokens.input.checked_add(sums.tokens.output);
            let part = Day {
                requests: sums.requests,
                tokens: tokens.ok_or(MoneyError)?,
                cost: sums.cost,
                first_booked_at: self.booked_at,
            };
            match days.get_mut(&key) {
                Some(found) => found.plus(&part)?,
                None => {
                    days.insert(key, part);
                }
            }
        }
        Ok(())
    }
}

/// Whose events of a series are.
#[derive(Debug, Clone)]
pub(crate) struct SeriesOwner {
    pub(crate) project: ProjectId,
    pub(crate) api_key: ApiKeyId,
    pub(crate) model: Arc<str>,
}

/// Adds up a batch, event by event.
#[derive(Default)]
pub(crate) struct BatchAdder {
    /// Where in `sums` a series and hour are.
    places: HashMap<(i64, i64), usize>,
    sums: Vec<((i64, i64), Sums)>,
    /// Most events are like the one before.
    last: Option<((i64, i64), usize)>,
}

impl BatchAdder {
    /// # Errors
    /// When a sum does not fit.
    pub(crate) fn add(&mut self, series_no: i64, ran: &Ran) -> Result<(), MoneyError> {
        let key = (series_no, ran.hour());
        let place = match self.last {
            Some((last, place)) if last == key => place,
            _ => {
                let next = self.sums.len();
                let place = *self.places.entry(key).or_insert(next);
                if place == next {
                    self.sums.push((key, Sums::default()));
                }
                self.last = Some((key, place));
                place
            }
        };
        self.sums[place].1.add(ran)
    }

    /// # Errors
    /// When a sum does not fit, or a series has no owner.
    pub(crate) fn finish(
        self,
        organization: OrganizationId,
        sequence: i64,
        booked_at: i64,
        owner: impl Fn(i64) -> Option<SeriesOwner>,
    ) -> Result<BatchSums, StoreError> {
        // Series that differ only in the version of their rate are one here.
        let mut hours = Hours::new();
        for ((series_no, hour), sums) in self.sums {
            let owner = owner(series_no).ok_or_else(|| {
                StoreError::Inconsistent(format!("usage series {series_no} is not there"))
            })?;
            let key = HourKey {
                hour,
                project: owner.project,
                api_key: owner.api_key,
                model: owner.model,
            };
            match hours.get_mut(&key) {
                Some(found) => found.plus(&sums)?,
                None => {
                    hours.insert(key, sums);
                }
            }
        }
        Ok(BatchSums {
            organization,
            sequence,
            booked_at,
            hours: hours.into_iter().collect(),
        })
    }
}

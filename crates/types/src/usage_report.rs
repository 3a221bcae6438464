//! Usage, summed up for people and machines that want to see what was used when, and by whom.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{ApiKeyId, ProjectId};
use crate::money::Dollars;
use crate::time::Timestamp;
use crate::usage::Tokens;

/// How long the spans are that usage is summed up by. They begin at full hours, at midnight, on
/// the first of a month, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageInterval {
    Hour,
    Day,
    Month,
}

impl UsageInterval {
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// What usage can be told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageGroup {
    Model,
    Project,
    ApiKey,
}

impl UsageGroup {
    pub const ALL: [Self; 3] = [Self::Model, Self::Project, Self::ApiKey];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Project => "project",
            Self::ApiKey => "api_key",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// Which usage is wanted, and how it is summed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageQuery {
    /// Without it: 24 hours, 30 days or 12 months, of which the last one contains `to`.
    pub from: Option<Timestamp>,
    /// Not in it any more. Without it: now.
    pub to: Option<Timestamp>,
    pub interval: UsageInterval,
    pub group_by: BTreeSet<UsageGroup>,
    /// Of this model alone; the same for the other two.
    pub model: Option<String>,
    pub project: Option<ProjectId>,
    pub api_key: Option<ApiKeyId>,
}

/// Usage, summed up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageReport {
    /// The range, widened to whole intervals: from the first one's begin to the last one's end.
    pub from: Timestamp,
    pub to: Timestamp,
    /// By begin, then by group. An interval in which nothing ran has no row.
    pub rows: Vec<UsageRow>,
    /// Of all rows together.
    pub total: UsageSums,
}

/// What ran in one interval, of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageRow {
    /// When the interval begins.
    pub start: Timestamp,
    /// `None` where rows are not told apart by it; the same for the other two.
    pub model: Option<String>,
    pub project: Option<ProjectId>,
    pub api_key: Option<ApiKeyId>,
    pub sums: UsageSums,
}

/// What requests add up to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageSums {
    pub requests: i64,
    /// Those that ended with an HTTP status of 400 or above.
    pub errors: i64,
    pub tokens: Tokens,
    /// Exact.
    pub cost: Dollars,
    /// `None` where no request said how long it took.
    pub latency: Option<UsageLatency>,
}

/// How long requests took, in milliseconds. The average is exact to the millisecond, a percentile
/// within 3.2 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageLatency {
    /// How many requests said how long they took.
    pub count: i64,
    pub average_ms: i64,
    pub p50_ms: i64,
    pub p95_ms: i64,
    pub p99_ms: i64,
}

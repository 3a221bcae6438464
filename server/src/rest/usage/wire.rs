//! Usage as JSON. Costs are exact decimal strings of dollars, times are UTC.

use chrono::SecondsFormat;
use serde::Serialize;
use types::time::Timestamp;
use types::usage_report::{UsageLatency, UsageQuery, UsageReport, UsageRow, UsageSums};
use utoipa::ToSchema;

/// What was used, summed up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub(crate) struct UsageBody {
    /// Where the first interval begins.
    #[schema(format = DateTime)]
    from: String,
    /// Where the last interval ends.
    #[schema(format = DateTime)]
    to: String,
    /// `hour`, `day` or `month`.
    #[schema(example = "day")]
    interval: &'static str,
    /// What the rows are told apart by.
    #[schema(example = json!(["model"]))]
    group_by: Vec<&'static str>,
    /// In the order of their begin, then of model, project and key.
    rows: Vec<RowBody>,
    /// All rows together.
    total: SumsBody,
}

/// What ran in one interval.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageRow)]
struct RowBody {
    /// When the interval begins.
    #[schema(format = DateTime, example = "2026-03-11T00:00:00Z")]
    start: String,
    /// Null where rows are not told apart by model; the same for project and key.
    #[schema(required = true, example = "gpt-oss-120b")]
    model: Option<String>,
    #[schema(required = true, format = "uuid")]
    project_id: Option<String>,
    #[schema(required = true, format = "uuid")]
    api_key_id: Option<String>,
    #[serde(flatten)]
    sums: SumsBody,
}

/// What requests add up to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageSums)]
struct SumsBody {
    #[schema(minimum = 0)]
    requests: i64,
    /// Those that ended with an HTTP status of 400 or above.
    #[schema(minimum = 0)]
    errors: i64,
    #[schema(minimum = 0)]
    input_tokens: i64,
    /// The part of the input that was cached.
    #[schema(minimum = 0)]
    cached_input_tokens: i64,
    #[schema(minimum = 0)]
    output_tokens: i64,
    /// In dollars.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,12}$", example = "0.0000432")]
    cost: String,
    /// Null where no request said how long it took.
    #[schema(required = true)]
    latency: Option<LatencyBody>,
}

/// How long requests took, in milliseconds. The average is exact to the millisecond; a percentile
/// is at most 3.2 % off.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageLatency)]
struct LatencyBody {
    /// How many requests said how long they took.
    #[schema(minimum = 1)]
    count: i64,
    #[schema(minimum = 0)]
    average_ms: i64,
    #[schema(minimum = 0)]
    p50_ms: i64,
    #[schema(minimum = 0)]
    p95_ms: i64,
    #[schema(minimum = 0)]
    p99_ms: i64,
}

impl UsageBody {
    pub(super) fn new(report: UsageReport, query: &UsageQuery) -> Self {
        Self {
            from: instant(report.from),
            to: instant(report.to),
            interval: query.interval.as_str(),
            group_by: query.group_by.iter().map(|group| group.as_str()).collect(),
            rows: report.rows.into_iter().map(Into::into).collect(),
            total: report.total.into(),
        }
    }
}

impl From<UsageRow> for RowBody {
    fn from(row: UsageRow) -> Self {
        Self {
            start: instant(row.start),
            model: row.model,
            project_id: row.project.map(|id| id.to_string()),
            api_key_id: row.api_key.map(|id| id.to_string()),
            sums: row.sums.into(),
        }
    }
}

impl From<UsageSums> for SumsBody {
    fn from(sums: UsageSums) -> Self {
        Self {
            requests: sums.requests,
            errors: sums.errors,
            input_tokens: sums.tokens.input,
            cached_input_tokens: sums.tokens.cached_input,
            output_tokens: sums.tokens.output,
            cost: sums.cost.exact(),
            latency: sums.latency.map(Into::into),
        }
    }
}

impl From<UsageLatency> for LatencyBody {
    fn from(latency: UsageLatency) -> Self {
        let UsageLatency {
            count,
            average_ms,
            p50_ms,
            p95_ms,
            p99_ms,
        } = latency;
        Self {
            count,
            average_ms,
            p50_ms,
            p95_ms,
            p99_ms,
        }
    }
}

/// Begins of intervals are whole hours.
fn instant(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

//! Usage analytics: what an organization used when, by hour, day or month, told apart by model,
//! project and key.
//!
//! Owns the ranges that can be asked for and how sums are read. What is summed up, and when, is
//! `metering::rollup`'s. Usage stands at the time at which its request ran, unlike in billing
//! history, where it stands on the day on which it was booked. All times are UTC.

mod range;
mod read;

use std::sync::Arc;

use types::ids::OrganizationId;
use types::usage_report::{UsageInterval, UsageQuery, UsageReport};

use crate::metering::rollup;
use crate::{Core, Problem, ProblemKind, StoreError};
use range::Range;

/// The most rows of one report.
pub const MOST_ROWS: usize = 10_000;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum UsageReportError {
    #[error("from must be before to")]
    EmptyRange,
    #[error("by the {}, a range has at most {most}", interval.as_str())]
    RangeTooLong {
        interval: UsageInterval,
        /// As people say it.
        most: &'static str,
    },
    #[error(
        "the answer would have more than {MOST_ROWS} rows; ask for a shorter range, longer \
         intervals, fewer groups, or one model, project or key"
    )]
    TooManyRows,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Problem for UsageReportError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::EmptyRange | Self::RangeTooLong { .. } | Self::TooManyRows => {
                ProblemKind::Invalid
            }
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::EmptyRange => "invalid_range",
            Self::RangeTooLong { .. } => "range_too_long",
            Self::TooManyRows => "too_many_rows",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::EmptyRange | Self::RangeTooLong { .. } => Some("from".to_owned()),
            Self::TooManyRows => Some("group_by".to_owned()),
            Self::Store(error) => error.field(),
        }
    }
}

/// See [`crate::Billing::analytics`].
#[derive(Clone)]
pub struct Analytics {
    core: Arc<Core>,
}

impl Analytics {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// An organization's usage, as one consistent reading that misses nothing that was
    /// acknowledged.
    ///
    /// # Errors
    /// When the range is empty or too long, or the report would be.
    pub async fn report(
        &self,
        organization: OrganizationId,
        query: &UsageQuery,
    ) -> Result<UsageReport, UsageReportError> {
        let range = Range::of(query, self.core.now())?;
        read::report(&self.core, organization, query, &range).await
    }

    /// Brings the sums of all usage up to date, also what a process left behind that ended, and
    /// everything if the tables of sums are empty. Nobody has to: what is not in the tables is
    /// added when they are read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        rollup::catch_up(&self.core).await
    }
}

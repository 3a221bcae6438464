//! Comparing what the gateway, the ledger and our payments say, and listing where they differ.
//!
//! Owns what is compared, in which order and how much of it. Does not own settling: a payment or a
//! refund whose notice was lost is settled by the function that its notice would have called;
//! nothing else is mended here. Money that is not where it should be is for a person.
//!
//! | step | compared | bounded by |
//! | --- | --- | --- |
//! | 1. `payments` | every payment that the gateway lists, with ours | pages, since a time |
//! | 2. `payments` | every payment of ours that it did not list | pages, since a time |
//! | 3. `returned` | refunds and disputes, in the same way | pages, since a time |
//! | 4. `cards` | what is attached to each customer, with what is saved | customers in a run |
//! | 5. `waiting` | what has waited for a day; notices that could not be applied | rows |
//! | 6. `settlement` | the currency in which the gateway's account settles | one question |
//!
//! The two sides are never read at the same moment. So what seems to differ is read again from both
//! before it is listed, and is listed only if it still does. No transaction is open meanwhile.

mod cards;
mod findings;
pub(crate) mod job;
mod matching;
mod payments;
mod report;
mod returned;
mod returned_rows;
mod rows;
mod settlement;
mod waiting;

use types::time::Timestamp;

pub use report::{Compared, Disagreement, Kind, Report, Side};

use self::findings::Findings;
use crate::jobs::reconciliation::Reconciliation;
use crate::payments::gateway::GatewayError;
use crate::{Core, Problem, ProblemKind, StoreError};

/// Why the two sides could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CompareError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Problem for CompareError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::Gateway(_) => ProblemKind::Unknown,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Gateway(_) => "gateway_unknown",
            Self::Store(error) => error.code(),
        }
    }
}

/// How much is compared.
struct Scope {
    since: Timestamp,
    /// Pages of a hundred that are read of each list.
    most_pages: u32,
    /// Customers whose cards are compared, and after which organization they begin.
    most_customers: u32,
    cards_after: String,
}

impl Reconciliation {
    /// Compares everything since a time: each payment, each customer's cards, and what waits.
    ///
    /// # Errors
    /// When the gateway or the database does not answer. What differs is no error.
    pub async fn compare(&self, since: Timestamp) -> Result<Report, CompareError> {
        /// Ten million payments; a person who waits for that can choose a shorter time.
        const MOST_PAGES: u32 = 100_000;
        let scope = Scope {
            since,
            most_pages: MOST_PAGES,
            most_customers: u32::MAX,
            cards_after: String::new(),
        };
        Ok(self.compare_within(&scope).await?.0)
    }

    /// The report, and after which organization the next run goes on with cards.
    async fn compare_within(&self, scope: &Scope) -> Result<(Report, String), CompareError> {
        let mut found = Findings::default();
        payments::compare(self, scope, &mut found).await?;
        returned::compare(self, scope, &mut found).await?;
        let cards_after = cards::compare(self, scope, &mut found).await?;
        waiting::compare(self, &mut found).await?;
        settlement::compare(self, &mut found).await;
        let core = self.core();
        let report = found.into_report(core.gateway.account(), scope.since, core.now());
        Ok((report, cards_after))
    }
}

/// Whose payments are compared.
fn account(core: &Core) -> &str {
    core.gateway.account().as_str()
}

//! Billing history: rows that people read, made from the ledger.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::dispute::DisputeStage;
use crate::money::Dollars;
use crate::payment::{Card, DeclineReason};
use crate::refund::{Aftermath, RefundOffer, RefundState};
use crate::time::Timestamp;

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HistoryKind {
    /// Credit added by card.
    Credit {
        card: Option<Card>,
        /// What became of it after it had succeeded.
        since: Aftermath,
        /// Of one that succeeded: what can be given back, under the row's id.
        refund: Option<RefundOffer>,
    },
    PromotionalCredit,
    /// One day of one project.
    Usage {
        day: NaiveDate,
        project: String,
        requests: i64,
        tokens: i64,
    },
    /// Credit that went back to the card that had paid for it.
    Refund {
        card: Option<Card>,
        state: RefundState,
    },
    /// One movement of a dispute: what the bank took, or gave back.
    Dispute {
        card: Option<Card>,
        /// How the dispute stands now.
        stage: DisputeStage,
    },
    Expiry,
    Adjustment,
}

/// How what the row is about stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum HistoryStatus {
    /// In the ledger.
    Posted,
    /// Waiting for a definite answer; the balance has not changed.
    Processing,
    /// Waiting for the person to confirm at their bank.
    RequiresAction,
    Failed {
        reason: DeclineReason,
    },
    Canceled,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// Stable: the same row has the same id on every page.
    pub id: String,
    /// When it began, which is what the rows are in order of: the click, a day's first request.
    pub at: Timestamp,
    /// When it was booked, where people would notice that this was later than `at`.
    pub booked_later: Option<Timestamp>,
    pub kind: HistoryKind,
    /// What it did to the balance, signed. For what did not post: what it would have done.
    pub amount: Dollars,
    pub status: HistoryStatus,
}

impl HistoryRow {
    /// The word in the Description column.
    #[must_use]
    pub fn description(&self) -> String {
        match &self.kind {
            HistoryKind::Credit { .. } => "Credit".to_owned(),
            HistoryKind::PromotionalCredit => "Promotional credit".to_owned(),
            HistoryKind::Usage { project, .. } => format!("Usage · {project}"),
            HistoryKind::Refund { .. } => "Refund".to_owned(),
            HistoryKind::Dispute { .. } => "Dispute".to_owned(),
            HistoryKind::Expiry => "Expiry".to_owned(),
            HistoryKind::Adjustment => "Adjustment".to_owned(),
        }
    }

    /// The word on the pill.
    #[must_use]
    pub fn status_label(&self) -> &'static str {
        match &self.status {
            HistoryStatus::Processing => "Processing",
            HistoryStatus::RequiresAction => "Needs confirmation",
            HistoryStatus::Failed { .. } => "Failed",
            HistoryStatus::Canceled => match &self.kind {
                // It is out of the ledger again; nobody cancelled it.
                HistoryKind::Refund { state, .. } => state.label(),
                HistoryKind::Credit { .. }
                | HistoryKind::PromotionalCredit
                | HistoryKind::Usage { .. }
                | HistoryKind::Dispute { .. }
                | HistoryKind::Expiry
                | HistoryKind::Adjustment => "Canceled",
            },
            HistoryStatus::Posted => match &self.kind {
                HistoryKind::Credit { since, .. } => since.label(),
                HistoryKind::PromotionalCredit => "Promotional",
                HistoryKind::Usage { .. } => "Usage",
                HistoryKind::Refund { state, .. } => state.label(),
                HistoryKind::Dispute { stage, .. } => stage.label(),
                HistoryKind::Expiry => "Expired",
                HistoryKind::Adjustment => "Adjustment",
            },
        }
    }

    /// Only what is in the ledger carries a sign.
    #[must_use]
    pub fn is_posted(&self) -> bool {
        self.status == HistoryStatus::Posted
    }
}

/// Where a page ends: rows after it are older. Opaque to its reader, safe in a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HistoryCursor(pub String);

/// One page, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    pub rows: Vec<HistoryRow>,
    /// `None` on the last page.
    pub next: Option<HistoryCursor>,
}

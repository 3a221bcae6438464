//! The comparison that runs by itself: when it is due, who runs it, and its last result.
//!
//! One process of several runs it: whoever moves `due_at` on. The result is kept, so that each of
//! them shows the same to operators.

use std::sync::Arc;

use chrono::TimeDelta;
use sqlx::Row;
use types::time::Timestamp;

use super::report::Report;
use super::{CompareError, Scope, account};
use crate::db::{expect_one, micros};
use crate::disputes::Disputes;
use crate::jobs::reconciliation::Reconciliation;
use crate::{StoreError, refunds};

const PERIOD: TimeDelta = TimeDelta::hours(1);
/// A process that ends half-way, or a gateway that is silent, holds it up for so long.
const TURN: TimeDelta = TimeDelta::minutes(10);
/// Notices come late by three days at most; what is older was compared many times.
const LOOKS_BACK: TimeDelta = TimeDelta::days(4);
/// Fifty thousand payments in four days; a person can compare more by the command.
const MOST_PAGES: u32 = 500;
/// Each is a question of its own: the cards of all customers are compared in turn.
const MOST_CUSTOMERS: u32 = 200;

impl Reconciliation {
    /// Compares if it is due and nobody else does it now; `None` when not.
    ///
    /// It may be dropped at any moment: each thing that it settles on its way is settled by a
    /// transaction of its own, under a key of its own, and is found again by the next run.
    ///
    /// # Errors
    /// When the gateway or the database does not answer; it is due again soon.
    pub async fn compare_if_due(&self) -> Result<Option<Report>, CompareError> {
        let now = self.core().now();
        let Some(cards_after) = self.take_turn(now).await? else {
            return Ok(None);
        };
        self.look_first().await?;
        let scope = Scope {
            since: now - LOOKS_BACK,
            most_pages: MOST_PAGES,
            most_customers: MOST_CUSTOMERS,
            cards_after,
        };
        let (report, cards_after) = self.compare_within(&scope).await?;
        self.keep(&report, &cards_after, now + PERIOD).await?;
        Ok(Some(report))
    }

    /// What is simply late is asked about before it is called a disagreement.
    async fn look_first(&self) -> Result<(), StoreError> {
        self.settle_pending().await?;
        refunds::pending::ask_due(self.core()).await?;
        Disputes::new(Arc::clone(self.core())).sweep().await?;
        Ok(())
    }

    /// What the last comparison that ran by itself found, in whichever process.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn last_comparison(&self) -> Result<Option<Report>, StoreError> {
        let row = sqlx::query("select report from comparisons where gateway_account = $1")
            .bind(account(self.core()))
            .fetch_optional(self.core().db.readers())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let kept: Option<String> = row.try_get("report")?;
        kept.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| StoreError::Inconsistent(format!("a kept comparison: {error}")))
    }

    /// After which organization to go on with cards; `None` when it is not due.
    async fn take_turn(&self, now: Timestamp) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(
            "insert into comparisons (gateway_account, due_at, cards_after)
             values ($1, $2, '')
             on conflict (gateway_account) do update set due_at = excluded.due_at
                 where comparisons.due_at <= $3
             returning cards_after",
        )
        .bind(account(self.core()))
        .bind(micros(now + TURN))
        .bind(micros(now))
        .fetch_optional(self.core().db.writers())
        .await?;
        row.map(|row| Ok(row.try_get("cards_after")?)).transpose()
    }

    async fn keep(
        &self,
        report: &Report,
        cards_after: &str,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(report)
            .map_err(|error| StoreError::Inconsistent(format!("a comparison: {error}")))?;
        let updated = sqlx::query(
            "update comparisons set report = $1, cards_after = $2, due_at = $3
             where gateway_account = $4",
        )
        .bind(text)
        .bind(cards_after)
        .bind(micros(due_at))
        .bind(account(self.core()))
        .execute(self.core().db.writers())
        .await?;
        expect_one(updated.rows_affected(), "keeping a comparison")
    }
}

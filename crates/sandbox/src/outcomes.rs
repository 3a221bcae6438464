//! Owns what happens later by itself: a queue of outcomes with the time at which each is due.
//! Does not own what each one does; that is in its noun's module.

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use crate::behaviour::Fate;
use crate::call::Call;
use crate::disputes::{DisputeReason, Ruling, course};
use crate::early_fraud_warnings;
use crate::errors::ApiError;
use crate::payment_intents::attempt;
use crate::refunds;

/// In one transaction; more than that waits for the next round.
const MAX_PER_ROUND: i64 = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub(crate) enum Outcome {
    Payment {
        payment_intent: String,
        fate: Fate,
    },
    Dispute {
        charge: String,
        amount: i64,
        reason: DisputeReason,
    },
    Inquiry {
        charge: String,
    },
    FraudWarning {
        charge: String,
    },
    DisputeRuling {
        dispute: String,
        ruling: Ruling,
    },
    DisputeDeadline {
        dispute: String,
    },
    Refund {
        refund: String,
        fate: Fate,
    },
}

pub(crate) async fn schedule(
    db: &mut SqliteConnection,
    due_at: i64,
    outcome: &Outcome,
) -> Result<(), ApiError> {
    sqlx::query("insert into outcomes (due_at, outcome) values ($1, $2)")
        .bind(due_at)
        .bind(serde_json::to_string(outcome)?)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn any_due(readers: &SqlitePool, now: i64) -> Result<bool, ApiError> {
    let due: Option<i64> = sqlx::query_scalar("select 1 from outcomes where due_at <= $1 limit 1")
        .bind(now)
        .fetch_optional(readers)
        .await?;
    Ok(due.is_some())
}

/// Lets everything happen that is due, oldest first, and returns how much that was.
pub(crate) async fn run_due(call: &mut Call<'_>) -> Result<usize, ApiError> {
    let due: Vec<(i64, String)> = sqlx::query_as(
        "select id, outcome from outcomes where due_at <= $1 order by due_at, id limit $2",
    )
    .bind(call.now)
    .bind(MAX_PER_ROUND)
    .fetch_all(&mut *call.db)
    .await?;
    for (id, outcome) in &due {
        sqlx::query("delete from outcomes where id = $1")
            .bind(id)
            .execute(&mut *call.db)
            .await?;
        happen(call, serde_json::from_str(outcome)?).await?;
    }
    Ok(due.len())
}

async fn happen(call: &mut Call<'_>, outcome: Outcome) -> Result<(), ApiError> {
    match outcome {
        Outcome::Payment {
            payment_intent,
            fate,
        } => attempt::finish_processing(call, &payment_intent, fate).await,
        Outcome::Dispute {
            charge,
            amount,
            reason,
        } => course::open(call, &charge, amount, reason).await,
        Outcome::Inquiry { charge } => course::open_inquiry(call, &charge).await,
        Outcome::FraudWarning { charge } => early_fraud_warnings::warn(call, &charge).await,
        Outcome::DisputeRuling { dispute, ruling } => course::rule(call, &dispute, ruling).await,
        Outcome::DisputeDeadline { dispute } => course::lapse(call, &dispute).await,
        Outcome::Refund { refund, fate } => refunds::finish(call, &refund, fate).await,
    }
}

//! Owns the course of a dispute: foreseen with the charge, opened, ruled on. Times are short, so
//! that tests need not wait.

use super::{Dispute, DisputeReason, DisputeStatus, RESPONSE_SECONDS, Ruling};
use crate::balance_transactions::{self, Movement};
use crate::behaviour::Aftermath;
use crate::call::Call;
use crate::charges::{Charge, DisputeMark};
use crate::errors::ApiError;
use crate::outcomes::Outcome;

/// Between the payment and the complaint, so that the payment is heard of first.
const COMPLAINT_DELAY_SECONDS: i64 = 1;

/// Schedules what the card's owner will do after a successful charge.
pub(crate) async fn foresee(call: &mut Call<'_>, charge: &Charge) -> Result<(), ApiError> {
    let id = charge.id.clone();
    let dispute = |amount, reason| Outcome::Dispute {
        charge: id.clone(),
        amount,
        reason,
    };
    let outcomes = match charge.card.behaviour.aftermath() {
        Some(Aftermath::DisputedAsFraudulent) => {
            vec![dispute(charge.amount, DisputeReason::Fraudulent)]
        }
        Some(Aftermath::DisputedAsNotReceived) => {
            vec![dispute(charge.amount, DisputeReason::ProductNotReceived)]
        }
        // Two complaints about two parts, together the whole.
        Some(Aftermath::DisputedRepeatedly) => {
            let half = charge.amount / 2;
            vec![
                dispute(half, DisputeReason::Fraudulent),
                dispute(charge.amount - half, DisputeReason::ProductNotReceived),
            ]
        }
        Some(Aftermath::Inquiry) => vec![Outcome::Inquiry { charge: id }],
        Some(Aftermath::EarlyFraudWarning) => vec![Outcome::FraudWarning { charge: id }],
        Some(
            Aftermath::RefundSettlesLater
            | Aftermath::RefundFailsLater
            | Aftermath::AvailableAtOnce,
        )
        | None => Vec::new(),
    };
    for outcome in outcomes {
        call.schedule(COMPLAINT_DELAY_SECONDS, outcome).await?;
    }
    Ok(())
}

pub(crate) async fn open(
    call: &mut Call<'_>,
    charge: &str,
    amount: i64,
    reason: DisputeReason,
) -> Result<(), ApiError> {
    let charge: Charge = call.get(charge).await?;
    let mut dispute = Dispute::new(&charge, amount, reason, call.now);
    call.insert(&dispute).await?;
    withdraw(call, &mut dispute).await?;
    call.emit("charge.dispute.created", &dispute).await?;
    call.emit("charge.dispute.funds_withdrawn", &dispute).await
}

pub(crate) async fn open_inquiry(call: &mut Call<'_>, charge: &str) -> Result<(), ApiError> {
    let charge: Charge = call.get(charge).await?;
    let mut dispute = Dispute::new(&charge, charge.amount, DisputeReason::Fraudulent, call.now);
    dispute.status = DisputeStatus::WarningNeedsResponse;
    call.insert(&dispute).await?;
    call.emit("charge.dispute.created", &dispute).await
}

/// What has been withdrawn is to be answered for in time.
async fn withdraw(call: &mut Call<'_>, dispute: &mut Dispute) -> Result<(), ApiError> {
    let description = Some(format!("Chargeback withdrawal for {}", dispute.charge));
    let movement = Movement::DisputeWithdrawal;
    let (amount, currency) = (-dispute.amount, dispute.currency.clone());
    let booked =
        balance_transactions::book(call, movement, amount, &currency, &dispute.id, description)
            .await?;
    dispute.balance_transactions.push(booked);
    dispute.due_by = Some(call.now + RESPONSE_SECONDS);
    call.update(dispute).await?;
    let deadline = Outcome::DisputeDeadline {
        dispute: dispute.id.clone(),
    };
    // The last second is still in time.
    call.schedule(RESPONSE_SECONDS + 1, deadline).await?;
    let mut charge: Charge = call.get(&dispute.charge).await?;
    charge.dispute = DisputeMark::Disputed;
    call.update(&charge).await
}

/// Nobody answered in time: then the card's owner is right. What was handed in is the bank's to
/// decide about.
pub(crate) async fn lapse(call: &mut Call<'_>, id: &str) -> Result<(), ApiError> {
    let dispute: Dispute = call.get(id).await?;
    match dispute.status {
        DisputeStatus::NeedsResponse => rule(call, id, Ruling::Lost).await,
        DisputeStatus::WarningNeedsResponse
        | DisputeStatus::WarningUnderReview
        | DisputeStatus::WarningClosed
        | DisputeStatus::UnderReview
        | DisputeStatus::Won
        | DisputeStatus::Lost => Ok(()),
    }
}

/// The bank decides, once: evidence that was handed in twice, or a merchant who gave in meanwhile,
/// changes nothing any more.
pub(crate) async fn rule(call: &mut Call<'_>, id: &str, ruling: Ruling) -> Result<(), ApiError> {
    let mut dispute: Dispute = call.get(id).await?;
    if dispute.is_over() {
        return Ok(());
    }
    match (ruling, dispute.is_inquiry()) {
        (Ruling::Escalated, true) => {
            dispute.status = DisputeStatus::NeedsResponse;
            withdraw(call, &mut dispute).await?;
            call.emit("charge.dispute.updated", &dispute).await?;
            call.emit("charge.dispute.funds_withdrawn", &dispute).await
        }
        (Ruling::Escalated, false) => Ok(()),
        (Ruling::Won | Ruling::Lost, true) => {
            dispute.status = DisputeStatus::WarningClosed;
            call.update(&dispute).await?;
            call.emit("charge.dispute.closed", &dispute).await
        }
        (Ruling::Won, false) => {
            dispute.status = DisputeStatus::Won;
            let movement = Movement::DisputeReversal;
            let description = Some(format!("Chargeback reversal for {}", dispute.charge));
            let (amount, currency) = (dispute.amount, dispute.currency.clone());
            let booked =
                balance_transactions::book(call, movement, amount, &currency, id, description)
                    .await?;
            dispute.balance_transactions.push(booked);
            call.update(&dispute).await?;
            call.emit("charge.dispute.funds_reinstated", &dispute)
                .await?;
            call.emit("charge.dispute.closed", &dispute).await
        }
        (Ruling::Lost, false) => {
            dispute.status = DisputeStatus::Lost;
            call.update(&dispute).await?;
            call.emit("charge.dispute.closed", &dispute).await
        }
    }
}

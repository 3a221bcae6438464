//! Owns the API calls on disputes: evidence, giving in, retrieve, list.

use serde_json::Value;

use super::{Dispute, DisputeStatus, EVIDENCE, Ruling, course};
use crate::call::Call;
use crate::errors::ApiError;
use crate::form::Form;
use crate::lists::{self, PAGE_PARAMETERS};
use crate::outcomes::Outcome;
use crate::store::Selection;

/// Between evidence and ruling.
const RULING_DELAY_SECONDS: i64 = 1;

/// The texts by which a test decides the outcome, as at Stripe.
const WINNING_EVIDENCE: &str = "winning_evidence";
const LOSING_EVIDENCE: &str = "losing_evidence";
const ESCALATING_EVIDENCE: &str = "escalate_inquiry_evidence";

pub(crate) async fn update(call: &mut Call<'_>, id: &str, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&["evidence", "metadata", "submit"])?;
    for (name, _) in form.section("evidence") {
        if !EVIDENCE.contains(&name) {
            let message = format!("Received unknown parameter: evidence[{name}]");
            return Err(ApiError::parameter(
                "evidence",
                "parameter_unknown",
                message,
            ));
        }
    }
    let mut dispute: Dispute = call.get(id).await?;
    if form.has_section("evidence") {
        require_open(&dispute)?;
        for (name, value) in form.section("evidence") {
            dispute.evidence.insert(name.to_owned(), value.to_owned());
        }
        if form.text("submit") != Some("false") {
            submit(call, &mut dispute).await?;
        }
    }
    form.merge_metadata(&mut dispute.metadata)?;
    call.update(&dispute).await?;
    call.emit("charge.dispute.updated", &dispute).await?;
    Ok(call.render(&dispute))
}

async fn submit(call: &mut Call<'_>, dispute: &mut Dispute) -> Result<(), ApiError> {
    dispute.submissions += 1;
    dispute.status = match dispute.is_inquiry() {
        true => DisputeStatus::WarningUnderReview,
        false => DisputeStatus::UnderReview,
    };
    let said = |text: &str| dispute.evidence.values().any(|value| value == text);
    let ruling = if said(WINNING_EVIDENCE) {
        Some(Ruling::Won)
    } else if said(LOSING_EVIDENCE) {
        Some(Ruling::Lost)
    } else if said(ESCALATING_EVIDENCE) {
        Some(Ruling::Escalated)
    } else {
        None
    };
    match ruling {
        Some(ruling) => {
            let outcome = Outcome::DisputeRuling {
                dispute: dispute.id.clone(),
                ruling,
            };
            call.schedule(RULING_DELAY_SECONDS, outcome).await
        }
        None => Ok(()),
    }
}

/// The merchant gives in.
pub(crate) async fn close(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let dispute: Dispute = call.get(id).await?;
    require_open(&dispute)?;
    course::rule(call, id, Ruling::Lost).await?;
    let dispute: Dispute = call.get(id).await?;
    Ok(call.render(&dispute))
}

fn require_open(dispute: &Dispute) -> Result<(), ApiError> {
    if dispute.is_over() {
        return Err(ApiError::refused("", "This dispute is already closed"));
    }
    Ok(())
}

pub(crate) async fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let dispute: Dispute = call.get(id).await?;
    Ok(call.render(&dispute))
}

pub(crate) async fn list(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[PAGE_PARAMETERS.as_slice(), &["charge", "payment_intent"]].concat())?;
    let owners = Selection {
        charge: form.owned("charge"),
        payment_intent: form.owned("payment_intent"),
        ..Selection::default()
    };
    lists::page::<Dispute>(call, form, "/v1/disputes", owners).await
}

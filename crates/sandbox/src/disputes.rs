//! Owns disputes, inquiries and early fraud warnings: what a card's owner says to the bank after
//! the fact. Does not own the charge.
//!
//! A dispute withdraws its amount and a fee when it opens; won, the amount comes back; lost, it
//! stays away. An inquiry withdraws nothing until it is escalated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::balance_transactions::{self, BalanceTransaction, Movement};
use crate::behaviour::Aftermath;
use crate::call::Call;
use crate::charges::{Charge, DisputeMark};
use crate::errors::ApiError;
use crate::form::Form;
use crate::ids::new_id;
use crate::lists::{self, PAGE_PARAMETERS};
use crate::outcomes::Outcome;
use crate::store::{Object, Owners, Selection, View};

/// Between the payment and the complaint, so that the payment is heard of first.
const COMPLAINT_DELAY_SECONDS: i64 = 1;
/// Between evidence and ruling.
const RULING_DELAY_SECONDS: i64 = 1;
const RESPONSE_SECONDS: i64 = 7 * 24 * 60 * 60;

/// The texts by which a test decides the outcome, as at Stripe.
const WINNING_EVIDENCE: &str = "winning_evidence";
const LOSING_EVIDENCE: &str = "losing_evidence";
const ESCALATING_EVIDENCE: &str = "escalate_inquiry_evidence";

/// The evidence fields of the API that are texts; files are not taken.
const EVIDENCE: [&str; 18] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Dispute {
    id: String,
    created: i64,
    amount: i64,
    currency: String,
    charge: String,
    payment_intent: String,
    brand: String,
    reason: DisputeReason,
    status: DisputeStatus,
    evidence: BTreeMap<String, String>,
    submissions: i64,
    balance_transactions: Vec<BalanceTransaction>,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DisputeReason {
    Fraudulent,
    ProductNotReceived,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DisputeStatus {
    WarningNeedsResponse,
    WarningUnderReview,
    WarningClosed,
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
}

/// How the bank decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ruling {
    Won,
    Lost,
    Escalated,
}

impl Object for Dispute {
    const KIND: &'static str = "dispute";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owners(&self) -> Owners<'_> {
        Owners {
            customer: None,
            payment_intent: Some(&self.payment_intent),
            charge: Some(&self.charge),
        }
    }

    fn render(&self, view: &View<'_>) -> Value {
        let due_by = self.created + RESPONSE_SECONDS;
        let movements: Vec<Value> = self
            .balance_transactions
            .iter()
            .map(|movement| movement.render(view))
            .collect();
        json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transaction": self.balance_transactions.first().map(|first| first.id()),
            "balance_transactions": movements,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": self.render_evidence(),
            "evidence_details": {
                "due_by": due_by,
                "enhanced_eligibility": {},
                "has_evidence": !self.evidence.is_empty(),
                "past_due": view.now > due_by,
                "submission_count": self.submissions,
            },
            "is_charge_refundable": self.is_inquiry(),
            "livemode": false,
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "payment_method_details": {
                "card": {
                    "brand": self.brand,
                    "case_type": if self.is_inquiry() { "inquiry" } else { "chargeback" },
                    "network_reason_code": self.reason.network_code(),
                },
                "type": "card",
            },
            "reason": self.reason,
            "status": self.status,
        })
    }
}

impl DisputeReason {
    /// Visa's number for it.
    fn network_code(self) -> &'static str {
        match self {
            Self::Fraudulent => "10.4",
            Self::ProductNotReceived => "13.1",
        }
    }
}

impl Dispute {
    fn is_inquiry(&self) -> bool {
        use DisputeStatus::{WarningClosed, WarningNeedsResponse, WarningUnderReview};
        matches!(
            self.status,
            WarningNeedsResponse | WarningUnderReview | WarningClosed
        )
    }

    fn render_evidence(&self) -> Value {
        let text = |name: &&str| ((*name).to_owned(), json!(self.evidence.get(*name)));
        Value::Object(EVIDENCE.iter().map(text).collect::<Map<_, _>>())
    }

    fn new(charge: &Charge, amount: i64, reason: DisputeReason, now: i64) -> Self {
        Self {
            id: new_id("du"),
            created: now,
            amount,
            currency: charge.currency.clone(),
            charge: charge.id.clone(),
            payment_intent: charge.payment_intent.clone(),
            brand: charge.card.brand.name().to_owned(),
            reason,
            status: DisputeStatus::NeedsResponse,
            evidence: BTreeMap::new(),
            submissions: 0,
            balance_transactions: Vec::new(),
            metadata: BTreeMap::new(),
        }
    }
}

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

async fn withdraw(call: &mut Call<'_>, dispute: &mut Dispute) -> Result<(), ApiError> {
    let description = Some(format!("Chargeback withdrawal for {}", dispute.charge));
    let movement = Movement::DisputeWithdrawal;
    let (amount, currency) = (-dispute.amount, dispute.currency.clone());
    let booked =
        balance_transactions::book(call, movement, amount, &currency, &dispute.id, description)
            .await?;
    dispute.balance_transactions.push(booked);
    call.update(dispute).await?;
    let mut charge: Charge = call.get(&dispute.charge).await?;
    charge.dispute = DisputeMark::Disputed;
    call.update(&charge).await
}

/// The bank decides.
pub(crate) async fn rule(call: &mut Call<'_>, id: &str, ruling: Ruling) -> Result<(), ApiError> {
    let mut dispute: Dispute = call.get(id).await?;
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
    rule(call, id, Ruling::Lost).await?;
    let dispute: Dispute = call.get(id).await?;
    Ok(call.render(&dispute))
}

fn require_open(dispute: &Dispute) -> Result<(), ApiError> {
    use DisputeStatus::{NeedsResponse, UnderReview, WarningNeedsResponse, WarningUnderReview};
    match dispute.status {
        NeedsResponse | UnderReview | WarningNeedsResponse | WarningUnderReview => Ok(()),
        DisputeStatus::Won | DisputeStatus::Lost | DisputeStatus::WarningClosed => {
            Err(ApiError::refused("", "This dispute is already closed"))
        }
    }
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

/// The issuer reports fraud before the owner complains.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EarlyFraudWarning {
    id: String,
    created: i64,
    charge: String,
    payment_intent: String,
}

impl Object for EarlyFraudWarning {
    const KIND: &'static str = "radar.early_fraud_warning";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owners(&self) -> Owners<'_> {
        Owners {
            customer: None,
            payment_intent: Some(&self.payment_intent),
            charge: Some(&self.charge),
        }
    }

    fn render(&self, _view: &View<'_>) -> Value {
        json!({
            "id": self.id,
            "object": "radar.early_fraud_warning",
            "actionable": true,
            "charge": self.charge,
            "created": self.created,
            "fraud_type": "unauthorized_use_of_card",
            "livemode": false,
            "payment_intent": self.payment_intent,
        })
    }
}

pub(crate) async fn warn(call: &mut Call<'_>, charge: &str) -> Result<(), ApiError> {
    let charge: Charge = call.get(charge).await?;
    let warning = EarlyFraudWarning {
        id: new_id("issfr"),
        created: call.now,
        charge: charge.id,
        payment_intent: charge.payment_intent,
    };
    call.insert(&warning).await?;
    call.emit("radar.early_fraud_warning.created", &warning)
        .await
}

pub(crate) async fn retrieve_warning(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let warning: EarlyFraudWarning = call.get(id).await?;
    Ok(call.render(&warning))
}

pub(crate) async fn list_warnings(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[PAGE_PARAMETERS.as_slice(), &["charge", "payment_intent"]].concat())?;
    let owners = Selection {
        charge: form.owned("charge"),
        payment_intent: form.owned("payment_intent"),
        ..Selection::default()
    };
    let url = "/v1/radar/early_fraud_warnings";
    lists::page::<EarlyFraudWarning>(call, form, url, owners).await
}

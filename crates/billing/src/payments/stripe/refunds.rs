//! Giving money back: asking for it, and what became of it.
//!
//! Owns what a refund's status and balance transaction mean. Does not own what it does to credit.

use types::ids::RefundId;
use types::money::Cents;

use super::client::{Answer, Form, read};
use super::map::CURRENCY;
use super::wire::{BalanceTransaction, Page, Refund};
use crate::payments::gateway::{
    Gateway, GatewayError, GatewayIntent, GatewayRefund, RefundOutcome, RefundRequest, RefundStage,
    RefundWord,
};

/// More refunds of one charge than anybody makes.
const REFUNDS_A_PAGE: u32 = 100;
/// What a failure is called where the gateway does not say why.
const UNKNOWN: &str = "unknown";

impl Gateway {
    /// Gives back a part of a charge, or all of it. The same request under the same key again is
    /// the same refund.
    ///
    /// # Errors
    /// When nobody knows whether money goes back.
    pub async fn refund(&self, request: &RefundRequest) -> Result<RefundOutcome, GatewayError> {
        let mut form = expanding("");
        form.extend([
            ("payment_intent", request.intent.to_string()),
            ("amount", request.amount.get().to_string()),
            ("reason", "requested_by_customer".to_owned()),
            ("metadata[refund_id]", request.refund.to_string()),
            (
                "metadata[organization_id]",
                request.organization.to_string(),
            ),
        ]);
        match self.client.post(&["refunds"], &form, &request.key).await? {
            Answer::Object(body) => {
                let word = word(&read::<Refund>(&body)?)?;
                if word.amount != request.amount {
                    return Err(GatewayError::OtherAmount);
                }
                Ok(RefundOutcome::Made(word))
            }
            Answer::Refusal(refusal) => Ok(RefundOutcome::Refused {
                code: refusal.code(),
            }),
        }
    }

    /// What became of a refund, as of now.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn find_refund(&self, refund: &GatewayRefund) -> Result<RefundWord, GatewayError> {
        let path = ["refunds", refund.as_str()];
        match self.client.get(&path, &expanding("")).await? {
            Answer::Object(body) => word(&read::<Refund>(&body)?),
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }

    /// Every refund of a charge, newest first.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed, or has more than a page of them.
    pub async fn list_refunds(
        &self,
        intent: &GatewayIntent,
    ) -> Result<Vec<RefundWord>, GatewayError> {
        let mut query = expanding("data.");
        query.push(("payment_intent", intent.to_string()));
        query.push(("limit", REFUNDS_A_PAGE.to_string()));
        let page: Page<Refund> = match self.client.get(&["refunds"], &query).await? {
            Answer::Object(body) => read(&body)?,
            Answer::Refusal(refusal) => return Err(refusal.into_error()),
        };
        if page.has_more {
            return Err(GatewayError::Unreadable);
        }
        page.data.iter().map(word).collect()
    }
}

fn expanding(prefix: &str) -> Form {
    vec![("expand[]", format!("{prefix}balance_transaction"))]
}

fn word(refund: &Refund) -> Result<RefundWord, GatewayError> {
    let id = refund.id.as_deref().and_then(|id| id.parse().ok());
    let amount = refund.amount.filter(|cents| *cents > 0);
    if refund.currency.as_deref() != Some(CURRENCY) {
        return Err(GatewayError::OtherAmount);
    }
    let stage = match refund.status.as_deref() {
        Some("pending" | "requires_action") => RefundStage::Pending,
        Some("succeeded") => RefundStage::Succeeded,
        Some("failed") => RefundStage::Failed {
            code: code(refund.failure_reason.as_deref()),
        },
        Some("canceled") => RefundStage::Failed {
            code: "canceled".to_owned(),
        },
        // A status we do not know may mean anything.
        Some(_) | None => return Err(GatewayError::Unreadable),
    };
    let (Some(id), Some(amount)) = (id, amount) else {
        return Err(GatewayError::Unreadable);
    };
    let intent = refund
        .payment_intent
        .as_ref()
        .and_then(|intent| intent.id());
    Ok(RefundWord {
        refund: id,
        intent: intent.and_then(|id| id.parse().ok()),
        amount: Cents::new(amount),
        ours: ours(refund),
        stage,
        fee: fee(refund
            .balance_transaction
            .as_ref()
            .and_then(|booked| booked.object())),
    })
}

/// Our mark on it, where it was asked for here.
pub(super) fn ours(refund: &Refund) -> Option<RefundId> {
    let id = refund.metadata.as_ref()?.get("refund_id")?;
    id.parse().ok()
}

/// What is kept in dollars; a fee that is given back is none of a refund's.
fn fee(booked: Option<&BalanceTransaction>) -> Cents {
    let kept = booked
        .filter(|booked| booked.currency.as_deref() == Some(CURRENCY))
        .and_then(|booked| booked.fee);
    Cents::new(kept.unwrap_or(0).max(0))
}

/// The gateway's word, cut to what a code can be.
fn code(text: Option<&str>) -> String {
    const LONGEST: usize = 80;
    let allowed = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let code: String = text
        .unwrap_or(UNKNOWN)
        .chars()
        .filter(allowed)
        .take(LONGEST)
        .collect();
    if code.is_empty() {
        UNKNOWN.to_owned()
    } else {
        code
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_word(status: &str) -> Result<RefundWord, GatewayError> {
        let refund = json!({
            "id": "re_1", "amount": 700, "currency": "usd",
            "status": status, "failure_reason": "lost_or_stolen_card", "payment_intent": "pi_1",
            "metadata": {"refund_id": "01932f6e-7c1a-7000-8000-0123456789ab"},
            "balance_transaction": {"fee": 3, "currency": "usd", "amount": -700},
            "something_new": [1],
        });
        word(&serde_json::from_value(refund).unwrap())
    }

    #[test]
    fn each_status_is_read_and_an_unknown_one_is_no_answer() {
        let stage = |status: &str| read_word(status).map(|word| word.stage);
        let failed = |code: &str| {
            Ok(RefundStage::Failed {
                code: code.to_owned(),
            })
        };
        assert_eq!(stage("pending"), Ok(RefundStage::Pending));
        assert_eq!(stage("requires_action"), Ok(RefundStage::Pending));
        assert_eq!(stage("succeeded"), Ok(RefundStage::Succeeded));
        assert_eq!(stage("failed"), failed("lost_or_stolen_card"));
        assert_eq!(stage("canceled"), failed("canceled"));
        assert_eq!(stage("on_the_moon"), Err(GatewayError::Unreadable));
        let word = read_word("pending").unwrap();
        assert_eq!((word.fee, word.amount), (Cents::new(3), Cents::new(700)));
        assert!(word.ours.is_some());
    }

    #[test]
    fn a_refund_in_another_currency_is_about_other_money() {
        let refund = json!({"id": "re_1", "amount": 700, "currency": "eur", "status": "succeeded"});
        assert_eq!(
            word(&serde_json::from_value(refund).unwrap()),
            Err(GatewayError::OtherAmount)
        );
    }
}

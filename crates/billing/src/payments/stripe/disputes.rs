//! What card owners complain about at their banks: reading a dispute and listing them.
//!
//! Owns what a dispute's status and balance transactions come to. Does not own what it does to
//! credit.

use types::dispute::DisputeStage;
use types::money::Cents;
use types::time::Timestamp;

use super::client::{Answer, read};
use super::map::CURRENCY;
use super::wire::{BalanceTransaction, Dispute, Page};
use crate::payments::gateway::{DisputeWord, Gateway, GatewayDispute, GatewayError};
use crate::payments::listed::Listed;

/// The most that Stripe gives at once.
const DISPUTES_A_PAGE: u32 = 100;

impl Gateway {
    /// How a dispute stands, as of now.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn find_dispute(
        &self,
        dispute: &GatewayDispute,
    ) -> Result<DisputeWord, GatewayError> {
        let path = ["disputes", dispute.as_str()];
        match self.client.get(&path, &Vec::new()).await? {
            Answer::Object(body) => word(&read::<Dispute>(&body)?),
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }

    /// A page of the disputes that were opened since a time, newest first. One that cannot be read
    /// is left out and logged: the others are still to be looked at.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn list_disputes(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<DisputeWord>, GatewayError> {
        let mut query = vec![
            ("created[gte]", since.timestamp().to_string()),
            ("limit", DISPUTES_A_PAGE.to_string()),
        ];
        query.extend(after.map(|id| ("starting_after", id)));
        let page: Page<Dispute> = match self.client.get(&["disputes"], &query).await? {
            Answer::Object(body) => read(&body)?,
            Answer::Refusal(refusal) => return Err(refusal.into_error()),
        };
        let words = page.data.iter().filter_map(|dispute| {
            word(dispute)
                .inspect_err(|error| tracing::error!(%error, "a dispute cannot be read"))
                .ok()
        });
        let items = words.collect();
        let next = match page.has_more {
            true => {
                let last = page.data.into_iter().next_back();
                let last = last.and_then(|last| last.id);
                Some(last.ok_or(GatewayError::Unreadable)?)
            }
            false => None,
        };
        Ok(Listed { items, next })
    }
}

/// What Stripe's status is called here; a new one may mean anything.
pub(super) fn stage(status: &str) -> Option<DisputeStage> {
    Some(match status {
        "warning_needs_response" | "warning_under_review" => DisputeStage::Inquiry,
        // The second: the bank prevented it, and nothing is withdrawn.
        "warning_closed" | "prevented" => DisputeStage::Closed,
        "needs_response" | "under_review" => DisputeStage::Open,
        "won" => DisputeStage::Won,
        "lost" => DisputeStage::Lost,
        _ => return None,
    })
}

fn word(dispute: &Dispute) -> Result<DisputeWord, GatewayError> {
    if dispute.currency.as_deref() != Some(CURRENCY) {
        return Err(GatewayError::OtherAmount);
    }
    let stage = dispute.status.as_deref().and_then(stage);
    let stage = stage.ok_or(GatewayError::Unreadable)?;
    let id = dispute.id.as_deref().and_then(|id| id.parse().ok());
    let amount = dispute.amount.filter(|cents| *cents >= 0);
    let (Some(id), Some(amount), Some(created)) = (id, amount, dispute.created) else {
        return Err(GatewayError::Unreadable);
    };
    let moved = dispute.balance_transactions.as_deref().unwrap_or_default();
    let intent = dispute
        .payment_intent
        .as_ref()
        .and_then(|intent| intent.id());
    Ok(DisputeWord {
        dispute: id,
        intent: intent.and_then(|id| id.parse().ok()),
        stage,
        amount: Cents::new(amount),
        withdrawn: sum(moved, |booked| booked.amount.map(|amount| -amount))?,
        fee: sum(moved, |booked| Some(booked.fee.unwrap_or(0)))?,
        movements: u32::try_from(moved.len()).map_err(|_| GatewayError::Unreadable)?,
        reason: reason(dispute.reason.as_deref()),
        opened_at: Timestamp::from_timestamp(created, 0).ok_or(GatewayError::Unreadable)?,
    })
}

/// What its movements come to together. What is not in dollars cannot be added up, and more given
/// back than taken is nobody's dispute.
fn sum(
    moved: &[BalanceTransaction],
    part: impl Fn(&BalanceTransaction) -> Option<i64>,
) -> Result<Cents, GatewayError> {
    let mut sum = 0_i64;
    for booked in moved {
        if booked.currency.as_deref() != Some(CURRENCY) {
            return Err(GatewayError::OtherAmount);
        }
        let part = part(booked).ok_or(GatewayError::Unreadable)?;
        sum = sum.checked_add(part).ok_or(GatewayError::Unreadable)?;
    }
    if sum < 0 {
        return Err(GatewayError::OtherAmount);
    }
    Ok(Cents::new(sum))
}

fn reason(text: Option<&str>) -> String {
    const LONGEST: usize = 80;
    let allowed = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    text.unwrap_or("general")
        .chars()
        .filter(allowed)
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::scripted::{Scripted, Turn};
    use super::*;

    fn read_word(status: &str, moved: &Value) -> Result<DisputeWord, GatewayError> {
        let dispute = json!({
            "id": "du_1", "amount": 2_500, "currency": "usd", "created": 1_773_230_400,
            "status": status, "reason": "fraudulent", "payment_intent": {"id": "pi_1"},
            "balance_transactions": moved, "something_new": {},
        });
        word(&serde_json::from_value(dispute).unwrap())
    }

    #[test]
    fn what_it_comes_to_is_the_sum_of_its_movements() {
        let taken = json!({"amount": -2_500, "fee": 1_500, "currency": "usd"});
        let given_back = json!({"amount": 2_500, "fee": 0, "currency": "usd"});
        let came_to = |status: &str, moved: &[&Value]| {
            let word = read_word(status, &json!(moved)).unwrap();
            (word.stage, word.withdrawn.get(), word.fee.get())
        };
        let table = [
            (
                came_to("warning_needs_response", &[]),
                (DisputeStage::Inquiry, 0, 0),
            ),
            (came_to("warning_closed", &[]), (DisputeStage::Closed, 0, 0)),
            (
                came_to("needs_response", &[&taken]),
                (DisputeStage::Open, 2_500, 1_500),
            ),
            (
                came_to("lost", &[&taken]),
                (DisputeStage::Lost, 2_500, 1_500),
            ),
            (
                came_to("won", &[&taken, &given_back]),
                (DisputeStage::Won, 0, 1_500),
            ),
        ];
        for (read, expected) in table {
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_cannot_be_told_for_certain_is_no_answer() {
        let euros = json!([{"amount": -2_500, "fee": 0, "currency": "eur"}]);
        assert_eq!(read_word("lost", &euros), Err(GatewayError::OtherAmount));
        let nothing = json!([]);
        assert_eq!(
            read_word("new_one", &nothing),
            Err(GatewayError::Unreadable)
        );
    }

    #[tokio::test]
    async fn disputes_come_a_page_at_a_time_and_one_that_cannot_be_read_is_passed_over() {
        let dispute = |id: &str, currency: &str| {
            json!({
                "id": id, "amount": 2_500, "currency": currency, "created": 1_773_230_400,
                "status": "needs_response", "payment_intent": "pi_1", "balance_transactions": [],
            })
        };
        let first = json!({ "has_more": true,
            "data": [dispute("du_3", "usd"), dispute("du_2", "eur")] });
        let second = json!({ "has_more": false, "data": [dispute("du_1", "usd")] });
        let gateway = Scripted::play(vec![Turn::Answer(200, first), Turn::Answer(200, second)]);
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = gateway.gateway.list_disputes(Timestamp::UNIX_EPOCH, after);
            let page = page.await.unwrap();
            read.extend(page.items.iter().map(|word| word.dispute.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(read, ["du_3", "du_1"]);
        let seen = gateway.seen();
        assert!(
            seen[1].line.contains("starting_after=du_2"),
            "{}",
            seen[1].line
        );
    }
}

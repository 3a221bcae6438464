//! Reading what the gateway has, a page at a time, newest first.
//!
//! Owns the lists' addresses and what of each object is compared. Does not own its shape (`wire`), nor
//! how many pages anybody reads.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use types::time::Timestamp;

use super::client::{Answer, Form, Refusal, read};
use super::disputes::stage;
use super::wire::{Customer, Dispute, Expandable, Intent, Page, PaymentMethod, Refund};
use super::{CLOCK_TOLERANCE_SECONDS, expanding, map, refunds};
use crate::payments::gateway::{Gateway, GatewayCustomer, GatewayError, GatewayIntent};
use crate::payments::listed::{
    Listed, ListedDispute, ListedMethod, ListedPayment, ListedRefund, Standing, Sum,
};

/// The most that Stripe gives at once.
const A_PAGE: u32 = 100;

impl Gateway {
    /// A page of everything that anybody was to pay since a time.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn payments_since(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<ListedPayment>, GatewayError> {
        let query = expanding("data.");
        let page: Page<Intent> = self.page(&["payment_intents"], query, since, after).await?;
        listed(page, |intent| intent.id.clone(), payment)
    }

    /// One payment as it is now; `None` when the gateway has no such payment.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn listed_payment(
        &self,
        intent: &GatewayIntent,
    ) -> Result<Option<ListedPayment>, GatewayError> {
        let path = ["payment_intents", intent.as_str()];
        match self.client.get(&path, &expanding("")).await? {
            Answer::Object(body) => payment(read(&body)?).map(Some),
            Answer::Refusal(refusal) => missing(refusal).map(|()| None),
        }
    }

    /// A page of what a customer can be charged with, of whatever kind; `None` when the gateway has
    /// no such customer.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn attached_methods(
        &self,
        customer: &GatewayCustomer,
        after: Option<String>,
    ) -> Result<Option<Listed<ListedMethod>>, GatewayError> {
        let path = ["customers", customer.as_str(), "payment_methods"];
        let mut query = vec![("limit", A_PAGE.to_string())];
        query.extend(after.map(|id| ("starting_after", id)));
        match self.client.get(&path, &query).await? {
            Answer::Object(body) => {
                let page: Page<PaymentMethod> = read(&body)?;
                listed(page, |method| method.id.clone(), method).map(Some)
            }
            Answer::Refusal(refusal) => missing(refusal).map(|()| None),
        }
    }

    /// A page of everything that was given back since a time.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn refunds_since(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<ListedRefund>, GatewayError> {
        let page: Page<Refund> = self.page(&["refunds"], Form::new(), since, after).await?;
        listed(page, |refund| refund.id.clone(), refund)
    }

    /// One refund as it is now; `None` when the gateway has no such refund.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn listed_refund(&self, name: &str) -> Result<Option<ListedRefund>, GatewayError> {
        match self.client.get(&["refunds", name], &Form::new()).await? {
            Answer::Object(body) => refund(read(&body)?).map(Some),
            Answer::Refusal(refusal) => missing(refusal).map(|()| None),
        }
    }

    /// A page of everything that was disputed since a time.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn disputes_since(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<ListedDispute>, GatewayError> {
        let page: Page<Dispute> = self.page(&["disputes"], Form::new(), since, after).await?;
        listed(page, |dispute| dispute.id.clone(), dispute)
    }

    /// In which currencies the account has or had money, in small letters: those that it settles in.
    /// Empty for one that never took any.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn balance_currencies(&self) -> Result<BTreeSet<String>, GatewayError> {
        match self.client.get(&["balance"], &Form::new()).await? {
            Answer::Object(body) => {
                let balance: Balance = read(&body)?;
                let sums = balance.available.into_iter().chain(balance.pending);
                Ok(sums.filter_map(|sum| sum.currency).collect())
            }
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }

    async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        mut query: Form,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Page<T>, GatewayError> {
        let since = since.timestamp().saturating_sub(CLOCK_TOLERANCE_SECONDS);
        query.push(("created[gte]", since.to_string()));
        query.push(("limit", A_PAGE.to_string()));
        query.extend(after.map(|id| ("starting_after", id)));
        match self.client.get(path, &query).await? {
            Answer::Object(body) => read(&body),
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }
}

/// A refusal that says that what was named is not there.
fn missing(refusal: Refusal) -> Result<(), GatewayError> {
    let is_named_as_missing = refusal.fault.code.as_deref() == Some("resource_missing");
    if refusal.is_missing || is_named_as_missing {
        Ok(())
    } else {
        Err(refusal.into_error())
    }
}

fn listed<T, U>(
    page: Page<T>,
    id: impl Fn(&T) -> Option<String>,
    read: impl Fn(T) -> Result<U, GatewayError>,
) -> Result<Listed<U>, GatewayError> {
    // A page that says that there are more and does not say after what would be read for ever.
    let next = match (page.has_more, page.data.last()) {
        (false, _) => None,
        (true, Some(last)) => Some(id(last).ok_or(GatewayError::Unreadable)?),
        (true, None) => return Err(GatewayError::Unreadable),
    };
    let items = page.data.into_iter().map(read);
    let items = items.collect::<Result<_, _>>()?;
    Ok(Listed { items, next })
}

fn payment(intent: Intent) -> Result<ListedPayment, GatewayError> {
    let top_up = map::top_up(&intent);
    let status = intent.status.ok_or(GatewayError::Unreadable)?;
    let standing = match status.as_str() {
        "succeeded" => Standing::Paid,
        "canceled" | "requires_payment_method" => Standing::Unpaid,
        // A status that is new may mean anything.
        _ => Standing::Open,
    };
    let cents = match standing {
        Standing::Paid => intent.amount_received.or(intent.amount),
        Standing::Open | Standing::Unpaid => intent.amount,
    };
    let customer = intent
        .customer
        .as_ref()
        .and_then(Expandable::<Customer>::id);
    let charge = intent.latest_charge.as_ref().and_then(Expandable::object);
    let refunded = charge.and_then(|charge| charge.amount_refunded);
    let kept = charge.and_then(|charge| charge.balance_transaction.as_ref()?.object());
    Ok(ListedPayment {
        intent: intent
            .id
            .and_then(|id| id.parse().ok())
            .ok_or(GatewayError::Unreadable)?,
        standing,
        status,
        sum: sum(cents, intent.currency).ok_or(GatewayError::Unreadable)?,
        refunded_cents: refunded.unwrap_or(0),
        fee: kept.and_then(|kept| sum(kept.fee, kept.currency.clone())),
        customer: customer.map(str::to_owned),
        top_up,
    })
}

fn refund(refund: Refund) -> Result<ListedRefund, GatewayError> {
    let ours = refunds::ours(&refund);
    let status = refund.status.ok_or(GatewayError::Unreadable)?;
    Ok(ListedRefund {
        refund: refund.id.ok_or(GatewayError::Unreadable)?,
        standing: match status.as_str() {
            "succeeded" => Standing::Paid,
            "failed" | "canceled" => Standing::Unpaid,
            _ => Standing::Open,
        },
        status,
        sum: sum(refund.amount, refund.currency).ok_or(GatewayError::Unreadable)?,
        intent: intent_id(refund.payment_intent.as_ref()),
        ours,
    })
}

fn method(method: PaymentMethod) -> Result<ListedMethod, GatewayError> {
    let expiry = method
        .card
        .and_then(|card| card.exp_month.zip(card.exp_year));
    Ok(ListedMethod {
        method: method.id.ok_or(GatewayError::Unreadable)?,
        expiry,
    })
}

fn dispute(dispute: Dispute) -> Result<ListedDispute, GatewayError> {
    let moved = dispute.balance_transactions.unwrap_or_default();
    let moved = moved.iter().filter_map(|moved| moved.amount);
    let withdrawn = moved.fold(0_i64, i64::saturating_sub);
    let status = dispute.status.ok_or(GatewayError::Unreadable)?;
    Ok(ListedDispute {
        dispute: dispute.id.ok_or(GatewayError::Unreadable)?,
        stage: stage(&status),
        status,
        sum: sum(dispute.amount, dispute.currency).ok_or(GatewayError::Unreadable)?,
        withdrawn_cents: withdrawn,
        intent: intent_id(dispute.payment_intent.as_ref()),
    })
}

fn intent_id(intent: Option<&Expandable<Intent>>) -> Option<GatewayIntent> {
    intent?.id()?.parse().ok()
}

fn sum(cents: Option<i64>, currency: Option<String>) -> Option<Sum> {
    let (cents, currency) = (cents?, currency?);
    Some(Sum { cents, currency })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Balance {
    available: Vec<Held>,
    pending: Vec<Held>,
}

/// What the account has in one currency.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Held {
    currency: Option<String>,
}

//! The gateway adapter: Stripe's API, or the built-in sandbox, which speaks the same.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | charging, cancelling, and finding what became of a charge |
//! | `customers` | customers and their cards |
//! | `refunds`, `disputes` | money that goes back |
//! | `setup` | setting a card up for later, and what the gateway's own script needs |
//! | `lists` | reading what the gateway has, for comparing |
//! | `client` | HTTP: address, headers, time-outs, retries |
//! | `wire` | the fields that are read |
//! | `map` | what they mean |
//! | `webhook` | checking and reading a notification |
//!
//! Does not own a database row or a clock.

pub(super) mod client;
mod customers;
mod disputes;
mod lists;
mod map;
mod refunds;
mod setup;
pub mod webhook;
mod wire;

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;

use types::ids::TopUpId;
use types::time::Timestamp;

use self::client::{Answer, Form, read};
use self::wire::{Intent, Page};
use super::gateway::{
    ChargeRequest, Gateway, GatewayCustomer, GatewayError, GatewayIntent, Outcome, Presence,
};

/// How far the gateway's clock and ours may be apart when we ask for what is newer than a time.
const CLOCK_TOLERANCE_SECONDS: i64 = 300;
/// What may pay, in Stripe's words.
const CARD: &str = "card";
const LINK: &str = "link";
const INTENTS_A_PAGE: u32 = 50;
/// With the page size: 500 payments of one customer since one top-up was started.
const MAX_PAGES: u32 = 10;

impl Gateway {
    /// Charges a card. The same request under the same key again is the same charge: it answers
    /// what the first one did and takes nothing.
    ///
    /// # Errors
    /// When nobody knows whether the card was charged.
    pub async fn charge(&self, request: &ChargeRequest) -> Result<Outcome, GatewayError> {
        let form = charge_form(request, self.kinds);
        match self
            .client
            .post(&["payment_intents"], &form, &request.key)
            .await?
        {
            Answer::Object(body) => map::outcome_of_charge(&read::<Intent>(&body)?, request.amount),
            Answer::Refusal(refusal) => map::refused_charge(&refusal, request.amount),
        }
    }

    /// What became of a charge, as of now. The caller compares the amount with what was asked.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn find_intent(&self, intent: &GatewayIntent) -> Result<Outcome, GatewayError> {
        let path = ["payment_intents", intent.as_str()];
        match self.client.get(&path, &expanding("")).await? {
            Answer::Object(body) => map::outcome(&read::<Intent>(&body)?),
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }

    /// The top-up that a charge was made for, by our mark on it; `None` where it is none of ours.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn top_up_of(&self, intent: &GatewayIntent) -> Result<Option<TopUpId>, GatewayError> {
        let path = ["payment_intents", intent.as_str()];
        match self.client.get(&path, &Vec::new()).await? {
            Answer::Object(body) => Ok(map::top_up(&read::<Intent>(&body)?)),
            Answer::Refusal(refusal) if refusal.is_missing => Ok(None),
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }

    /// Gives up a charge that waits for its owner, and answers what it is now: one that was paid or
    /// refused in the meantime stays so, and says so.
    ///
    /// # Errors
    /// When nobody knows whether it can still be paid.
    pub async fn cancel(&self, intent: &GatewayIntent) -> Result<Outcome, GatewayError> {
        let path = ["payment_intents", intent.as_str(), "cancel"];
        let form = vec![("cancellation_reason", "abandoned".to_owned())];
        let key = format!("cancel:{intent}");
        match self.client.post(&path, &form, &key).await? {
            Answer::Object(body) => map::outcome(&read::<Intent>(&body)?),
            Answer::Refusal(_) => self.find_intent(intent).await,
        }
    }

    /// What became of the charge for a top-up whose intent we never learned.
    ///
    /// `None` means that the gateway has no such charge now. While the request that was to make it
    /// may still be on its way, that proves nothing.
    ///
    /// # Errors
    /// When the gateway gives no answer that can be believed.
    pub async fn find_by_top_up(
        &self,
        customer: &GatewayCustomer,
        top_up: TopUpId,
        since: Timestamp,
    ) -> Result<Option<Outcome>, GatewayError> {
        let top_up = top_up.to_string();
        let mut found = None;
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let page = self.intents(customer, since, after).await?;
            for intent in page
                .data
                .iter()
                .filter(|intent| map::is_for_top_up(intent, &top_up))
            {
                found = Some(stronger(found, map::outcome(intent)?, &top_up));
            }
            if !page.has_more {
                return Ok(found);
            }
            let last = page
                .data
                .into_iter()
                .next_back()
                .and_then(|intent| intent.id);
            after = Some(last.ok_or(GatewayError::Unreadable)?);
        }
        Err(GatewayError::TooManyIntents)
    }

    /// A page of what a customer was to pay, newest first.
    async fn intents(
        &self,
        customer: &GatewayCustomer,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Page<Intent>, GatewayError> {
        let since = since.timestamp().saturating_sub(CLOCK_TOLERANCE_SECONDS);
        let mut query = expanding("data.");
        query.push(("customer", customer.to_string()));
        query.push(("created[gte]", since.to_string()));
        query.push(("limit", INTENTS_A_PAGE.to_string()));
        query.extend(after.map(|id| ("starting_after", id)));
        match self.client.get(&["payment_intents"], &query).await? {
            Answer::Object(body) => read(&body),
            Answer::Refusal(refusal) => Err(refusal.into_error()),
        }
    }
}

/// The fee and the card are objects of their own; asked for here, they come with the intent.
fn expanding(prefix: &str) -> Form {
    ["latest_charge.balance_transaction", "payment_method"]
        .map(|field| ("expand[]", format!("{prefix}{field}")))
        .into()
}

/// The request in Stripe's words. It depends on nothing but `request` and the settings: a repeat must
/// be equal, or is refused as one that reuses its key, and then its fate is looked up.
///
/// Kinds are named, so that nothing can pay that we could not show: what else the account has
/// switched on may lead through pages of others, or take days. All of `kinds` may pay only where
/// something new was entered, in fields that offered them; what is saved here is a card.
fn charge_form(request: &ChargeRequest, kinds: &[&str]) -> Form {
    let mut form = expanding("");
    form.extend([
        ("amount", request.amount.get().to_string()),
        ("currency", map::CURRENCY.to_owned()),
        ("confirm", "true".to_owned()),
        // At once, so that the fee is known with the outcome; the default captures later.
        ("capture_method", "automatic".to_owned()),
        ("customer", request.customer.to_string()),
        ("payment_method", request.payment_method.to_string()),
        ("metadata[top_up_id]", request.top_up.to_string()),
        (
            "metadata[organization_id]",
            request.organization.to_string(),
        ),
    ]);
    let is_entered = request.presence == Presence::OnSession && request.save_card;
    let kinds = if is_entered { kinds } else { &[CARD] };
    form.extend(
        kinds
            .iter()
            .map(|kind| ("payment_method_types[]", (*kind).to_owned())),
    );
    match request.presence {
        Presence::OnSession => {
            if request.save_card {
                form.push(("setup_future_usage", "off_session".to_owned()));
            }
        }
        // Stripe refuses to set a card up in the absence of its owner, so saving is not asked for.
        Presence::OffSession => form.push(("off_session", "true".to_owned())),
    }
    // Link is kept for later under a mandate, and Stripe wants to hear that its terms, which its
    // fields show, were accepted; whoever types a card in among them is asked for no less. `online`
    // would take the person's address and browser, which no repeat could say again.
    if kinds.contains(&LINK) {
        form.push((
            "mandate_data[customer_acceptance][type]",
            "offline".to_owned(),
        ));
    }
    // In a person's absence no page is opened, so there is none to come back from.
    match (request.presence, &request.return_url) {
        (Presence::OnSession, Some(url)) => form.push(("return_url", url.clone())),
        (Presence::OnSession, None) | (Presence::OffSession, _) => {}
    }
    form
}

/// Of two intents for one top-up, the one that decides: paid, then undecided, then the newest.
/// Two that are paid is what idempotency keys are there to prevent: it is never passed over.
fn stronger(found: Option<Outcome>, other: Outcome, top_up: &str) -> Outcome {
    let Some(found) = found else { return other };
    if let (Outcome::Succeeded(one), Outcome::Succeeded(two)) = (&found, &other) {
        let (one, two) = (&one.intent, &two.intent);
        tracing::error!(top_up, %one, %two, "one top-up was charged twice");
    }
    if weight(&other) > weight(&found) {
        other
    } else {
        found
    }
}

fn weight(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Succeeded(_) => 2,
        Outcome::Processing { .. } | Outcome::RequiresAction { .. } => 1,
        Outcome::Declined { .. } | Outcome::Canceled { .. } | Outcome::Refused { .. } => 0,
    }
}

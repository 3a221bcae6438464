//! Cards: what each customer can be charged with at the gateway, with what is saved here. An expiry
//! that a card's bank has changed is taken over: its notice was lost.

use std::collections::HashMap;

use types::ids::OrganizationId;

use super::findings::Findings;
use super::report::{Disagreement, Kind, Side};
use super::{CompareError, Scope, rows};
use crate::jobs::reconciliation::Reconciliation;
use crate::payments::gateway::GatewayCustomer;
use crate::payments::method::renewal;

const CUSTOMERS_A_PAGE: u32 = 200;
/// Pages of a hundred cards of one customer: far more than it may save here.
const MOST_PAGES: u32 = 10;

/// Returns after which organization the next run goes on; empty when all were looked at.
pub(super) async fn compare(
    this: &Reconciliation,
    scope: &Scope,
    found: &mut Findings,
) -> Result<String, CompareError> {
    let core = this.core();
    let mut after = scope.cards_after.clone();
    let mut left = scope.most_customers;
    while left > 0 {
        let limit = left.min(CUSTOMERS_A_PAGE);
        let page = {
            let mut connection = core.db.readers().acquire().await?;
            let account = core.gateway.account();
            rows::customers_in(&mut connection, account, &after, i64::from(limit)).await?
        };
        for (organization, customer) in &page {
            found.compared.customers += 1;
            let differs = compare_one(this, *organization, customer, found).await?;
            found.add(differs);
        }
        match page.last() {
            Some((last, _)) if page.len() == limit as usize => after = last.to_string(),
            Some(_) | None => return Ok(String::new()),
        }
        left -= limit;
    }
    Ok(after)
}

/// Ours is read before and after: what was saved or removed meanwhile differs from neither.
async fn compare_one(
    this: &Reconciliation,
    organization: OrganizationId,
    customer: &GatewayCustomer,
    findings: &mut Findings,
) -> Result<Vec<Disagreement>, CompareError> {
    let found = |kind, reference: &str, ours: &str, gateway: &str| Disagreement {
        kind,
        organization: Some(organization),
        top_up: None,
        reference: Some(reference.to_owned()),
        ours: state(ours),
        gateway: state(gateway),
    };
    let before = read(this, organization).await?;
    let Some(attached) = attached(this, customer).await? else {
        let gone = found(Kind::CustomerUnknown, customer.as_str(), "known", "missing");
        return Ok(vec![gone]);
    };
    let after = read(this, organization).await?;
    let is_ours = |token: &String| {
        [&before, &after]
            .iter()
            .any(|cards| cards.saved.contains_key(token) || cards.expected.contains(token))
    };
    let mut unknown: Vec<_> = attached.keys().filter(|token| !is_ours(token)).collect();
    let saved: Vec<_> = (before.saved.iter())
        .filter(|(token, expiry)| after.saved.get(*token) == Some(*expiry))
        .collect();
    for (token, expiry) in &saved {
        let now = attached.get(*token).copied().flatten();
        if now.is_some_and(|now| now != **expiry) {
            renew(this, token, findings).await;
        }
    }
    let saved = saved.into_iter().map(|(token, _)| token);
    let mut detached: Vec<_> = saved
        .filter(|token| !attached.contains_key(*token))
        .collect();
    unknown.sort_unstable();
    detached.sort_unstable();
    let unknown = unknown
        .into_iter()
        .map(|token| found(Kind::CardUnknown, token, "unknown", "attached"));
    let detached = detached
        .into_iter()
        .map(|token| found(Kind::CardDetached, token, "saved", "detached"));
    Ok(unknown.chain(detached).collect())
}

async fn renew(this: &Reconciliation, token: &str, found: &mut Findings) {
    let Ok(method) = token.parse() else { return };
    match renewal::take_up(this.core(), &method).await {
        Ok(()) => found.settled += 1,
        // The next run finds it again.
        Err(error) => tracing::warn!(method = token, %error, "a card cannot be renewed"),
    }
}

async fn read(
    this: &Reconciliation,
    organization: OrganizationId,
) -> Result<rows::OurCards, CompareError> {
    let core = this.core();
    let mut connection = core.db.readers().acquire().await?;
    Ok(rows::cards_in(&mut connection, core.gateway.account(), organization).await?)
}

/// Each token with the expiry of its card; `None` when the gateway has no such customer.
async fn attached(
    this: &Reconciliation,
    customer: &GatewayCustomer,
) -> Result<Option<HashMap<String, Option<(i64, i64)>>>, CompareError> {
    let mut tokens = HashMap::new();
    let mut after = None;
    for _ in 0..MOST_PAGES {
        let page = this.core().gateway.attached_methods(customer, after);
        let Some(page) = page.await? else {
            return Ok(None);
        };
        tokens.extend(page.items.into_iter().map(|listed| {
            let expiry = listed.expiry;
            let expiry = expiry.map(|(month, year)| (i64::from(month), i64::from(year)));
            (listed.method, expiry)
        }));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(Some(tokens))
}

fn state(word: &str) -> Side {
    Side {
        state: Some(word.to_owned()),
        ..Side::default()
    }
}

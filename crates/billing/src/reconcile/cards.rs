//! Cards: what each customer can be charged with at the gateway, with what is saved here.

use std::collections::HashSet;

use types::ids::OrganizationId;

use super::findings::Findings;
use super::report::{Disagreement, Kind, Side};
use super::{CompareError, Scope, rows};
use crate::jobs::reconciliation::Reconciliation;
use crate::payments::gateway::GatewayCustomer;

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
            let differs = compare_one(this, *organization, customer).await?;
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
            .any(|cards| cards.saved.contains(token) || cards.expected.contains(token))
    };
    let mut unknown: Vec<_> = attached.iter().filter(|token| !is_ours(token)).collect();
    let saved = before.saved.intersection(&after.saved);
    let mut detached: Vec<_> = saved.filter(|token| !attached.contains(*token)).collect();
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

async fn read(
    this: &Reconciliation,
    organization: OrganizationId,
) -> Result<rows::OurCards, CompareError> {
    let core = this.core();
    let mut connection = core.db.readers().acquire().await?;
    Ok(rows::cards_in(&mut connection, core.gateway.account(), organization).await?)
}

/// `None` when the gateway has no such customer.
async fn attached(
    this: &Reconciliation,
    customer: &GatewayCustomer,
) -> Result<Option<HashSet<String>>, CompareError> {
    let mut tokens = HashSet::new();
    let mut after = None;
    for _ in 0..MOST_PAGES {
        let page = this.core().gateway.attached_cards(customer, after).await?;
        let Some(page) = page else { return Ok(None) };
        tokens.extend(page.items);
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

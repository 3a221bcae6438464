//! Payments: everything that the gateway lists with ours, then what it did not list of ours.

use std::collections::HashSet;

use super::findings::Findings;
use super::matching::{self, OurPayment};
use super::report::{Disagreement, Kind};
use super::{CompareError, Scope, rows};
use crate::jobs::reconciliation::Reconciliation;
use crate::payments::gateway::{GatewayError, GatewayIntent};
use crate::payments::listed::ListedPayment;
use crate::top_up::settle;

/// Our own rows in one read.
const ROWS_A_PAGE: i64 = 200;
/// Payments of ours that the gateway does not list and is asked about one by one: each one is
/// already a disagreement, or will be after one question.
const MOST_ASKED: usize = 500;

pub(super) async fn compare(
    this: &Reconciliation,
    scope: &Scope,
    found: &mut Findings,
) -> Result<(), CompareError> {
    let mut listed = HashSet::new();
    let mut after = None;
    for _ in 0..scope.most_pages {
        let page = this
            .core()
            .gateway
            .payments_since(scope.since, after)
            .await?;
        compare_page(this, &page.items, found).await?;
        listed.extend(page.items.into_iter().map(|theirs| theirs.intent));
        after = page.next;
        if after.is_none() {
            return compare_unlisted(this, scope, &listed, found).await;
        }
    }
    found.leave_out("older payments of the gateway's: there are more than one run reads");
    Ok(())
}

async fn compare_page(
    this: &Reconciliation,
    page: &[ListedPayment],
    found: &mut Findings,
) -> Result<(), CompareError> {
    let ours = read(this, page).await?;
    for theirs in page {
        found.compared.payments += 1;
        let seems = matching::listed(theirs, own(&ours, theirs));
        if seems.is_empty() {
            continue;
        }
        if found.is_full() {
            found.add(seems);
        } else {
            let still = look_again(this, &theirs.intent, found).await?;
            found.add(still);
        }
    }
    Ok(())
}

/// Reads both sides once more, after settling what is paid and not credited: what differs then does.
/// One that had failed here may have been paid since, and its notice lost.
async fn look_again(
    this: &Reconciliation,
    intent: &GatewayIntent,
    found: &mut Findings,
) -> Result<Vec<Disagreement>, CompareError> {
    let Some(theirs) = this.core().gateway.listed_payment(intent).await? else {
        return Ok(Vec::new());
    };
    let page = std::slice::from_ref(&theirs);
    let ours = read(this, page).await?;
    let own_payment = own(&ours, &theirs);
    let differs = matching::listed(&theirs, own_payment);
    let is_unsettled = differs.iter().any(|one| one.kind == Kind::PaidNotCredited);
    let Some(paid) = own_payment.filter(|_| is_unsettled) else {
        return Ok(differs);
    };
    if let Err(error) = settle_paid(this, paid, intent).await {
        tracing::warn!(top_up = %paid.top_up, %error, "a paid top-up cannot be settled");
        return Ok(differs);
    }
    found.settled += 1;
    let ours = read(this, page).await?;
    Ok(matching::listed(&theirs, own(&ours, &theirs)))
}

async fn settle_paid(
    this: &Reconciliation,
    paid: &OurPayment,
    intent: &GatewayIntent,
) -> Result<(), SettlePaidError> {
    let outcome = this.core().gateway.find_intent(intent).await?;
    Ok(settle::settle(this.core(), paid.payment, &outcome).await?)
}

#[derive(Debug, thiserror::Error)]
enum SettlePaidError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Settle(#[from] settle::SettleError),
}

/// Our payments that the gateway did not list though they are of its time.
async fn compare_unlisted(
    this: &Reconciliation,
    scope: &Scope,
    listed: &HashSet<GatewayIntent>,
    found: &mut Findings,
) -> Result<(), CompareError> {
    let account = this.core().gateway.account();
    let (mut after, mut asked) = (None, 0);
    loop {
        let (page, next) = {
            let mut connection = this.core().db.readers().acquire().await?;
            let (since, after) = (scope.since, after.as_ref());
            rows::payments_since_in(&mut connection, account, since, after, ROWS_A_PAGE).await?
        };
        for ours in &page {
            let is_listed = ours.intent.as_ref().is_some_and(|pi| listed.contains(pi));
            if is_listed || matching::missing(ours).is_none() {
                continue;
            }
            asked += 1;
            if asked > MOST_ASKED {
                found.leave_out("payments of ours that the gateway does not list: there are many");
                return Ok(());
            }
            let differs = compare_one(this, ours).await?;
            found.add(differs);
        }
        if next.is_none() {
            return Ok(());
        }
        after = next;
    }
}

/// One payment of ours, with the gateway's as it is now.
async fn compare_one(
    this: &Reconciliation,
    ours: &OurPayment,
) -> Result<Vec<Disagreement>, CompareError> {
    let theirs = match &ours.intent {
        Some(intent) => this.core().gateway.listed_payment(intent).await?,
        None => None,
    };
    Ok(match theirs {
        Some(theirs) => matching::listed(&theirs, Some(ours)),
        None => matching::missing(ours).into_iter().collect(),
    })
}

async fn read(
    this: &Reconciliation,
    page: &[ListedPayment],
) -> Result<Vec<OurPayment>, CompareError> {
    let core = this.core();
    let mut connection = core.db.readers().acquire().await?;
    Ok(rows::payments_of_in(&mut connection, core.gateway.account(), page).await?)
}

/// Ours for one of the gateway's: by its own name, else by the top-up that it is marked with.
fn own<'a>(ours: &'a [OurPayment], theirs: &ListedPayment) -> Option<&'a OurPayment> {
    let by_name = |own: &&OurPayment| own.intent.as_ref() == Some(&theirs.intent);
    let by_mark = |own: &&OurPayment| Some(own.top_up) == theirs.top_up;
    ours.iter()
        .find(by_name)
        .or_else(|| ours.iter().find(by_mark))
}

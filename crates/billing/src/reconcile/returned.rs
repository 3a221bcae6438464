//! Money that went back: refunds and disputes, as the gateway lists them and as our rows have them.

use std::collections::HashSet;

use chrono::TimeDelta;

use super::findings::Findings;
use super::report::{Disagreement, Kind, Side};
use super::returned_rows::{self as rows, OurDispute, OurRefund, Owner};
use super::{CompareError, Scope};
use crate::jobs::reconciliation::Reconciliation;
use crate::payments::listed::{ListedDispute, ListedRefund, Standing, Sum};
use crate::payments::returned::take_up_refunds;

/// A card's owner has so long, and the bank takes its time: a dispute is compared long after its
/// payment was.
const DISPUTES_LAST: TimeDelta = TimeDelta::days(120);
/// Our own rows in one read, and the refunds that the gateway is asked about one by one.
const MOST_ROWS: i64 = 1_000;

pub(super) async fn compare(
    this: &Reconciliation,
    scope: &Scope,
    found: &mut Findings,
) -> Result<(), CompareError> {
    compare_refunds(this, scope, found).await?;
    compare_disputes(this, scope, found).await
}

async fn compare_refunds(
    this: &Reconciliation,
    scope: &Scope,
    found: &mut Findings,
) -> Result<(), CompareError> {
    let gateway = &this.core().gateway;
    let mut listed = HashSet::new();
    let mut after = None;
    for _ in 0..scope.most_pages {
        let page = gateway.refunds_since(scope.since, after).await?;
        for theirs in page.items {
            found.compared.refunds += 1;
            let seems = differs(this, &theirs).await?;
            if seems.is_some() {
                let still = look_again(this, &theirs, seems, found).await?;
                found.add(still);
            }
            listed.insert(theirs.refund);
        }
        after = page.next;
        if after.is_none() {
            return compare_unlisted(this, scope, &listed, found).await;
        }
    }
    found.leave_out("older refunds of the gateway's: there are more than one run reads");
    Ok(())
}

/// Reads both sides once more, after taking up what its notice would have told: what differs then
/// does.
async fn look_again(
    this: &Reconciliation,
    theirs: &ListedRefund,
    seems: Option<Disagreement>,
    found: &mut Findings,
) -> Result<Option<Disagreement>, CompareError> {
    let core = this.core();
    if found.is_full() {
        return Ok(seems);
    }
    if let Some(intent) = &theirs.intent
        && let Err(error) = take_up_refunds(core, intent).await
    {
        tracing::warn!(refund = theirs.refund, %error, "a refund cannot be taken up");
    }
    let Some(newer) = core.gateway.listed_refund(&theirs.refund).await? else {
        return Ok(None);
    };
    let still = differs(this, &newer).await?;
    found.settled += u64::from(still.is_none());
    Ok(still)
}

async fn differs(
    this: &Reconciliation,
    theirs: &ListedRefund,
) -> Result<Option<Disagreement>, CompareError> {
    let core = this.core();
    let account = core.gateway.account();
    let mut connection = core.db.readers().acquire().await?;
    let ours = rows::refund_in(&mut connection, account, theirs).await?;
    Ok(match ours {
        Some(ours) => refund(theirs, &ours),
        None => rows::owner_in(&mut connection, account, theirs.intent.as_ref())
            .await?
            .and_then(|owner| unknown_refund(theirs, owner)),
    })
}

/// Ours that were sent, as far as we know, and that the gateway did not list.
async fn compare_unlisted(
    this: &Reconciliation,
    scope: &Scope,
    listed: &HashSet<String>,
    found: &mut Findings,
) -> Result<(), CompareError> {
    let core = this.core();
    let sent = {
        let mut connection = core.db.readers().acquire().await?;
        let account = core.gateway.account();
        rows::sent_since_in(&mut connection, account, scope.since, MOST_ROWS).await?
    };
    if i64::try_from(sent.len()).is_ok_and(|count| count == MOST_ROWS) {
        found.leave_out("newer refunds of ours: there are more than one run reads");
    }
    for ours in sent {
        let is_listed = ours.name.as_ref().is_some_and(|name| listed.contains(name));
        if is_listed {
            continue;
        }
        let theirs = match &ours.name {
            Some(name) => core.gateway.listed_refund(name).await?,
            None => None,
        };
        let differs = match theirs {
            None => Some(missing_refund(&ours)),
            Some(theirs) => match refund(&theirs, &ours) {
                None => None,
                seems => look_again(this, &theirs, seems, found).await?,
            },
        };
        found.add(differs);
    }
    Ok(())
}

async fn compare_disputes(
    this: &Reconciliation,
    scope: &Scope,
    found: &mut Findings,
) -> Result<(), CompareError> {
    let core = this.core();
    let since = scope.since - DISPUTES_LAST;
    let mut after = None;
    for _ in 0..scope.most_pages {
        let page = core.gateway.disputes_since(since, after).await?;
        for theirs in page.items {
            found.compared.disputes += 1;
            let account = core.gateway.account();
            let mut connection = core.db.readers().acquire().await?;
            let ours = rows::dispute_in(&mut connection, account, &theirs.dispute).await?;
            let owner = rows::owner_in(&mut connection, account, theirs.intent.as_ref()).await?;
            drop(connection);
            found.add(dispute(&theirs, ours.as_ref(), owner));
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
    found.leave_out("older disputes of the gateway's: there are more than one run reads");
    Ok(())
}

/// What differs about a refund that both know. While ours is under way, asking about it is
/// somebody else's: whatever the gateway says will be taken over.
fn refund(theirs: &ListedRefund, ours: &OurRefund) -> Option<Disagreement> {
    let is_same_sum = theirs.sum.cents == ours.cents && theirs.sum.currency == "usd";
    let is_same_end = match (ours.state.as_str(), theirs.standing) {
        ("processing", _) | ("succeeded", Standing::Paid | Standing::Open) => true,
        ("failed", standing) => standing == Standing::Unpaid,
        _ => false,
    };
    (!is_same_sum || !is_same_end).then(|| Disagreement {
        ours: ours.side(),
        ..about(
            Kind::RefundDiffers,
            ours.owner,
            &theirs.refund,
            &theirs.sum,
            &theirs.status,
        )
    })
}

/// One that failed took nothing from anybody.
fn unknown_refund(theirs: &ListedRefund, owner: Owner) -> Option<Disagreement> {
    let kind = Kind::RefundUnknown;
    (theirs.standing != Standing::Unpaid)
        .then(|| about(kind, owner, &theirs.refund, &theirs.sum, &theirs.status))
}

fn missing_refund(ours: &OurRefund) -> Disagreement {
    let (organization, top_up) = ours.owner;
    Disagreement {
        kind: Kind::RefundMissing,
        organization: Some(organization),
        top_up: Some(top_up),
        reference: ours.name.clone(),
        ours: ours.side(),
        gateway: Side {
            state: Some("missing".to_owned()),
            ..Side::default()
        },
    }
}

/// What differs about a dispute of a payment of ours; of anybody else's nothing does.
fn dispute(
    theirs: &ListedDispute,
    ours: Option<&OurDispute>,
    owner: Option<Owner>,
) -> Option<Disagreement> {
    let owner = ours.map(|ours| ours.owner).or(owner)?;
    let found = |kind| about(kind, owner, &theirs.dispute, &theirs.sum, &theirs.status);
    let Some(ours) = ours else {
        return Some(found(Kind::DisputeUnknown));
    };
    let is_same = theirs.sum.currency == "usd"
        && theirs.withdrawn_cents == ours.withdrawn_cents
        && theirs
            .stage
            .is_some_and(|stage| stage.as_str() == ours.stage);
    (!is_same).then(|| Disagreement {
        ours: Side {
            cents: Some(ours.withdrawn_cents),
            currency: Some("usd".to_owned()),
            state: Some(ours.stage.clone()),
        },
        gateway: Side {
            cents: Some(theirs.withdrawn_cents),
            currency: Some(theirs.sum.currency.clone()),
            state: Some(theirs.status.clone()),
        },
        ..found(Kind::DisputeDiffers)
    })
}

fn about(
    kind: Kind,
    (organization, top_up): Owner,
    reference: &str,
    sum: &Sum,
    status: &str,
) -> Disagreement {
    Disagreement {
        kind,
        organization: Some(organization),
        top_up: Some(top_up),
        reference: Some(reference.to_owned()),
        ours: Side::default(),
        gateway: Side {
            cents: Some(sum.cents),
            currency: Some(sum.currency.clone()),
            state: Some(status.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use types::dispute::DisputeStage;
    use types::ids::{OrganizationId, TopUpId};

    use super::*;

    fn usd(cents: i64) -> Sum {
        Sum {
            cents,
            currency: "usd".to_owned(),
        }
    }

    #[test]
    fn a_refund_differs_by_its_sum_or_by_its_end_and_not_while_it_is_under_way() {
        let owner = (OrganizationId::generate(), TopUpId::generate());
        let cases = [
            ("succeeded", Standing::Paid, 700, false),
            ("succeeded", Standing::Open, 700, false),
            ("succeeded", Standing::Unpaid, 700, true),
            ("succeeded", Standing::Paid, 600, true),
            ("processing", Standing::Paid, 700, false),
            ("processing", Standing::Unpaid, 700, false),
            ("failed", Standing::Unpaid, 700, false),
            ("failed", Standing::Paid, 700, true),
        ];
        for (state, standing, cents, expected) in cases {
            let theirs = ListedRefund {
                refund: "re_1".to_owned(),
                standing,
                status: String::new(),
                sum: usd(cents),
                intent: None,
                ours: None,
            };
            let ours = OurRefund {
                owner,
                name: None,
                cents: 700,
                state: state.to_owned(),
            };
            let differs = refund(&theirs, &ours).is_some();
            assert_eq!(differs, expected, "{state} {standing:?} {cents}");
        }
    }

    #[test]
    fn a_dispute_differs_by_what_was_taken_or_by_its_stage_and_strangers_are_passed_over() {
        let owner = (OrganizationId::generate(), TopUpId::generate());
        let theirs = |stage, withdrawn_cents| ListedDispute {
            dispute: "du_1".to_owned(),
            stage,
            status: String::new(),
            sum: usd(2_500),
            withdrawn_cents,
            intent: None,
        };
        let ours = OurDispute {
            owner,
            stage: "open".to_owned(),
            withdrawn_cents: 2_500,
        };
        let kind =
            |theirs: &ListedDispute, ours| dispute(theirs, ours, Some(owner)).map(|d| d.kind);
        let open = theirs(Some(DisputeStage::Open), 2_500);
        assert_eq!(kind(&open, Some(&ours)), None);
        for (stage, withdrawn) in [
            (Some(DisputeStage::Lost), 2_500),
            (Some(DisputeStage::Open), 0),
            (None, 2_500),
        ] {
            let differs = kind(&theirs(stage, withdrawn), Some(&ours));
            assert_eq!(differs, Some(Kind::DisputeDiffers), "{stage:?} {withdrawn}");
        }
        assert_eq!(kind(&open, None), Some(Kind::DisputeUnknown));
        assert_eq!(dispute(&open, None, None), None);
    }
}

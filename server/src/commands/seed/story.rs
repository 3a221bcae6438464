//! What happens to the demo organization in its thirty days, in the order of time.

use anyhow::{Context, bail, ensure};
use billing::{Billing, ManualClock, StartTopUp};
use chrono::Duration;
use types::ids::TopUpId;
use types::money::Cents;
use types::time::Timestamp;
use types::top_up::{PayWith, TopUpState};
use uuid::Uuid;

use super::HISTORY_DAYS;
use super::demo::Demo;
use super::processor::{DECLINED_CARD, Processor};
use super::traffic::{self, Request};
use crate::commands::progress;

/// Usage is reported in parcels, as a gateway that buffers would.
const PARCEL_HOURS: i64 = 6;
/// How long a report, or a person with a card, may be late.
const LONGEST_DELAY: Duration = Duration::minutes(50);
const PARCELS: i64 = HISTORY_DAYS * 24 / PARCEL_HOURS;

/// A purchase, a while before the parcel that it is paid for.
struct Purchase {
    before_parcel: i64,
    amount: Cents,
    with: Card,
}

#[derive(Clone, Copy)]
enum Card {
    Saved,
    Declined,
}

/// Bought early, refused once, bought again, topped up lately.
const PURCHASES: [Purchase; 4] = [
    Purchase {
        before_parcel: 0,
        amount: Cents::new(1_000),
        with: Card::Saved,
    },
    Purchase {
        before_parcel: 38,
        amount: Cents::new(2_500),
        with: Card::Declined,
    },
    Purchase {
        before_parcel: 39,
        amount: Cents::new(2_500),
        with: Card::Saved,
    },
    Purchase {
        before_parcel: 97,
        amount: Cents::new(1_000),
        with: Card::Saved,
    },
];

/// Tells the story. Told again, it changes nothing: every id in it is fixed.
pub(super) async fn tell(
    billing: &Billing,
    processor: &Processor,
    clock: &ManualClock,
    demo: &Demo,
) -> anyhow::Result<()> {
    let first = demo.memory.ends_at - Duration::days(HISTORY_DAYS);
    let caller = billing
        .api_keys()
        .authenticate(&demo.memory.api_key)
        .await?;
    let caller = caller.context("the demo's key was just made")?;
    let mut told = 0;
    for parcel in 0..PARCELS {
        let (from, until) = (end_of(parcel - 1, first), end_of(parcel, first));
        for (index, purchase) in (1..).zip(&PURCHASES) {
            if purchase.before_parcel == parcel {
                clock.set(from + LONGEST_DELAY + delay(parcel, Reason::Purchase));
                buy(billing, processor, demo, index, purchase).await?;
            }
        }
        for report in reports(parcel, from, until) {
            clock.set(report.at.min(demo.memory.ends_at));
            told += report.requests.len();
            let events = report.requests.into_iter();
            let events = events.map(|request| event(request, demo)).collect();
            let taken = billing.usage().ingest(&caller, events).await;
            taken.context("a demo request was refused")?;
        }
        if parcel % 20 == 19 {
            progress(format_args!(
                "day {} of {HISTORY_DAYS}: {told} requests",
                (parcel + 1) / 4
            ));
        }
    }
    Ok(())
}

/// What one gateway reports at once.
struct Report {
    at: Timestamp,
    requests: Vec<Request>,
}

/// Each project has a gateway of its own, which reports when it comes to it, if it ran anything.
fn reports(parcel: i64, from: Timestamp, until: Timestamp) -> Vec<Report> {
    let (production, staging): (Vec<_>, Vec<_>) = traffic::between(from, until)
        .into_iter()
        .partition(|request| request.is_production);
    let mut reports: Vec<_> = [(Reason::Production, production), (Reason::Staging, staging)]
        .into_iter()
        .filter(|(_, requests)| !requests.is_empty())
        .map(|(reason, requests)| Report {
            at: until + delay(parcel, reason),
            requests,
        })
        .collect();
    reports.sort_by_key(|report| report.at);
    reports
}

/// When a parcel's last request ran: the parcels differ in length, as work does.
fn end_of(parcel: i64, first: Timestamp) -> Timestamp {
    let planned = first + Duration::hours((parcel + 1) * PARCEL_HOURS);
    if parcel < 0 || parcel + 1 == PARCELS {
        planned
    } else {
        planned + delay(parcel, Reason::LongParcel) * 3
    }
}

/// Why something happens later than planned.
#[derive(Clone, Copy)]
enum Reason {
    LongParcel,
    Production,
    Staging,
    Purchase,
}

/// The same time on every run, and another one for each parcel: at most [`LONGEST_DELAY`].
fn delay(parcel: i64, reason: Reason) -> Duration {
    let number = parcel.unsigned_abs() * 4 + reason as u64;
    traffic::up_to(LONGEST_DELAY, number)
}

fn event(request: Request, demo: &Demo) -> types::usage::UsageEvent {
    let project = if request.is_production {
        demo.production
    } else {
        demo.staging
    };
    request.into_event(project)
}

async fn buy(
    billing: &Billing,
    processor: &Processor,
    demo: &Demo,
    index: u128,
    purchase: &Purchase,
) -> anyhow::Result<()> {
    let methods = billing.payment_methods();
    let method = match purchase.with {
        Card::Declined => {
            let token = processor.tokenize(DECLINED_CARD).await?;
            methods.add(&demo.viewer, &token).await?.id
        }
        Card::Saved => {
            let saved = methods.list(demo.viewer.organization).await?;
            saved.first().context("the demo's card was just saved")?.id
        }
    };
    // Derived from the organization, so that telling the story again finds the same top-up.
    let id = Uuid::from_u128(demo.viewer.organization.as_uuid().as_u128() ^ index);
    let request = StartTopUp {
        id: TopUpId::from_uuid(id),
        amount: purchase.amount,
        pay_with: PayWith::Saved(method),
    };
    let before = billing.top_ups().find(&demo.viewer, request.id).await?;
    let top_up = match before {
        Some(top_up) => top_up,
        None => billing.top_ups().start(&demo.viewer, request).await?,
    };
    if matches!(purchase.with, Card::Declined) {
        // Nobody keeps a card that does not pay. The history still says which one it was.
        methods.remove(&demo.viewer, method).await?;
    }
    match (purchase.with, &top_up.state) {
        (Card::Saved, TopUpState::Succeeded { .. })
        | (Card::Declined, TopUpState::Failed { .. }) => {
            ensure!(
                top_up.amount == purchase.amount,
                "a demo top-up has another amount"
            );
            Ok(())
        }
        (_, state) => bail!("a demo top-up went otherwise than planned: {state:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn parcels_are_in_order_and_reported_at_all_times_of_the_day() {
        let first: Timestamp = "2026-10-24T06:13:00Z".parse().unwrap();
        let mut minutes = HashSet::new();
        let mut told = first;
        let mut requests = 0;
        for parcel in 0..PARCELS {
            let (from, until) = (end_of(parcel - 1, first), end_of(parcel, first));
            assert!(until - from > LONGEST_DELAY * 2, "{parcel}");
            for report in reports(parcel, from, until) {
                assert!(!report.requests.is_empty(), "{parcel}");
                // What comes late is still before the next parcel's purchase and its reports.
                assert!(told < report.at, "{parcel}");
                assert!(report.at <= until + LONGEST_DELAY, "{parcel}");
                told = report.at;
                requests += report.requests.len();
                minutes.insert(report.at.timestamp() % 3_600 / 60);
            }
        }
        let end = first + Duration::days(HISTORY_DAYS);
        assert_eq!(requests, traffic::between(first, end).len());
        assert_eq!(end_of(-1, first), first);
        assert_eq!(end_of(PARCELS - 1, first), end);
        assert!(minutes.len() > 40, "{}", minutes.len());
    }
}

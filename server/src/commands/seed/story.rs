//! What happens to the demo organization in its thirty days, in the order of time.

use anyhow::{Context, bail, ensure};
use billing::{Billing, ManualClock, StartTopUp};
use chrono::Duration;
use types::ids::TopUpId;
use types::money::Cents;
use types::top_up::{PayWith, TopUpState};
use uuid::Uuid;

use super::HISTORY_DAYS;
use super::demo::Demo;
use super::processor::{DECLINED_CARD, Processor};
use super::traffic::{self, Request};
use crate::commands::progress;

/// Usage is reported in parcels, as a gateway that buffers would.
const PARCEL_HOURS: i64 = 6;
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
        let from = first + Duration::hours(parcel * PARCEL_HOURS);
        let until = from + Duration::hours(PARCEL_HOURS);
        for (index, purchase) in (1..).zip(&PURCHASES) {
            if purchase.before_parcel == parcel {
                clock.set(from);
                buy(billing, processor, demo, index, purchase).await?;
            }
        }
        clock.set(until);
        let requests = traffic::between(from, until);
        told += requests.len();
        let events = requests
            .into_iter()
            .map(|request| event(request, demo))
            .collect();
        billing
            .usage()
            .ingest(&caller, events)
            .await
            .context("a demo request was refused")?;
        if parcel % 20 == 19 {
            progress(format_args!(
                "day {} of {HISTORY_DAYS}: {told} requests",
                (parcel + 1) / 4
            ));
        }
    }
    Ok(())
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
    let pay_with = match purchase.with {
        Card::Declined => PayWith::NewCard(processor.tokenize(DECLINED_CARD).await?),
        Card::Saved => {
            let saved = billing
                .payment_methods()
                .list(demo.viewer.organization)
                .await?;
            PayWith::Saved(saved.first().context("the demo's card was just saved")?.id)
        }
    };
    // Derived from the organization, so that telling the story again finds the same top-up.
    let id = Uuid::from_u128(demo.viewer.organization.as_uuid().as_u128() ^ index);
    let request = StartTopUp {
        id: TopUpId::from_uuid(id),
        amount: purchase.amount,
        pay_with,
    };
    let before = billing.top_ups().find(&demo.viewer, request.id).await?;
    let top_up = match before {
        Some(top_up) => top_up,
        None => billing.top_ups().start(&demo.viewer, request).await?,
    };
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

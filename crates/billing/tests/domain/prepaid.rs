use std::time::Duration;

use types::usage::{Tokens, UsageEvent};

use crate::world::{World, event};

const DAY: Duration = Duration::from_secs(86_400);

/// $0.15 of usage.
fn million(id: &str) -> UsageEvent {
    UsageEvent {
        tokens: Tokens {
            input: 1_000_000,
            ..Tokens::default()
        },
        ..event(id)
    }
}

#[tokio::test]
async fn the_balance_is_known_at_the_end_of_each_day() {
    let world = World::new().await;
    world.top_up(1_000, "4242424242424242").await;
    let first = world.billing.now();
    world.clock.advance(DAY);
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![million("1")])
        .await
        .unwrap();
    world.clock.advance(2 * DAY);
    world.top_up(500, "4242424242424242").await;
    let organization = world.owner.organization;
    let daily = world
        .billing
        .prepaid()
        .daily(organization, 6)
        .await
        .unwrap();
    let shown: Vec<_> = daily
        .iter()
        .map(|(day, amount)| format!("{day} {}", amount.dollars()))
        .collect();
    assert_eq!(
        shown,
        [
            "2026-03-09 $0.00",
            "2026-03-10 $0.00",
            "2026-03-11 $10.00",
            "2026-03-12 $9.85",
            "2026-03-13 $9.85",
            "2026-03-14 $14.85",
        ]
    );
    let then = world
        .billing
        .prepaid()
        .balance_at(organization, first)
        .await
        .unwrap();
    assert_eq!(then.posted().unwrap().dollars().exact(), "10.00");
    world.finish().await;
}

#[tokio::test]
async fn the_runway_is_the_balance_at_the_pace_of_the_last_seven_days() {
    let world = World::new().await;
    let organization = world.owner.organization;
    let prepaid = world.billing.prepaid();
    world.top_up(1_000, "4242424242424242").await;
    assert_eq!(prepaid.runway(organization).await.unwrap(), None);
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![million("1")])
        .await
        .unwrap();
    // $9.85 at $0.15 in seven days.
    assert_eq!(prepaid.runway(organization).await.unwrap(), Some(459));
    world.clock.advance(6 * DAY);
    assert_eq!(prepaid.runway(organization).await.unwrap(), Some(459));
    world.clock.advance(DAY);
    assert_eq!(prepaid.runway(organization).await.unwrap(), None);
    world.finish().await;
}

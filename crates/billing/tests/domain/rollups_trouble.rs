//! Sums that are large, and sums that cannot be written: everybody else's go on.

use std::time::{Duration, Instant};

use billing::{ApiKeyCaller, StoreError};
use sqlx::{AnyConnection, Connection};
use types::history::HistoryKind;
use types::ids::OrganizationId;
use types::usage::{Tokens, UsageEvent};
use types::usage_report::UsageInterval;

use crate::tamper::tamper;
use crate::usage_report::query;
use crate::world::{World, event};

/// A request that costs $999.999890000001: $1,000 is the most, and the last digit is less than the
/// ledger can hold.
fn dearest(id: usize) -> UsageEvent {
    UsageEvent {
        model: "glm-5.2".to_owned(),
        tokens: Tokens {
            input: 99_999_999,
            ..Tokens::default()
        },
        ..event(&id.to_string())
    }
}

/// What the organization's usage cost, as analytics and history tell it.
async fn told(world: &World) -> [String; 2] {
    let organization = world.owner.organization;
    let query = query(UsageInterval::Month, &[]);
    let analytics = world.billing.analytics();
    let report = analytics.report(organization, &query).await.unwrap();
    let history = world.billing.history();
    let page = history.page(organization, None, 9).await.unwrap();
    let rows = page.rows.iter();
    let mut used = rows.filter(|row| matches!(row.kind, HistoryKind::Usage { .. }));
    let day = used.next().unwrap().amount.exact();
    assert!(used.next().is_none());
    [report.total.cost.exact(), day]
}

#[tokio::test]
async fn an_hour_that_costs_more_than_63_bits_of_pico_dollars_is_summed_up_like_any_other() {
    let world = World::new().await;
    let dearer = billing::rates::SEED_JSON.replace("\"1.10\"", "\"9.999999\"");
    let rates = world.billing.rates();
    let effective_at = "2026-02-01T00:00:00Z".parse().unwrap();
    rates.load(&dearer, effective_at).await.unwrap();
    let usage = world.billing.usage();
    for call in 0..25 {
        let events = (call * 1_000..(call + 1) * 1_000).map(dearest).collect();
        usage.ingest(&world.caller, events).await.unwrap();
        // Most of it is in the tables by and by, and some of it is not.
        if call % 4 == 3 && call < 20 {
            world.billing.analytics().catch_up().await.unwrap();
        }
    }
    let expected = ["24999997.250000025", "-24999997.250000025"];
    assert_eq!(told(&world).await, expected);
    let prepaid = world.billing.prepaid();
    let runway = prepaid.runway(world.owner.organization);
    assert_eq!(runway.await.unwrap(), None, "nothing is left");
    world.billing.analytics().catch_up().await.unwrap();
    assert_eq!(unsummed(&world, world.owner.organization).await, 0);
    assert_eq!(told(&world).await, expected);
    world.finish().await;
}

/// How many of an organization's batches are above its watermark.
async fn unsummed(world: &World, organization: OrganizationId) -> i64 {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let count = sqlx::query_scalar(
        "select count(*) from usage_batches where organization_id = $1 and sequence > coalesce((
             select sequence from usage_watermarks where organization_id = $1), 0)",
    )
    .bind(organization.to_string())
    .fetch_one(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    count
}

async fn is_summed_up(world: &World, organization: OrganizationId) {
    let patience = Instant::now();
    while unsummed(world, organization).await > 0 {
        assert!(
            patience.elapsed() < Duration::from_secs(20),
            "nobody sums up"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn one_whose_sums_cannot_be_written_is_left_alone_and_comes_back_once_they_can() {
    let world = World::new().await;
    let (_, other, _) = world.another().await;
    let damaged = world.owner.organization;
    let mut next = 0;
    let mut report = async |caller: &ApiKeyCaller| {
        next += 1;
        let usage = world.billing.usage();
        let events = vec![event(&next.to_string())];
        usage.ingest(caller, events).await.unwrap();
    };
    report(&world.caller).await;
    world.billing.analytics().catch_up().await.unwrap();
    let change = |cost: &str| {
        format!("update usage_hours set cost_nano = {cost} where organization_id = '{damaged}'")
    };
    let most = i64::MAX;
    tamper(world.database(), &change(&most.to_string())).await;

    for _ in 0..5 {
        report(&world.caller).await;
        report(&other).await;
        world.clock.advance(Duration::from_secs(1));
        is_summed_up(&world, other.organization).await;
    }
    assert_eq!(unsummed(&world, damaged).await, 5);
    // Nor does the search for what others left behind mend it; it says so when it tries.
    world.clock.advance(Duration::from_secs(10));
    let tidied = world.billing.housekeeping().run().await;
    assert!(matches!(tidied, Ok(_) | Err(StoreError::Money(_))));
    assert_eq!(unsummed(&world, damaged).await, 5);

    tamper(world.database(), &change("43200")).await;
    world.clock.advance(Duration::from_secs(300));
    is_summed_up(&world, damaged).await;
    report(&world.caller).await;
    world.clock.advance(Duration::from_secs(1));
    is_summed_up(&world, damaged).await;
    world.finish().await;
}

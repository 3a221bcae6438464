//! Sums are derived: whatever happens between a commit and its summing up, they come out the same.

use std::time::Duration;

use billing::Billing;
use futures::future::{join, join_all};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqlx::{AnyConnection, Connection, Row};
use types::usage::{Tokens, UsageEvent};
use types::usage_report::{UsageGroup, UsageInterval, UsageReport};

use crate::gateway_side::another_process;
use crate::tamper::tamper;
use crate::usage_report::{at, query};
use crate::world::{World, event};

const EVERYTHING: [UsageGroup; 3] = [UsageGroup::Model, UsageGroup::Project, UsageGroup::ApiKey];

async fn report(world: &World, billing: &Billing) -> UsageReport {
    let query = query(UsageInterval::Hour, &EVERYTHING);
    let organization = world.owner.organization;
    billing
        .analytics()
        .report(organization, &query)
        .await
        .unwrap()
}

/// Every row of the tables of sums, as text.
async fn tables(world: &World) -> Vec<String> {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let mut written = Vec::new();
    for (table, columns) in [
        ("usage_watermarks", "organization_id || ' ' || sequence"),
        (
            "usage_hours",
            "organization_id || ' ' || hour || ' ' || project_id || ' ' || api_key_id || ' ' ||
             model || ' ' || requests || ' ' || errors || ' ' || input_tokens || ' ' ||
             cached_input_tokens || ' ' || output_tokens || ' ' || cost_nano || ' ' ||
             cost_rest_pico || ' ' ||
             latency_count || ' ' || latency_sum_ms || ' ' || latencies",
        ),
        (
            "usage_days",
            "organization_id || ' ' || day || ' ' || project_id || ' ' || model || ' ' ||
             requests || ' ' || tokens || ' ' || cost_nano || ' ' || cost_rest_pico || ' ' ||
             first_booked_at",
        ),
    ] {
        let text = format!("select '{table} ' || {columns} as written from {table} order by 1");
        let rows = sqlx::query(sqlx::AssertSqlSafe(text))
            .fetch_all(&mut connection)
            .await;
        written.extend(
            rows.unwrap()
                .iter()
                .map(|row| row.get::<String, _>("written")),
        );
    }
    connection.close().await.unwrap();
    written
}

async fn ingest(billing: &Billing, world: &World, ids: std::ops::Range<i64>) {
    let events = ids.map(|id| UsageEvent {
        occurred_at: Some(
            at("2026-03-11T12:00:00Z") - Duration::from_secs(id.unsigned_abs() * 600),
        ),
        latency_ms: Some(id * 37 % 2_000),
        status: Some(if id % 7 == 0 { 500 } else { 200 }),
        tokens: Tokens {
            input: id,
            cached_input: id / 2,
            output: 3 * id,
        },
        ..event(&id.to_string())
    });
    let usage = billing.usage();
    usage.ingest(&world.caller, events.collect()).await.unwrap();
}

#[tokio::test]
async fn sums_that_are_deleted_are_made_again_the_same() {
    let world = World::new().await;
    for round in 0..5 {
        ingest(&world.billing, &world, round * 20..round * 20 + 20).await;
        if round % 2 == 0 {
            world.billing.analytics().catch_up().await.unwrap();
        }
    }
    world.billing.analytics().catch_up().await.unwrap();
    let (before, told) = (tables(&world).await, report(&world, &world.billing).await);
    assert_eq!(told.total.requests, 100);
    for table in ["usage_hours", "usage_days", "usage_watermarks"] {
        tamper(world.database(), &format!("delete from {table}")).await;
    }
    assert_eq!(
        report(&world, &world.billing).await,
        told,
        "from the rows of the events"
    );
    world.billing.analytics().catch_up().await.unwrap();
    assert_eq!(tables(&world).await, before);
    assert_eq!(report(&world, &world.billing).await, told);
    world.finish().await;
}

#[tokio::test]
async fn what_a_process_did_not_sum_up_before_it_died_is_neither_lost_nor_doubled() {
    let world = World::new().await;
    let organization = world.owner.organization;
    world.top_up(2_500, "4242424242424242").await;
    ingest(&world.billing, &world, 0..10).await;
    world.billing.analytics().catch_up().await.unwrap();
    let dies = another_process(&world).await;
    ingest(&dies, &world, 10..30).await;
    let (told, history) = (
        report(&world, &dies).await,
        dies.history()
            .page(organization, None, 9)
            .await
            .unwrap()
            .rows,
    );
    assert_eq!(told.total.requests, 30);
    let runway = dies.prepaid().runway(organization).await.unwrap();
    // Nothing is closed: what it had in memory is gone.
    drop(dies);
    for caught_up in [false, true] {
        if caught_up {
            world.clock.advance(Duration::from_secs(10));
            world.billing.housekeeping().run().await.unwrap();
        }
        assert_eq!(report(&world, &world.billing).await, told);
        let page = world
            .billing
            .history()
            .page(organization, None, 9)
            .await
            .unwrap();
        assert_eq!(page.rows, history);
        let left = world.billing.prepaid().runway(organization).await.unwrap();
        assert_eq!(left, runway);
    }
    assert_eq!(unsummed(&world).await, 0);
    world.finish().await;
}

/// How many batches are above their organization's watermark.
async fn unsummed(world: &World) -> i64 {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let count = sqlx::query_scalar(
        "select count(*) from usage_batches where sequence > coalesce((
             select sequence from usage_watermarks
             where usage_watermarks.organization_id = usage_batches.organization_id), 0)",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    count
}

#[tokio::test]
async fn usage_is_summed_up_when_a_second_has_passed_or_the_process_ends() {
    let world = World::new().await;
    ingest(&world.billing, &world, 0..10).await;
    assert_eq!(unsummed(&world).await, 1);
    world.clock.advance(Duration::from_secs(1));
    let patience = std::time::Instant::now();
    while unsummed(&world).await > 0 {
        assert!(
            patience.elapsed() < Duration::from_secs(20),
            "nobody sums up"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let other = another_process(&world).await;
    ingest(&other, &world, 10..20).await;
    assert_eq!(unsummed(&world).await, 1);
    other.close().await;
    assert_eq!(unsummed(&world).await, 0);
    world.finish().await;
}

#[tokio::test]
async fn two_processes_that_sum_up_the_same_usage_at_once_count_it_once() {
    let world = World::new().await;
    let other = another_process(&world).await;
    for round in 0..6 {
        let ours = ingest(&world.billing, &world, round * 20..round * 20 + 10);
        let theirs = ingest(&other, &world, round * 20 + 10..round * 20 + 20);
        join(ours, theirs).await;
        let expected = (round + 1) * 20;
        for billing in [&world.billing, &other] {
            assert_eq!(report(&world, billing).await.total.requests, expected);
        }
        let (ours, theirs) = (world.billing.analytics(), other.analytics());
        let both = (0..4).map(|turn| {
            if turn % 2 == 0 {
                ours.catch_up()
            } else {
                theirs.catch_up()
            }
        });
        for done in join_all(both).await {
            done.unwrap();
        }
    }
    assert_eq!(unsummed(&world).await, 0);
    assert_eq!(
        report(&world, &other).await,
        report(&world, &world.billing).await
    );
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn one_whose_usage_cannot_be_summed_up_does_not_hold_up_the_others() {
    let world = World::new().await;
    let (stranger, their_caller, _) = world.another().await;
    ingest(&world.billing, &world, 0..3).await;
    let usage = world.billing.usage();
    usage.ingest(&their_caller, vec![event("1")]).await.unwrap();
    let statement = format!(
        "delete from usage_series where organization_id = '{}'",
        world.owner.organization
    );
    tamper(world.database(), &statement).await;
    // Without the sums in memory, which are still right.
    let other = another_process(&world).await;
    let refused = other.analytics().catch_up().await;
    assert!(refused.is_err());
    let summed = tables(&world).await;
    let theirs = stranger.organization.to_string();
    assert!(
        summed.iter().all(|row| row.contains(&theirs)),
        "{summed:#?}"
    );
    assert_eq!(summed.len(), 3);
    other.close().await;
    world.finish_broken().await;
}

#[tokio::test]
async fn a_days_row_keeps_its_place_in_history_while_it_is_summed_up() {
    let world = World::new().await;
    let organization = world.owner.organization;
    let mut seen = Vec::new();
    for round in 0..4 {
        ingest(&world.billing, &world, round * 2 + 1..round * 2 + 3).await;
        for _ in 0..2 {
            let page = world
                .billing
                .history()
                .page(organization, None, 9)
                .await
                .unwrap();
            assert_eq!(page.rows.len(), 1);
            seen.push((page.rows[0].id.clone(), page.rows[0].at));
            world.billing.analytics().catch_up().await.unwrap();
        }
        world.clock.advance(Duration::from_secs(600));
    }
    assert!(seen.iter().all(|place| *place == seen[0]), "{seen:?}");
    assert_eq!(seen[0].1, at("2026-03-11T12:00:00Z"));
    world.finish().await;
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// Requests of these minutes ago, with so many tokens, in one call at this process.
    Ingest(usize, Vec<(u16, u8)>),
    SumUp(usize),
    /// The second process ends without a word, and another begins.
    Die,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let requests = proptest::collection::vec((0_u16..10_000, any::<u8>()), 1..8);
    let step = prop_oneof![
        6 => (0_usize..2, requests).prop_map(|(at, requests)| Step::Ingest(at, requests)),
        2 => (0_usize..2).prop_map(Step::SumUp),
        1 => Just(Step::Die),
    ];
    proptest::collection::vec(step, 1..12)
}

#[test]
fn however_usage_is_split_and_summed_up_the_sums_are_those_of_its_requests() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::new());
    let mut other = Some(runtime.block_on(another_process(&world)));
    let (mut id, mut requests, mut tokens) = (0_i64, 0_i64, 0_i64);
    let mut hours = std::collections::BTreeMap::<i64, i64>::new();
    // The same histories in every run.
    let mut runner = TestRunner::deterministic();
    for _ in 0..24 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        runtime.block_on(async {
            for step in steps {
                let theirs = other.as_ref().unwrap();
                let process = |at| if at == 0 { &world.billing } else { theirs };
                match step {
                    Step::Ingest(at_process, ran) => {
                        let events = ran.iter().map(|(minutes, output)| {
                            id += 1;
                            requests += 1;
                            tokens += i64::from(*output);
                            let ago = Duration::from_secs(u64::from(*minutes) * 60);
                            let occurred_at = world.billing.now() - ago;
                            *hours.entry(occurred_at.timestamp() / 3_600).or_default() += 1;
                            UsageEvent {
                                occurred_at: Some(occurred_at),
                                tokens: Tokens {
                                    output: i64::from(*output),
                                    ..Tokens::default()
                                },
                                ..event(&id.to_string())
                            }
                        });
                        let usage = process(at_process).usage();
                        usage.ingest(&world.caller, events.collect()).await.unwrap();
                    }
                    Step::SumUp(at) => process(at).analytics().catch_up().await.unwrap(),
                    Step::Die => {
                        other = None;
                        other = Some(another_process(&world).await);
                    }
                }
                for billing in [&world.billing, other.as_ref().unwrap()] {
                    let report = report(&world, billing).await;
                    assert_eq!(report.total.requests, requests);
                    assert_eq!(report.total.tokens.output, tokens);
                    let rows = report.rows.iter();
                    let told: Vec<_> = rows
                        .map(|row| (row.start.timestamp() / 3_600, row.sums.requests))
                        .collect();
                    assert_eq!(told, hours.clone().into_iter().collect::<Vec<_>>());
                }
            }
            let proof = world.billing.prove().await.unwrap();
            assert!(proof.holds(), "{proof:#?}");
        });
    }
    runtime.block_on(async {
        other.unwrap().close().await;
        world.finish().await;
    });
}

use sqlx::{Connection, Executor};

use crate::proof_money_back::CLEARING;
use crate::tamper::tamper;
use crate::world::{World, event};

const CHAIN: &str = "batches seal one another without a break";
const EVENTS: &str = "every usage event costs its tokens times its rate";
const BATCHES: &str = "the events of each usage batch add up to it";
const CARRIES: &str = "costs = 1000 x posted + carried, for each organization";
const POSTED: &str = "usage is posted as it was counted";
const HOURS: &str = "hourly usage adds up to the events";
const WATERMARKS: &str = "usage is summed up to a batch that is there";
const DAYS: &str = "daily usage adds up to the events";
const TOP_UPS: &str = "top-ups are credited once and only when paid";

/// What is done to the rows, and the checks that find it: these and no others.
type Fault = (&'static str, &'static [&'static str]);

/// $25 come and $10 do not, two requests are paid; then each fault in a database of its own.
async fn each_is_found(faults: &[Fault]) {
    for (statement, expected) in faults {
        let world = World::new().await;
        world.top_up(2_500, "4242424242424242").await;
        world.top_up(1_000, "4000000000000002").await;
        let usage = world.billing.usage();
        usage
            .ingest(&world.caller, vec![event("1"), event("2")])
            .await
            .unwrap();
        world.billing.analytics().catch_up().await.unwrap();
        assert!(world.billing.prove().await.unwrap().holds());
        tamper(world.database(), statement).await;
        let proof = world.billing.prove().await.unwrap();
        let failed: Vec<_> = proof.checks.iter().filter(|check| !check.holds()).collect();
        let names: Vec<_> = failed.iter().map(|check| check.name).collect();
        assert_eq!(names, *expected, "{statement}: {failed:#?}");
        world.finish_broken().await;
    }
}

#[tokio::test]
async fn a_changed_event_is_found() {
    each_is_found(&[
        (
            "update usage_events set output_tokens = output_tokens + 1 where event_id = '1'",
            &[EVENTS, HOURS, DAYS],
        ),
        (
            "update usage_events set cost_pico = cost_pico + 1 where event_id = '1'",
            &[EVENTS, BATCHES, HOURS, DAYS],
        ),
        ("update usage_events set occurred_at = 0", &[EVENTS, HOURS]),
        ("update usage_events set status = 500", &[HOURS]),
        ("update usage_events set latency_ms = 10000", &[HOURS]),
        (
            "update usage_series set model = 'glm-5.2'",
            &[EVENTS, HOURS, DAYS],
        ),
        (
            "delete from usage_events where event_id = '1'",
            &[BATCHES, HOURS, DAYS],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_changed_usage_batch_or_carry_is_found() {
    each_is_found(&[
        (
            "update usage_batches set event_count = event_count + 1",
            &[BATCHES],
        ),
        (
            "update usage_batches set cost_pico = cost_pico + 1000, posted_nano = posted_nano + 1",
            &[BATCHES, POSTED],
        ),
        (
            "update usage_batches set booked_at = booked_at + 1",
            &[DAYS],
        ),
        (
            "update usage_carries set carry_pico = carry_pico + 1",
            &[CARRIES],
        ),
        (
            "update usage_carries set sequence = sequence + 1",
            &[CARRIES],
        ),
        ("delete from usage_carries", &[CARRIES]),
        (
            "update usage_batches set carry_before_pico = 7, carry_after_pico = 7",
            &[CARRIES],
        ),
        (
            "update usage_batches set sequence = 2",
            &[CARRIES, HOURS, DAYS, WATERMARKS],
        ),
        (
            "delete from usage_batches",
            &[BATCHES, CARRIES, POSTED, HOURS, DAYS, WATERMARKS],
        ),
        (
            "update batches set source = 'usage:' || organization_id where code = 'usage'",
            &[CHAIN, POSTED],
        ),
    ])
    .await;
}

/// Each batch adds up, and all of them together do: only one after the other they do not.
#[tokio::test]
async fn a_batch_that_does_not_begin_with_what_the_one_before_left_is_found() {
    for (batch, differences) in [(1, 2), (2, 2), (3, 2)] {
        let world = World::new().await;
        for id in ["1", "2", "3"] {
            let usage = world.billing.usage();
            let events = vec![event(id)];
            usage.ingest(&world.caller, events).await.unwrap();
        }
        world.billing.analytics().catch_up().await.unwrap();
        let statement = format!(
            "update usage_batches set carry_before_pico = 7, carry_after_pico = 7
             where sequence = {batch}"
        );
        tamper(world.database(), &statement).await;
        let proof = world.billing.prove().await.unwrap();
        let failed: Vec<_> = proof.checks.iter().filter(|check| !check.holds()).collect();
        assert_eq!(failed.len(), 1, "{failed:#?}");
        assert_eq!(failed[0].name, CARRIES);
        assert_eq!(failed[0].differences.len(), differences, "{failed:#?}");
        world.finish_broken().await;
    }
}

#[tokio::test]
async fn a_changed_daily_sum_is_found() {
    each_is_found(&[
        ("update usage_days set cost_nano = cost_nano + 1", &[DAYS]),
        (
            "update usage_days set cost_rest_pico = cost_rest_pico + 1",
            &[DAYS],
        ),
        ("update usage_days set requests = requests + 1", &[DAYS]),
        ("update usage_days set tokens = tokens - 1", &[DAYS]),
        ("update usage_days set day = '2026-03-10'", &[DAYS]),
        ("update usage_days set first_booked_at = 0", &[DAYS]),
        ("delete from usage_days", &[DAYS]),
        (
            "insert into usage_days
             select organization_id, '2026-03-10', project_id, model, requests, tokens, cost_nano,
                 cost_rest_pico, first_booked_at
             from usage_days",
            &[DAYS],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_changed_hourly_sum_or_watermark_is_found() {
    each_is_found(&[
        ("update usage_hours set cost_nano = cost_nano + 1", &[HOURS]),
        (
            "update usage_hours set cost_rest_pico = cost_rest_pico + 1",
            &[HOURS],
        ),
        ("update usage_hours set requests = requests + 1", &[HOURS]),
        ("update usage_hours set errors = 1", &[HOURS]),
        (
            "update usage_hours set output_tokens = output_tokens - 1",
            &[HOURS],
        ),
        (
            "update usage_hours set latency_sum_ms = latency_sum_ms + 1",
            &[HOURS],
        ),
        ("update usage_hours set latencies = '62:1 63:1'", &[HOURS]),
        ("update usage_hours set latencies = 'none'", &[HOURS]),
        ("update usage_hours set hour = hour + 3600000000", &[HOURS]),
        ("delete from usage_hours", &[HOURS]),
        ("delete from usage_watermarks", &[HOURS, DAYS]),
        (
            "update usage_watermarks set sequence = sequence + 1",
            &[WATERMARKS],
        ),
        ("update usage_watermarks set sequence = 0", &[HOURS, DAYS]),
    ])
    .await;
}

#[tokio::test]
async fn a_changed_top_up_or_payment_is_found() {
    each_is_found(&[
        (
            "update top_ups set amount_cents = amount_cents + 1 where state = 'succeeded'",
            &[TOP_UPS],
        ),
        (
            "update top_ups set state = 'canceled' where state = 'succeeded'",
            &[TOP_UPS],
        ),
        (
            "update top_ups set state = 'succeeded', decline_reason = null where state = 'failed'",
            &[TOP_UPS],
        ),
        (
            "update payments set state = 'pending' where state = 'succeeded'",
            &[TOP_UPS],
        ),
        (
            "update payments set amount_cents = amount_cents + 1 where state = 'succeeded'",
            &[TOP_UPS],
        ),
        (
            "update payments set fee_cents = fee_cents + 1 where state = 'succeeded'",
            &[TOP_UPS],
        ),
        ("delete from payments where state = 'failed'", &[TOP_UPS]),
        (
            "delete from top_ups where state = 'succeeded'",
            &[TOP_UPS, CLEARING],
        ),
        (
            "update batches set source = 'fixup:' || substr(source, 7) where code = 'top_up'",
            &[CHAIN, TOP_UPS],
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_usage_and_rates() {
    let world = World::new().await;
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("1")])
        .await
        .unwrap();
    let mut connection = sqlx::AnyConnection::connect(world.database_url())
        .await
        .unwrap();
    for statement in [
        "update usage_events set cost_pico = 0",
        "delete from usage_events",
        "update usage_batches set created_at = 0",
        "delete from usage_batches",
        "update model_rates set input_pico = 0",
        "delete from model_rates",
    ] {
        let error = connection.execute(statement).await.unwrap_err();
        assert!(
            error.to_string().contains("append-only"),
            "{statement}: {error}"
        );
    }
    connection.close().await.unwrap();
    world.finish().await;
}

//! How much is held, how much of it credit must cover, and what is charged in the end.

use std::time::Duration;

use billing::holds::ShortfallReason;
use billing::{CaptureHold, HoldError, HoldState, OpenHold, Problem, ProblemKind};
use types::usage_report::UsageInterval;

use crate::holds::{balances, capture, funded, open, release, request, used};
use crate::usage_report::query;
use crate::world::{World, event};

const VISA: &str = "4242424242424242";
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_cost_above_the_hold_is_charged() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    capture(&world, hold.id, used(112, 9_000_000))
        .await
        .unwrap();
    assert_eq!(balances(&world).await, ["-0.4000168", "0.00", "-0.4000168"]);
    world.finish().await;
}

#[tokio::test]
async fn nothing_produced_or_a_providers_error_is_recorded_and_costs_nothing() {
    let world = funded().await;
    for (request_used, status) in [(used(112, 0), 200), (used(112, 44), 502), (used(0, 0), 500)] {
        let hold = open(&world, request()).await;
        let failed = CaptureHold {
            status: Some(status),
            ..request_used
        };
        let captured = capture(&world, hold.id, failed).await.unwrap();
        let HoldState::Captured { cost, .. } = captured.state else {
            panic!("{captured:?}")
        };
        assert!(cost.picos() == 0, "{captured:?}");
        assert_eq!(capture(&world, hold.id, failed).await.unwrap(), captured);
    }
    // The client's own mistake is not the provider's, and what it produced is paid for.
    let hold = open(&world, request()).await;
    let refused = CaptureHold {
        status: Some(400),
        ..used(112, 44)
    };
    capture(&world, hold.id, refused).await.unwrap();
    assert_eq!(balances(&world).await, ["4.9999568", "0.00", "4.9999568"]);
    assert_eq!(world.billing.prove().await.unwrap().events, 4);
    world.finish().await;
}

#[tokio::test]
async fn what_a_failed_request_used_is_counted_and_not_charged() {
    let world = funded().await;
    let failed = open(&world, request()).await;
    let empty = open(&world, request()).await;
    // The captures are priced again by the book that this brings.
    let dearer = billing::rates::SEED_JSON.replace("\"0.60\"", "\"6.00\"");
    let now = world.billing.now();
    world
        .billing
        .rates()
        .load(&dearer, now + MINUTE)
        .await
        .unwrap();
    let provider_failed = CaptureHold {
        status: Some(502),
        latency_ms: Some(70),
        ..used(112, 44)
    };
    capture(&world, failed.id, provider_failed).await.unwrap();
    capture(&world, empty.id, used(100, 0)).await.unwrap();
    assert_eq!(balances(&world).await, ["5.00", "0.00", "5.00"]);

    let analytics = world.billing.analytics();
    analytics.catch_up().await.unwrap();
    let query = query(UsageInterval::Day, &[]);
    let organization = world.owner.organization;
    let total = analytics.report(organization, &query).await.unwrap().total;
    assert_eq!((total.requests, total.errors), (2, 1));
    assert_eq!((total.tokens.input, total.tokens.output), (212, 44));
    assert_eq!(total.cost.exact(), "0.00");

    // Such a request says nothing of how much output the next will have.
    let open_ended = OpenHold {
        max_output_tokens: None,
        ..request()
    };
    assert_eq!(open(&world, open_ended).await.max_output_tokens, 4_096);
    world.finish().await;
}

#[tokio::test]
async fn a_model_whose_output_is_not_billed_is_charged_for_its_input() {
    let world = funded().await;
    let embedding = OpenHold {
        model: "all-minilm-l6-v2".to_owned(),
        input_tokens: 1_000_000,
        max_output_tokens: None,
        ..request()
    };
    let hold = open(&world, embedding).await;
    let captured = capture(&world, hold.id, used(1_000_000, 0)).await.unwrap();
    let HoldState::Captured { cost, .. } = captured.state else {
        panic!("{captured:?}")
    };
    assert!(cost.picos() > 0);
    assert_eq!(cost.dollars(), hold.amount.dollars());
    world.finish().await;
}

#[tokio::test]
async fn without_credit_every_hold_that_costs_something_is_refused_with_the_figures() {
    let world = World::new().await;
    let refused = world.billing.holds().open(&world.caller, request()).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ProblemKind::Exhausted, "insufficient_quota")
    );
    let words = refused.to_string();
    assert!(words.contains("$0.00 is available"), "{words}");
    assert!(words.contains("at least $0.0000174"), "{words}");
    // Credit counts at once, though the gate has just seen that there was none.
    world.top_up(500, VISA).await;
    open(&world, request()).await;
    world.finish().await;
}

#[tokio::test]
async fn credit_that_covers_a_part_is_offered_down_to_the_floor() {
    let world = funded().await;
    // The input costs $3.30, what is asked for of output $3.67; $5 and the floor's $1 are there.
    let large = OpenHold {
        model: "glm-5.2".to_owned(),
        input_tokens: 3_000_000,
        max_output_tokens: Some(1_048_576),
        ..request()
    };
    let hold = open(&world, large.clone()).await;
    assert!(hold.is_limited());
    assert_eq!(hold.wanted_output_tokens, 1_048_576);
    assert_eq!(hold.max_output_tokens, 771_428);
    assert_eq!(balances(&world).await, ["5.00", "5.999998", "-0.999998"]);
    let refused = world.billing.holds().open(&world.caller, request()).await;
    let Err(HoldError::InsufficientCredit { shortfall }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(shortfall.reason, ShortfallReason::Exhausted);
    // What not even one token of output is left for is refused.
    release(&world, hold.id).await.unwrap();
    let too_large = OpenHold {
        input_tokens: 5_454_543,
        ..large
    };
    let refused = world.billing.holds().open(&world.caller, too_large).await;
    let Err(HoldError::InsufficientCredit { shortfall }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(shortfall.reason, ShortfallReason::TooLittle);
    assert_eq!(shortfall.needed.dollars().exact(), "6.0000008");
    world.finish().await;
}

#[tokio::test]
async fn usage_after_a_hold_expired_does_not_count_it_again() {
    let world = funded().await;
    let all = OpenHold {
        model: "glm-5.2".to_owned(),
        input_tokens: 3_000_000,
        max_output_tokens: Some(1_048_576),
        ..request()
    };
    open(&world, all).await;
    world.clock.advance(10 * MINUTE);
    // This commit looks at no hold, and the gate learns nothing wrong from it.
    let usage = world.billing.usage();
    usage.ingest(&world.caller, vec![event("1")]).await.unwrap();
    open(&world, request()).await;
    world.finish().await;
}

#[tokio::test]
async fn an_organization_has_so_many_open_holds_and_no_more() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    let set = async |count: i64| {
        let statement = format!("update books set hold_count = {count} where held_nano > 0");
        crate::tamper::tamper(world.database(), &statement).await;
    };
    set(billing::holds::MOST_OPEN_HOLDS).await;
    let refused = world.billing.holds().open(&world.caller, request()).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused.kind(), ProblemKind::Throttled { .. }));
    assert_eq!(refused.code(), "too_many_holds");
    set(1).await;
    release(&world, hold.id).await.unwrap();
    open(&world, request()).await;
    world.finish_broken().await;
}

#[tokio::test]
async fn no_more_is_held_than_the_model_can_produce() {
    let world = funded().await;
    let boundless = OpenHold {
        max_output_tokens: Some(100_000_000),
        ..request()
    };
    let hold = open(&world, boundless).await;
    assert_eq!(
        (hold.max_output_tokens, hold.is_limited()),
        (131_072, false)
    );
    world.finish().await;
}

#[tokio::test]
async fn without_a_maximum_it_is_estimated_by_what_the_key_had_of_late() {
    let world = funded().await;
    let open_ended = || OpenHold {
        max_output_tokens: None,
        ..request()
    };
    assert_eq!(open(&world, open_ended()).await.max_output_tokens, 4_096);
    let of_outputs = |first: i64, outputs: std::ops::RangeInclusive<i64>| {
        outputs
            .map(|output| {
                let mut event = event(&format!("{first}-{output}"));
                event.tokens.output = output;
                event
            })
            .collect::<Vec<_>>()
    };
    let usage = world.billing.usage();
    let ingest = async |events| usage.ingest(&world.caller, events).await.unwrap();
    ingest(of_outputs(1, 2_001..=2_300)).await;
    ingest(of_outputs(2, 1_001..=1_100)).await;
    // Remembered for a minute; then the last 200: half of them around 1,050, half around 2,250.
    assert_eq!(open(&world, open_ended()).await.max_output_tokens, 4_096);
    world.clock.advance(MINUTE);
    let hold = open(&world, open_ended()).await;
    assert_eq!(hold.max_output_tokens, 2_290);
    assert_eq!(hold.requested_output_tokens, None);
    // Another key has a history of its own.
    let viewer = &world.owner;
    let keys = world.billing.api_keys();
    let (key, _) = keys
        .create(viewer, world.caller.project, "other")
        .await
        .unwrap();
    let other = OpenHold {
        api_key: Some(key.id),
        ..open_ended()
    };
    assert_eq!(open(&world, other).await.max_output_tokens, 4_096);
    world.finish().await;
}

#[tokio::test]
async fn a_hold_is_charged_by_the_price_it_was_opened_at() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    world.clock.advance(MINUTE);
    let dearer = billing::rates::SEED_JSON.replace("\"0.60\"", "\"6.00\"");
    let now = world.billing.now();
    world.billing.rates().load(&dearer, now).await.unwrap();
    let new = open(&world, request()).await;
    assert_eq!(new.amount.dollars().exact(), "0.0002808");
    let captured = capture(&world, hold.id, used(112, 44)).await.unwrap();
    let HoldState::Captured { cost, .. } = captured.state else {
        panic!("{captured:?}")
    };
    assert_eq!(cost.dollars(), hold.amount.dollars());
    world.finish().await;
}

#[tokio::test]
async fn what_is_used_without_a_hold_is_seen_by_the_next_one() {
    let world = funded().await;
    let mut large = event("1");
    large.tokens.output = 10_000_000;
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![large])
        .await
        .unwrap();
    assert_eq!(balances(&world).await[0], "-1.0000168");
    let refused = world.billing.holds().open(&world.caller, request()).await;
    let Err(HoldError::InsufficientCredit { shortfall }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(shortfall.reason, ShortfallReason::BelowFloor);
    world.finish().await;
}

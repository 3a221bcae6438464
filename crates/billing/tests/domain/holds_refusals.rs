//! Holds that are refused for what is asked, or for who asks.

use std::time::Duration;

use billing::{CaptureHold, OpenHold, Problem, ProblemKind};
use types::ids::HoldId;
use types::usage::Tokens;

use crate::holds::{balances, capture, funded, open, request, used};
use crate::world::event;

#[tokio::test]
async fn another_organizations_hold_is_like_one_that_is_not_there() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    let (_, other, _) = world.another().await;
    let holds = world.billing.holds();
    for id in [hold.id, HoldId::generate()] {
        assert_eq!(holds.find(other.organization, id).await.unwrap(), None);
        for refused in [
            holds.capture(other.organization, id, used(1, 1)).await,
            holds.release(other.organization, id).await,
            holds.heartbeat(other.organization, id).await,
        ] {
            assert_eq!(refused.unwrap_err().kind(), ProblemKind::NotFound);
        }
    }
    assert_eq!(balances(&world).await[1], "0.0000432");
    world.finish().await;
}

#[tokio::test]
async fn another_organizations_hold_is_not_there_either_when_its_time_is_up() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    let (_, other, _) = world.another().await;
    // Nobody has written down that it expired, and whoever asks in vain does not have to.
    world.clock.advance(Duration::from_secs(600));
    let holds = world.billing.holds();
    for refused in [
        holds.release(other.organization, hold.id).await,
        holds.heartbeat(other.organization, hold.id).await,
    ] {
        assert_eq!(refused.unwrap_err().kind(), ProblemKind::NotFound);
    }
    assert_eq!(holds.expire_due().await.unwrap(), 1);
    world.finish().await;
}

#[tokio::test]
async fn what_is_malformed_is_refused_by_its_name_and_nothing_is_kept() {
    let world = funded().await;
    let long = "x".repeat(201);
    let cases = [
        (
            OpenHold {
                id: Some(String::new()),
                ..request()
            },
            "id",
            "invalid_hold",
        ),
        (
            OpenHold {
                id: Some(long.clone()),
                ..request()
            },
            "id",
            "invalid_hold",
        ),
        (
            OpenHold {
                id: Some("a\nb".to_owned()),
                ..request()
            },
            "id",
            "invalid_hold",
        ),
        (
            OpenHold {
                model: String::new(),
                ..request()
            },
            "model",
            "invalid_hold",
        ),
        (
            OpenHold {
                model: long,
                ..request()
            },
            "model",
            "invalid_hold",
        ),
        (
            OpenHold {
                model: "gpt-none".to_owned(),
                ..request()
            },
            "model",
            "unknown_model",
        ),
        (
            OpenHold {
                input_tokens: -1,
                ..request()
            },
            "input_tokens",
            "invalid_hold",
        ),
        (
            OpenHold {
                input_tokens: 100_000_001,
                ..request()
            },
            "input_tokens",
            "invalid_hold",
        ),
        (
            OpenHold {
                max_output_tokens: Some(0),
                ..request()
            },
            "max_output_tokens",
            "invalid_hold",
        ),
        (
            OpenHold {
                max_output_tokens: Some(i64::MAX),
                ..request()
            },
            "max_output_tokens",
            "invalid_hold",
        ),
        (
            OpenHold {
                project: Some(types::ids::ProjectId::generate()),
                ..request()
            },
            "project_id",
            "unknown_project",
        ),
        (
            OpenHold {
                api_key: Some(types::ids::ApiKeyId::generate()),
                ..request()
            },
            "api_key_id",
            "unknown_api_key",
        ),
    ];
    for (malformed, field, code) in cases {
        let told = format!("{malformed:?}");
        let refused = world.billing.holds().open(&world.caller, malformed).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ProblemKind::Invalid, "{told}");
        assert_eq!(
            (refused.field().as_deref(), refused.code()),
            (Some(field), code),
            "{told}"
        );
    }
    let hold = open(&world, request()).await;
    let cases = [
        (used(-1, 1), "input_tokens"),
        (used(1, 100_000_001), "output_tokens"),
        (
            CaptureHold {
                tokens: Tokens {
                    input: 1,
                    cached_input: 2,
                    output: 1,
                },
                ..used(1, 1)
            },
            "cached_input_tokens",
        ),
        (
            CaptureHold {
                status: Some(42),
                ..used(1, 1)
            },
            "status",
        ),
        (
            CaptureHold {
                status: Some(600),
                ..used(-1, 1)
            },
            "input_tokens",
        ),
        (
            CaptureHold {
                latency_ms: Some(-1),
                ..used(1, 1)
            },
            "latency_ms",
        ),
    ];
    for (malformed, field) in cases {
        let refused = capture(&world, hold.id, malformed).await.unwrap_err();
        assert_eq!(
            refused.field().as_deref(),
            Some(field),
            "{malformed:?}: {refused}"
        );
        assert_eq!(refused.code(), "invalid_hold", "{malformed:?}: {refused}");
    }
    assert_eq!(balances(&world).await, ["5.00", "0.0000432", "4.9999568"]);
    world.finish().await;
}

#[tokio::test]
async fn nobody_reports_usage_in_the_name_of_a_hold() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    let mut forged = event(&hold.id.to_string());
    forged.source = "hold".to_owned();
    let refused = world
        .billing
        .usage()
        .ingest(&world.caller, vec![forged])
        .await;
    assert_eq!(refused.unwrap_err().field().as_deref(), Some("source"));
    capture(&world, hold.id, used(112, 44)).await.unwrap();
    world.finish().await;
}

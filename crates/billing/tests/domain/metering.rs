use billing::{IngestError, Ingested, Problem};
use types::ids::{ApiKeyId, ProjectId};
use types::usage::{Tokens, UsageEvent};

use crate::world::{World, event};

#[tokio::test]
async fn a_request_lowers_the_balance_by_its_exact_price() {
    let world = World::new().await;
    world.top_up(2_500, "4242424242424242").await;
    let done = world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("1")])
        .await
        .unwrap();
    assert_eq!(
        done,
        Ingested {
            counted: 1,
            already_counted: 0
        }
    );
    assert_eq!(world.balance().await, "24.9999568");
    world.finish().await;
}

#[tokio::test]
async fn the_same_event_again_counts_once() {
    let world = World::new().await;
    let usage = world.billing.usage();
    usage
        .ingest(&world.caller, vec![event("1"), event("1"), event("2")])
        .await
        .unwrap();
    let again = usage
        .ingest(&world.caller, vec![event("2"), event("3")])
        .await
        .unwrap();
    assert_eq!(
        again,
        Ingested {
            counted: 1,
            already_counted: 1
        }
    );
    assert_eq!(world.balance().await, "-0.0001296");
    world.finish().await;
}

#[tokio::test]
async fn an_event_without_a_time_is_the_same_event_when_it_is_sent_later() {
    let world = World::new().await;
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("1")])
        .await
        .unwrap();
    world.clock.advance(std::time::Duration::from_secs(60));
    let again = world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("1")])
        .await
        .unwrap();
    assert_eq!(
        again,
        Ingested {
            counted: 0,
            already_counted: 1
        }
    );
    world.finish().await;
}

#[tokio::test]
async fn an_id_with_other_content_is_refused_and_nothing_of_the_call_is_kept() {
    let world = World::new().await;
    let usage = world.billing.usage();
    usage.ingest(&world.caller, vec![event("1")]).await.unwrap();
    let other = UsageEvent {
        tokens: Tokens {
            input: 113,
            ..event("1").tokens
        },
        ..event("1")
    };
    let refused = usage
        .ingest(&world.caller, vec![event("2"), other.clone()])
        .await;
    assert!(
        matches!(refused, Err(IngestError::Conflict { index: 1, .. })),
        "{refused:?}"
    );
    let inside = UsageEvent {
        id: "9".to_owned(),
        ..other
    };
    let refused = usage.ingest(&world.caller, vec![event("9"), inside]).await;
    assert!(
        matches!(refused, Err(IngestError::Conflict { index: 1, .. })),
        "{refused:?}"
    );
    assert_eq!(world.balance().await, "-0.0000432");
    world.finish().await;
}

#[tokio::test]
async fn every_field_belongs_to_the_content_of_an_event() {
    let world = World::new().await;
    let usage = world.billing.usage();
    let base = event("1");
    usage
        .ingest(&world.caller, vec![base.clone()])
        .await
        .unwrap();
    let now = world.billing.now();
    for changed in [
        UsageEvent {
            occurred_at: Some(now),
            ..base.clone()
        },
        UsageEvent {
            model: "glm-5.2".to_owned(),
            ..base.clone()
        },
        UsageEvent {
            tokens: Tokens {
                input: 111,
                ..base.tokens
            },
            ..base.clone()
        },
        UsageEvent {
            tokens: Tokens {
                cached_input: 1,
                ..base.tokens
            },
            ..base.clone()
        },
        UsageEvent {
            tokens: Tokens {
                output: 45,
                ..base.tokens
            },
            ..base.clone()
        },
        UsageEvent {
            status: None,
            ..base.clone()
        },
        UsageEvent {
            latency_ms: Some(121),
            ..base.clone()
        },
        UsageEvent {
            project: Some(world.caller.project),
            ..base.clone()
        },
        UsageEvent {
            api_key: Some(world.caller.api_key),
            ..base.clone()
        },
        UsageEvent {
            request_id: Some("r".to_owned()),
            ..base.clone()
        },
    ] {
        let refused = usage.ingest(&world.caller, vec![changed.clone()]).await;
        assert!(
            matches!(refused, Err(IngestError::Conflict { .. })),
            "{changed:?}"
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_billed_is_refused_by_index_and_field() {
    let world = World::new().await;
    let base = event("bad");
    let long = "x".repeat(201);
    let tokens = |input, cached_input, output| Tokens {
        input,
        cached_input,
        output,
    };
    let cases: Vec<(UsageEvent, &str, &str)> = vec![
        (
            UsageEvent {
                id: String::new(),
                ..base.clone()
            },
            "id",
            "invalid_event",
        ),
        (
            UsageEvent {
                id: long.clone(),
                ..base.clone()
            },
            "id",
            "invalid_event",
        ),
        (
            UsageEvent {
                source: "a\0b".to_owned(),
                ..base.clone()
            },
            "source",
            "invalid_event",
        ),
        (
            UsageEvent {
                model: "nothing".to_owned(),
                ..base.clone()
            },
            "data.model",
            "unknown_model",
        ),
        (
            UsageEvent {
                request_id: Some(long),
                ..base.clone()
            },
            "data.request_id",
            "invalid_event",
        ),
        (
            UsageEvent {
                tokens: tokens(-1, 0, 0),
                ..base.clone()
            },
            "data.input_tokens",
            "invalid_event",
        ),
        (
            UsageEvent {
                tokens: tokens(0, 0, -1),
                ..base.clone()
            },
            "data.output_tokens",
            "invalid_event",
        ),
        (
            UsageEvent {
                tokens: tokens(1, 2, 0),
                ..base.clone()
            },
            "data.cached_input_tokens",
            "invalid_event",
        ),
        (
            UsageEvent {
                tokens: tokens(i64::MAX, 0, 0),
                ..base.clone()
            },
            "data.input_tokens",
            "invalid_event",
        ),
        (
            UsageEvent {
                status: Some(99),
                ..base.clone()
            },
            "data.status",
            "invalid_event",
        ),
        (
            UsageEvent {
                latency_ms: Some(-1),
                ..base.clone()
            },
            "data.latency_ms",
            "invalid_event",
        ),
        (
            UsageEvent {
                occurred_at: Some("2026-03-11T13:00:01Z".parse().unwrap()),
                ..base.clone()
            },
            "time",
            "invalid_event",
        ),
        (
            UsageEvent {
                occurred_at: Some("2025-12-31T23:59:59Z".parse().unwrap()),
                ..base.clone()
            },
            "data.model",
            "unknown_model",
        ),
        (
            UsageEvent {
                project: Some(ProjectId::generate()),
                ..base.clone()
            },
            "data.project_id",
            "unknown_project",
        ),
        (
            UsageEvent {
                api_key: Some(ApiKeyId::generate()),
                ..base.clone()
            },
            "data.api_key_id",
            "unknown_api_key",
        ),
    ];
    for (bad, field, code) in cases {
        let usage = world.billing.usage();
        let refused = usage
            .ingest(&world.caller, vec![event("good"), bad.clone()])
            .await;
        let error = refused.unwrap_err();
        assert_eq!(error.index(), Some(1), "{bad:?}");
        assert_eq!(
            (error.field().as_deref(), error.code()),
            (Some(field), code),
            "{bad:?}"
        );
    }
    assert_eq!(world.balance().await, "0.00");
    world.finish().await;
}

#[tokio::test]
async fn another_organizations_project_and_key_cannot_be_named() {
    let world = World::new().await;
    let (_, theirs, _) = world.another().await;
    for named in [
        UsageEvent {
            project: Some(theirs.project),
            ..event("1")
        },
        UsageEvent {
            api_key: Some(theirs.api_key),
            ..event("1")
        },
    ] {
        assert!(
            world
                .billing
                .usage()
                .ingest(&world.caller, vec![named])
                .await
                .is_err()
        );
    }
    // The same id is another event in another organization.
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("1")])
        .await
        .unwrap();
    let done = world
        .billing
        .usage()
        .ingest(&theirs, vec![event("1")])
        .await
        .unwrap();
    assert_eq!(done.counted, 1);
    assert_eq!(world.balance_of(theirs.organization).await, "-0.0000432");
    world.finish().await;
}

#[tokio::test]
async fn a_late_event_is_priced_by_the_rate_of_its_own_time() {
    let world = World::new().await;
    let dearer = billing::rates::SEED_JSON
        .replace("\"0.15\"", "\"15\"")
        .replace("\"0.60\"", "\"60\"");
    let effective_at = "2026-03-01T00:00:00Z".parse().unwrap();
    world
        .billing
        .rates()
        .load(&dearer, effective_at)
        .await
        .unwrap();
    let late = UsageEvent {
        occurred_at: Some("2026-02-28T23:59:59Z".parse().unwrap()),
        ..event("1")
    };
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![late])
        .await
        .unwrap();
    assert_eq!(world.balance().await, "-0.0000432");
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("2")])
        .await
        .unwrap();
    assert_eq!(world.balance().await, "-0.0043632");
    world.finish().await;
}

#[tokio::test]
async fn what_credit_does_not_cover_is_owed_and_the_next_top_up_settles_it() {
    let world = World::new().await;
    let big = UsageEvent {
        tokens: Tokens {
            input: 20_000_000,
            ..Tokens::default()
        },
        ..event("1")
    };
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![big])
        .await
        .unwrap();
    let balance = world
        .billing
        .prepaid()
        .balance(world.owner.organization)
        .await
        .unwrap();
    assert_eq!(balance.owed.dollars().exact(), "3.00");
    world.top_up(1_000, "4242424242424242").await;
    let balance = world
        .billing
        .prepaid()
        .balance(world.owner.organization)
        .await
        .unwrap();
    assert_eq!(balance.owed.dollars().exact(), "0.00");
    assert_eq!(balance.prepaid.dollars().exact(), "7.00");
    world.finish().await;
}

#[tokio::test]
async fn a_call_takes_a_thousand_events_and_no_more() {
    let world = World::new().await;
    let many: Vec<UsageEvent> = (0..1_000)
        .map(|number| event(&number.to_string()))
        .collect();
    let done = world
        .billing
        .usage()
        .ingest(&world.caller, many.clone())
        .await
        .unwrap();
    assert_eq!(done.counted, 1_000);
    assert_eq!(world.balance().await, "-0.0432");
    let mut more = many;
    more.push(event("more"));
    for refused in [more, Vec::new()] {
        let answer = world.billing.usage().ingest(&world.caller, refused).await;
        assert!(matches!(answer, Err(IngestError::Count)));
    }
    world.finish().await;
}

#[tokio::test]
async fn the_same_events_sent_at_once_by_many_count_once() {
    let world = World::new().await;
    let senders = (0..8).map(|_| {
        let (usage, caller) = (world.billing.usage(), world.caller);
        tokio::spawn(async move {
            let events = (0..50).map(|number| event(&number.to_string())).collect();
            usage.ingest(&caller, events).await.unwrap().counted
        })
    });
    let mut counted = 0;
    for sender in senders.collect::<Vec<_>>() {
        counted += sender.await.unwrap();
    }
    assert_eq!(counted, 50);
    assert_eq!(world.balance().await, "-0.00216");
    world.finish().await;
}

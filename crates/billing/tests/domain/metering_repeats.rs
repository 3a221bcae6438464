//! What is the same event again, and what is a conflict, for senders that stamp each report anew.

use billing::{IngestError, Ingested};
use types::money::Dollars;
use types::usage::{Repeat, Tokens, UsageEvent};

use crate::world::{World, event};

const REPEATED: Ingested = Ingested {
    counted: 0,
    already_counted: 1,
};

fn stamped(id: &str) -> UsageEvent {
    UsageEvent {
        occurred_at: Some("2026-03-11T11:00:00Z".parse().unwrap()),
        subject: Some("user-1".to_owned()),
        claimed_cost: Some(Dollars::new("0.0001".parse().unwrap())),
        repeat: Repeat::ModelAndTokens,
        ..event(id)
    }
}

#[tokio::test]
async fn a_report_that_is_stamped_anew_is_the_same_event() {
    let world = World::new().await;
    let usage = world.billing.usage();
    usage
        .ingest(&world.caller, vec![stamped("1")])
        .await
        .unwrap();
    let again = UsageEvent {
        occurred_at: Some("2026-03-11T11:30:00Z".parse().unwrap()),
        subject: None,
        claimed_cost: Some(Dollars::new("0".parse().unwrap())),
        ..stamped("1")
    };
    let answer = usage.ingest(&world.caller, vec![again]).await.unwrap();
    assert_eq!(answer, REPEATED);
    assert_eq!(world.balance().await, "-0.0000432");
    world.finish().await;
}

#[tokio::test]
async fn another_model_or_other_tokens_under_the_same_id_are_a_conflict() {
    let world = World::new().await;
    let usage = world.billing.usage();
    usage
        .ingest(&world.caller, vec![stamped("1")])
        .await
        .unwrap();
    let others = [
        UsageEvent {
            model: "deepseek-v4-flash".to_owned(),
            ..stamped("1")
        },
        UsageEvent {
            tokens: Tokens {
                output: 45,
                ..stamped("1").tokens
            },
            ..stamped("1")
        },
    ];
    for other in others {
        let refused = usage.ingest(&world.caller, vec![other]).await;
        assert!(
            matches!(refused, Err(IngestError::Conflict { index: 0, .. })),
            "{refused:?}"
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn for_other_senders_the_subject_and_the_claimed_cost_belong_to_the_content() {
    let world = World::new().await;
    let usage = world.billing.usage();
    let whole = UsageEvent {
        repeat: Repeat::Everything,
        ..stamped("1")
    };
    usage
        .ingest(&world.caller, vec![whole.clone()])
        .await
        .unwrap();
    let answer = usage.ingest(&world.caller, vec![whole.clone()]).await;
    assert_eq!(answer.unwrap(), REPEATED);
    let others = [
        UsageEvent {
            subject: Some("user-2".to_owned()),
            ..whole.clone()
        },
        UsageEvent {
            claimed_cost: None,
            ..whole
        },
    ];
    for other in others {
        let refused = usage.ingest(&world.caller, vec![other]).await;
        assert!(
            matches!(refused, Err(IngestError::Conflict { index: 0, .. })),
            "{refused:?}"
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn a_claimed_cost_is_never_charged() {
    let world = World::new().await;
    let dear = UsageEvent {
        claimed_cost: Some(Dollars::new("999999".parse().unwrap())),
        ..event("1")
    };
    let usage = world.billing.usage();
    usage.ingest(&world.caller, vec![dear]).await.unwrap();
    assert_eq!(world.balance().await, "-0.0000432");
    world.finish().await;
}

/// The same request, reported at the two doors: what one of them does not compare is compared with
/// nothing, whichever came first.
#[tokio::test]
async fn the_same_event_at_the_two_doors_is_counted_once_whichever_came_first() {
    let world = World::new().await;
    let usage = world.billing.usage();
    let exact = |id: &str| UsageEvent {
        occurred_at: Some(world.billing.now()),
        subject: Some("user-1".to_owned()),
        ..event(id)
    };
    let loose = |id: &str| UsageEvent {
        repeat: Repeat::ModelAndTokens,
        status: None,
        ..event(id)
    };
    for (first, again) in [(exact("1"), loose("1")), (loose("2"), exact("2"))] {
        let counted = usage.ingest(&world.caller, vec![first]).await.unwrap();
        assert_eq!((counted.counted, counted.already_counted), (1, 0));
        for event in [again.clone(), again] {
            let counted = usage.ingest(&world.caller, vec![event]).await.unwrap();
            assert_eq!((counted.counted, counted.already_counted), (0, 1));
        }
    }
    // What is charged must be the same at either, and all of it where both compare it.
    let more = |event: UsageEvent| UsageEvent {
        tokens: Tokens {
            output: event.tokens.output + 1,
            ..event.tokens
        },
        ..event
    };
    let slower = UsageEvent {
        latency_ms: Some(121),
        ..exact("1")
    };
    for other in [more(loose("1")), more(exact("2")), slower] {
        let refused = usage.ingest(&world.caller, vec![other]).await;
        assert!(
            matches!(refused, Err(IngestError::Conflict { .. })),
            "{refused:?}"
        );
    }
    world.finish().await;
}

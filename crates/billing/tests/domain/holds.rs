//! The life of a hold, and what each step may be repeated to.

use std::time::Duration;

use billing::holds::HOLD_LIFETIME;
use billing::{CaptureHold, Hold, HoldError, HoldState, OpenHold, Problem, ProblemKind};
use types::ids::HoldId;
use types::usage::Tokens;

use crate::world::World;

const VISA: &str = "4242424242424242";
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// 112 input tokens of `gpt-oss-120b` and at most 44 of output: $0.0000432.
pub fn request() -> OpenHold {
    OpenHold {
        id: None,
        model: "gpt-oss-120b".to_owned(),
        input_tokens: 112,
        max_output_tokens: Some(44),
        project: None,
        api_key: None,
    }
}

/// What a request used, and that it went well.
pub fn used(input: i64, output: i64) -> CaptureHold {
    CaptureHold {
        tokens: Tokens {
            input,
            cached_input: 0,
            output,
        },
        status: Some(200),
        latency_ms: None,
    }
}

pub async fn funded() -> World {
    let world = World::new().await;
    world.top_up(500, VISA).await;
    world
}

pub async fn open(world: &World, request: OpenHold) -> Hold {
    world
        .billing
        .holds()
        .open(&world.caller, request)
        .await
        .unwrap()
}

pub async fn capture(world: &World, hold: HoldId, request: CaptureHold) -> Result<Hold, HoldError> {
    let organization = world.owner.organization;
    world
        .billing
        .holds()
        .capture(organization, hold, request)
        .await
}

pub async fn find(world: &World, hold: HoldId) -> Option<Hold> {
    let organization = world.owner.organization;
    world
        .billing
        .holds()
        .find(organization, hold)
        .await
        .unwrap()
}

pub async fn release(world: &World, hold: HoldId) -> Result<Hold, HoldError> {
    let organization = world.owner.organization;
    world.billing.holds().release(organization, hold).await
}

async fn heartbeat(world: &World, hold: HoldId) -> Result<Hold, HoldError> {
    let organization = world.owner.organization;
    world.billing.holds().heartbeat(organization, hold).await
}

/// Balance, held, available.
pub async fn balances(world: &World) -> [String; 3] {
    let organization = world.owner.organization;
    let balance = world.billing.prepaid().balance(organization).await.unwrap();
    [
        balance.posted().unwrap(),
        balance.held,
        balance.available().unwrap(),
    ]
    .map(|amount| amount.dollars().exact())
}

#[tokio::test]
async fn a_hold_is_set_aside_and_what_was_really_used_is_charged() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    assert_eq!(hold.amount.dollars().exact(), "0.0000432");
    assert_eq!((hold.max_output_tokens, hold.is_limited()), (44, false));
    assert_eq!(hold.expires_at, hold.created_at + HOLD_LIFETIME);
    assert_eq!(balances(&world).await, ["5.00", "0.0000432", "4.9999568"]);

    let captured = capture(&world, hold.id, used(112, 4)).await.unwrap();
    let HoldState::Captured { cost, .. } = captured.state else {
        panic!("{captured:?}")
    };
    assert_eq!(cost.dollars().exact(), "0.0000192");
    assert_eq!(balances(&world).await, ["4.9999808", "0.00", "4.9999808"]);
    assert_eq!(find(&world, hold.id).await, Some(captured));
    world.finish().await;
}

#[tokio::test]
async fn the_same_id_is_the_same_hold_and_other_content_is_refused() {
    let world = funded().await;
    let named = || OpenHold {
        id: Some("req-1".to_owned()),
        ..request()
    };
    let first = open(&world, named()).await;
    assert_eq!(open(&world, named()).await, first);
    for other in [
        OpenHold {
            input_tokens: 113,
            ..named()
        },
        OpenHold {
            max_output_tokens: Some(45),
            ..named()
        },
        OpenHold {
            max_output_tokens: None,
            ..named()
        },
        OpenHold {
            model: "glm-5.2".to_owned(),
            ..named()
        },
    ] {
        let refused = world.billing.holds().open(&world.caller, other).await;
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (ProblemKind::Conflict, "id_reused")
        );
    }
    // Several at once are one as well, and the id is another organization's own.
    let again = (0..16).map(|_| open(&world, named()));
    for hold in futures::future::join_all(again).await {
        assert_eq!(hold, first);
    }
    let (_, other, _) = world.another().await;
    let theirs = world.billing.holds().open(&other, named()).await;
    assert!(
        matches!(theirs, Err(HoldError::InsufficientCredit { .. })),
        "{theirs:?}"
    );
    release(&world, first.id).await.unwrap();
    assert_eq!(open(&world, named()).await.state.as_str(), "released");
    world.finish().await;
}

#[tokio::test]
async fn a_capture_is_repeated_with_the_same_answer_and_other_content_is_refused() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    let first = capture(&world, hold.id, used(112, 44)).await.unwrap();
    world.clock.advance(MINUTE);
    assert_eq!(
        capture(&world, hold.id, used(112, 44)).await.unwrap(),
        first
    );
    let other = capture(&world, hold.id, used(112, 45)).await.unwrap_err();
    assert_eq!(
        (other.kind(), other.code()),
        (ProblemKind::Conflict, "hold_captured")
    );
    let released = release(&world, hold.id).await.unwrap_err();
    assert_eq!(
        (released.kind(), released.code()),
        (ProblemKind::Conflict, "hold_captured")
    );
    assert!(
        released.to_string().contains("it is captured"),
        "{released}"
    );
    assert_eq!(
        heartbeat(&world, hold.id).await.unwrap_err().code(),
        "hold_captured"
    );
    assert_eq!(balances(&world).await[0], "4.9999568");
    world.finish().await;
}

#[tokio::test]
async fn many_captures_at_once_charge_once() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    let captures = (0..16).map(|_| capture(&world, hold.id, used(112, 44)));
    for captured in futures::future::join_all(captures).await {
        assert_eq!(captured.unwrap().state.as_str(), "captured");
    }
    assert_eq!(balances(&world).await, ["4.9999568", "0.00", "4.9999568"]);
    world.finish().await;
}

#[tokio::test]
async fn a_release_gives_everything_back_and_may_be_repeated() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    let first = release(&world, hold.id).await.unwrap();
    assert_eq!(first.state.as_str(), "released");
    world.clock.advance(MINUTE);
    assert_eq!(release(&world, hold.id).await.unwrap(), first);
    assert_eq!(
        heartbeat(&world, hold.id).await.unwrap_err().code(),
        "hold_released"
    );
    assert_eq!(balances(&world).await, ["5.00", "0.00", "5.00"]);
    world.finish().await;
}

#[tokio::test]
async fn a_hold_expires_by_itself_and_can_be_captured_for_another_day() {
    let world = funded().await;
    let (one, two) = (open(&world, request()).await, open(&world, request()).await);
    world.clock.advance(10 * MINUTE - Duration::from_micros(1));
    assert_eq!(balances(&world).await[1], "0.0000864");
    // One instant later it counts no more, though nobody has written it down.
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(balances(&world).await, ["5.00", "0.00", "5.00"]);
    let found = find(&world, one.id).await.unwrap();
    assert_eq!(found.state.as_str(), "expired");

    assert_eq!(world.billing.holds().expire_due().await.unwrap(), 1);
    assert_eq!(world.billing.holds().expire_due().await.unwrap(), 0);
    assert_eq!(
        heartbeat(&world, one.id).await.unwrap_err().code(),
        "hold_expired"
    );
    assert_eq!(
        release(&world, one.id).await.unwrap().state.as_str(),
        "expired"
    );
    world.clock.advance(DAY);
    capture(&world, one.id, used(112, 44)).await.unwrap();
    assert_eq!(balances(&world).await[0], "4.9999568");
    world.clock.advance(Duration::from_micros(1));
    let late = capture(&world, two.id, used(112, 44)).await.unwrap_err();
    assert_eq!(
        (late.kind(), late.code()),
        (ProblemKind::Conflict, "hold_too_old")
    );
    // The first one was in time, and stays the answer.
    capture(&world, one.id, used(112, 44)).await.unwrap();
    assert_eq!(balances(&world).await[0], "4.9999568");
    world.finish().await;
}

#[tokio::test]
async fn a_released_hold_that_ran_all_the_same_is_charged() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    release(&world, hold.id).await.unwrap();
    capture(&world, hold.id, used(112, 44)).await.unwrap();
    assert_eq!(balances(&world).await, ["4.9999568", "0.00", "4.9999568"]);
    assert_eq!(
        release(&world, hold.id).await.unwrap_err().code(),
        "hold_captured"
    );
    world.finish().await;
}

#[tokio::test]
async fn heartbeats_keep_a_hold_for_a_day_at_most() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    for _ in 0..24 * 6 {
        world.clock.advance(9 * MINUTE + Duration::from_secs(59));
        let prolonged = heartbeat(&world, hold.id).await.unwrap();
        assert!(prolonged.expires_at <= hold.created_at + billing::holds::LONGEST_HOLD);
    }
    assert_eq!(balances(&world).await[1], "0.0000432");
    world.clock.advance(3 * MINUTE);
    assert_eq!(
        heartbeat(&world, hold.id).await.unwrap_err().code(),
        "hold_expired"
    );
    assert_eq!(balances(&world).await[1], "0.00");
    world.finish().await;
}

#[tokio::test]
async fn what_was_held_at_a_past_instant_is_told() {
    let world = funded().await;
    let before = world.billing.now();
    world.clock.advance(MINUTE);
    let hold = open(&world, request()).await;
    let opened = world.billing.now();
    world.clock.advance(MINUTE);
    let expiring = open(&world, request()).await;
    world.clock.advance(MINUTE);
    release(&world, hold.id).await.unwrap();
    let released = world.billing.now();
    world.clock.advance(30 * MINUTE);
    let organization = world.owner.organization;
    let held = async |at| {
        let balance = world.billing.prepaid().balance_at(organization, at).await;
        balance.unwrap().held.nanos()
    };
    for round in ["due", "swept"] {
        assert_eq!(held(before).await, 0, "{round}");
        assert_eq!(held(opened).await, 43_200, "{round}");
        assert_eq!(held(expiring.created_at).await, 86_400, "{round}");
        assert_eq!(held(released).await, 43_200, "{round}");
        assert_eq!(held(expiring.expires_at).await, 0, "{round}");
        world.billing.holds().expire_due().await.unwrap();
    }
    world.finish().await;
}

#[tokio::test]
async fn holds_are_forgotten_a_month_after_they_ended_and_their_usage_stays() {
    let world = funded().await;
    let hold = open(&world, request()).await;
    capture(&world, hold.id, used(112, 44)).await.unwrap();
    world.clock.advance(20 * DAY);
    let younger = open(&world, request()).await;
    release(&world, younger.id).await.unwrap();
    world.clock.advance(11 * DAY);
    let housekeeping = world.billing.housekeeping();
    assert_eq!(housekeeping.run().await.unwrap().holds, 0);
    world.clock.advance(MINUTE);
    assert_eq!(housekeeping.run().await.unwrap().holds, 1);
    let holds = world.billing.holds();
    let organization = world.owner.organization;
    assert_eq!(holds.find(organization, hold.id).await.unwrap(), None);
    assert!(
        holds
            .find(organization, younger.id)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(balances(&world).await[0], "4.9999568");
    world.finish().await;
}

//! Many at once for the last cent, in one process and in two, and through a restart: the floor is
//! never passed, what is granted adds up, and nothing is lost or left behind.

use std::sync::Arc;
use std::time::Duration;

use billing::holds::FLOOR;
use billing::{Billing, Hold, HoldError, HoldState, OpenHold, Problem};
use futures::future::{join, join_all, join4};
use types::ids::HoldId;
use types::money::Money;

use crate::gateway_side::another_process;
use crate::holds::{balances, funded, open, request, used};
use crate::world::World;

const CLIENTS: usize = 64;
const HOLD_END: Duration = Duration::from_secs(600);

/// $0.30 each: the input alone.
fn dear() -> OpenHold {
    OpenHold {
        input_tokens: 2_000_000,
        max_output_tokens: Some(1),
        ..request()
    }
}

/// Sixteen holds and more than are granted, by each of the clients in turn.
async fn race(world: &World, processes: &[&Billing], asked: &OpenHold) -> Vec<Hold> {
    let clients = (0..CLIENTS).map(|client| {
        let holds = processes[client % processes.len()].holds();
        let (caller, asked) = (world.caller, asked.clone());
        tokio::spawn(async move {
            let mut granted = Vec::new();
            for _ in 0..4 {
                match holds.open(&caller, asked.clone()).await {
                    Ok(hold) => granted.push(hold),
                    Err(HoldError::InsufficientCredit { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            granted
        })
    });
    let granted = join_all(clients).await;
    granted.into_iter().flat_map(Result::unwrap).collect()
}

fn sum(holds: &[Hold]) -> Money {
    holds
        .iter()
        .fold(Money::ZERO, |sum, hold| sum.plus(hold.amount).unwrap())
}

async fn expect_exact(world: &World, granted: &[Hold]) {
    let organization = world.owner.organization;
    let balance = world.billing.prepaid().balance(organization).await.unwrap();
    assert_eq!(balance.held, sum(granted), "{} granted", granted.len());
    assert!(balance.available().unwrap() >= FLOOR, "{balance:?}");
    assert!(
        !balance.available().unwrap().is_positive(),
        "something was left: {balance:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_race_for_the_last_cent_never_pass_the_floor() {
    let world = funded().await;
    let granted = race(&world, &[&world.billing], &dear()).await;
    // 17 of $0.3000006 reach below zero, and then nothing is granted.
    assert_eq!(granted.len(), 17);
    expect_exact(&world, &granted).await;
    // All of them run for ten times as much as was held: what ran is charged.
    let organization = world.owner.organization;
    let captures = granted.iter().map(|hold| {
        let holds = world.billing.holds();
        async move {
            holds
                .capture(organization, hold.id, used(20_000_000, 10))
                .await
        }
    });
    for captured in join_all(captures).await {
        captured.unwrap();
    }
    assert_eq!(balances(&world).await, ["-46.000102", "0.00", "-46.000102"]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_grant_of_many_is_limited_to_what_is_left() {
    let world = funded().await;
    // $2.40 of output each, to the floor: two in full, one of $1.20, and nothing more.
    let large = OpenHold {
        model: "glm-5.2".to_owned(),
        input_tokens: 0,
        max_output_tokens: Some(685_714),
        ..request()
    };
    let mut granted = race(&world, &[&world.billing], &large).await;
    granted.sort_by_key(|hold| hold.max_output_tokens);
    let outputs: Vec<i64> = granted.iter().map(|hold| hold.max_output_tokens).collect();
    assert_eq!(outputs, [342_857, 685_714, 685_714]);
    expect_exact(&world, &granted).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_database_grant_no_more_than_one() {
    let world = funded().await;
    let other = another_process(&world).await;
    let granted = race(&world, &[&world.billing, &other], &dear()).await;
    assert_eq!(granted.len(), 17);
    expect_exact(&world, &granted).await;
    // One process settles what the other granted; both sweep at once what is left.
    let organization = world.owner.organization;
    for (index, hold) in granted.iter().enumerate().take(8) {
        let holds = if index % 2 == 0 {
            other.holds()
        } else {
            world.billing.holds()
        };
        holds.release(organization, hold.id).await.unwrap();
    }
    world.clock.advance(HOLD_END);
    let (ours, theirs) = (world.billing.holds(), other.holds());
    let (ours, theirs) = join(ours.expire_due(), theirs.expire_due()).await;
    ours.unwrap();
    theirs.unwrap();
    assert_eq!(balances(&world).await, ["5.00", "0.00", "5.00"]);
    other.close().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opened_captured_released_and_topped_up_at_once_it_adds_up() {
    let world = funded().await;
    let other = another_process(&world).await;
    let organization = world.owner.organization;
    let clients = (0..CLIENTS).map(|client| {
        let holds = [&world.billing, &other][client % 2].holds();
        let caller = world.caller;
        tokio::spawn(async move {
            for round in 0..6 {
                let Ok(hold) = holds.open(&caller, dear()).await else {
                    continue;
                };
                match (client + round) % 4 {
                    0 => holds.capture(organization, hold.id, used(1_000, 10)).await,
                    1 => holds.capture(organization, hold.id, used(1_000, 0)).await,
                    2 => holds.release(organization, hold.id).await,
                    _ => holds.heartbeat(organization, hold.id).await,
                }
                .unwrap();
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    world.top_up(500, "4242424242424242").await;
    for client in clients {
        client.await.unwrap();
    }
    other.close().await;
    let balance = world.billing.prepaid().balance(organization).await.unwrap();
    assert!(balance.available().unwrap() >= FLOOR, "{balance:?}");
    world.finish().await;
}

/// Two captures that say different things, a release and a heartbeat, by two processes at once.
/// Returns what the capture that was taken cost.
async fn settle_in_every_way(world: &World, other: &Billing, hold: HoldId) -> i64 {
    let organization = world.owner.organization;
    let (ours, theirs) = (world.billing.holds(), other.holds());
    let (one, two, released, kept) = join4(
        ours.capture(organization, hold, used(112, 44)),
        theirs.capture(organization, hold, used(112, 43)),
        theirs.release(organization, hold),
        ours.heartbeat(organization, hold),
    )
    .await;
    let (taken, refused) = match (one, two) {
        (Ok(taken), Err(refused)) | (Err(refused), Ok(taken)) => (taken, refused),
        both => panic!("{both:?}"),
    };
    assert_eq!(refused.code(), "hold_captured");
    if let Err(error) = released {
        assert_eq!(error.code(), "hold_captured");
    }
    if let Err(error) = kept {
        assert!(matches!(error, HoldError::Closed { .. }), "{error:?}");
    }
    let HoldState::Captured { cost, .. } = taken.state else {
        panic!("{taken:?}")
    };
    cost.picos()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_that_races_with_another_a_release_and_the_end_is_charged_once() {
    let world = funded().await;
    let other = another_process(&world).await;
    let mut left = 5_000_000_000_000;
    for waited in [Duration::ZERO, HOLD_END] {
        let opened = join_all((0..16).map(|_| open(&world, request()))).await;
        world.clock.advance(waited);
        let settled = opened
            .iter()
            .map(|hold| settle_in_every_way(&world, &other, hold.id));
        let (ours, theirs) = (world.billing.holds(), other.holds());
        let swept = join(ours.expire_due(), theirs.expire_due());
        let (costs, (ours, theirs)) = join(join_all(settled), swept).await;
        ours.unwrap();
        theirs.unwrap();
        left -= costs.iter().sum::<i64>();
        let exact = types::money::Cost::from_picos(left).dollars().exact();
        assert_eq!(balances(&world).await, [&*exact, "0.00", &*exact]);
    }
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn a_restart_neither_loses_a_hold_nor_leaves_one_behind() {
    let world = funded().await;
    let one = open(&world, request()).await;
    let two = open(&world, request()).await;
    world.billing.close().await;
    let clock = Arc::new(world.clock.clone());
    let reopened = Billing::open(world.settings.clone(), clock).await.unwrap();
    let organization = world.owner.organization;
    let held = async || {
        let balance = reopened.prepaid().balance(organization).await.unwrap();
        balance.held.nanos()
    };
    assert_eq!(held().await, 86_400);
    let holds = reopened.holds();
    holds
        .capture(organization, one.id, used(112, 44))
        .await
        .unwrap();
    assert_eq!(held().await, 43_200);
    world.clock.advance(HOLD_END);
    assert_eq!(held().await, 0);
    assert_eq!(holds.expire_due().await.unwrap(), 1);
    let found = holds.find(organization, two.id).await.unwrap().unwrap();
    assert_eq!(found.state.as_str(), "expired");
    assert!(reopened.prove().await.unwrap().holds());
    reopened.close().await;
    world.finish_broken().await;
}

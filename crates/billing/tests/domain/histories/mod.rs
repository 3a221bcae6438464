//! Random histories of all that moves an organization's money: top-ups, grants, usage, holds,
//! refunds, the end of credit and of holds, replays, and time that goes by between them.
//!
//! Each is told twice, to two organizations: in calls of many events, and one event at a time,
//! backwards and with everything repeated. Every answer, the reasons of refusals among them, every
//! balance on the way and every lot in the end is that of one small model.

mod acts;
mod model;
mod model_holds;
mod party;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::random;
use crate::world::World;
use acts::{Act, acts};
use model::Model;
use party::{Party, Telling, seconds};

async fn check(world: &World, number: u32, acts: Vec<Act>) -> TestCaseResult {
    let mut model = Model::default();
    let together = Party::new(world, format!("T{number}"), Telling::Together).await;
    let one_by_one = Party::new(world, format!("O{number}"), Telling::OneByOne).await;
    let mut parties = [together, one_by_one];
    for act in &acts {
        match act {
            Act::Wait { seconds: waited } => world.clock.advance(seconds(*waited)),
            Act::ExpireCredit => {
                world.billing.credits().expire_due().await.unwrap();
            }
            Act::ExpireHolds => {
                world.billing.holds().expire_due().await.unwrap();
            }
            Act::TopUp { .. }
            | Act::Grant(_)
            | Act::Use(_)
            | Act::Open(_)
            | Act::Capture { .. }
            | Act::Release { .. }
            | Act::Heartbeat { .. }
            | Act::Refund { .. } => {}
        }
        let refund_cents = if let Act::Refund { which, amount } = act {
            model.refund_cents(*which, *amount)
        } else {
            0
        };
        let expected = model.apply(act);
        for party in &mut parties {
            let answer = party.tell(act, refund_cents).await;
            prop_assert_eq!(&answer, &expected, "{:?}, {:?}", act, party.telling);
            let parts = party.parts().await;
            prop_assert_eq!(parts, model.parts(), "after {:?}, {:?}", act, party.telling);
        }
    }
    for party in &parties {
        prop_assert_eq!(party.lots().await, model.lots(), "{:?}", party.telling);
    }
    Ok(())
}

// Four, so that they run beside each other: together 1,000 histories.

#[test]
fn random_histories_of_money_are_the_models() {
    random::histories(acts(), check);
}

#[test]
fn more_random_histories_of_money_are_the_models() {
    random::histories(acts(), check);
}

#[test]
fn still_more_random_histories_of_money_are_the_models() {
    random::histories(acts(), check);
}

#[test]
fn the_last_random_histories_of_money_are_the_models() {
    random::histories(acts(), check);
}

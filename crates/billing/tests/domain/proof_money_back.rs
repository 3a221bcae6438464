//! The proof finds what was changed of refunds and disputes behind the ledger's back.

use crate::gateway_side::VISA;
use crate::refunds::asking;
use crate::tamper::tamper;
use crate::world::World;

pub const CLEARING: &str = "of a finished payment nothing is on the clearing account";
const REFUNDS: &str = "refunds take their credit once and give it back only when they fail";
const DISPUTES: &str = "disputes moved what the bank took and credit bears";
const TAKEN_BACK: &str = "no more is taken back of a top-up than was paid";
const DISPUTED: &str = "4000000000000259";

/// What is done to the rows, and the checks that find it: these and no others.
type Fault = (&'static str, &'static [&'static str]);

/// $25 of which $10 are refunded, and $20 that are disputed; then each fault in a database of its
/// own.
async fn each_is_found(faults: &[Fault]) {
    for (statement, expected) in faults {
        let world = World::new().await;
        let top_up = world.top_up(2_500, VISA).await.id;
        world.ask(&asking(top_up, 1_000)).await.unwrap();
        world.top_up(2_000, DISPUTED).await;
        world.complain().await;
        let proof = world.billing.prove().await.unwrap();
        assert!(proof.holds(), "{:#?}", proof.checks);
        tamper(world.database(), statement).await;
        let proof = world.billing.prove().await.unwrap();
        let failed: Vec<_> = proof.checks.iter().filter(|check| !check.holds()).collect();
        let names: Vec<_> = failed.iter().map(|check| check.name).collect();
        assert_eq!(names, *expected, "{statement}: {failed:#?}");
        world.finish_broken().await;
    }
}

#[tokio::test]
async fn a_changed_refund_is_found() {
    each_is_found(&[
        (
            "update refunds set amount_cents = amount_cents + 1",
            &[REFUNDS, TAKEN_BACK],
        ),
        ("update refunds set fee_cents = 1", &[REFUNDS]),
        (
            "update refunds set state = 'processing'",
            &[REFUNDS, CLEARING],
        ),
        (
            "update refunds set state = 'failed', failure_code = 'x'",
            &[REFUNDS, TAKEN_BACK],
        ),
        ("delete from refunds", &[REFUNDS, TAKEN_BACK, CLEARING]),
        (
            "update top_ups set refunded_cents = 0 where amount_cents = 2500",
            &[TAKEN_BACK],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_changed_dispute_is_found() {
    each_is_found(&[
        (
            "update disputes set withdrawn_cents = withdrawn_cents + 1",
            &[DISPUTES, TAKEN_BACK],
        ),
        ("update disputes set fee_cents = fee_cents + 1", &[DISPUTES]),
        (
            "update disputes set reversed_cents = reversed_cents - 1",
            &[DISPUTES],
        ),
        ("update disputes set movement_count = 2", &[DISPUTES]),
        ("update disputes set stage = 'lost'", &[TAKEN_BACK]),
        ("delete from disputes", &[DISPUTES, TAKEN_BACK]),
    ])
    .await;
}

//! Many holds whose time is up at once: nothing is set aside for any of them from that instant on,
//! and what a commit writes down of them is bounded, because everybody waits for it.

use std::time::Duration;

use billing::{Hold, OpenHold};
use futures::future::{join, join_all};
use sqlx::{AnyConnection, Connection};
use types::usage::Tokens;

use crate::credits::{dollars, gift};
use crate::holds::{balances, capture, funded, open, release, request, used};
use crate::world::{World, event};

const HOLD_END: Duration = Duration::from_secs(600);
/// What one commit writes down.
const AT_ONCE: i64 = 512;

/// Together they take what there is: $0.0037764 each.
async fn open_many(world: &World, count: i64) -> Vec<Hold> {
    let large = || OpenHold {
        input_tokens: 25_000,
        ..request()
    };
    join_all((0..count).map(|_| open(world, large()))).await
}

/// How many the rows say are open.
async fn open_rows(world: &World) -> i64 {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let count = sqlx::query_scalar("select count(*) from holds where state = 'open'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    count
}

#[tokio::test]
async fn many_holds_that_end_at_once_give_everything_back_and_are_written_down_by_and_by() {
    let world = funded().await;
    let many = open_many(&world, 1_300).await;
    assert_eq!(balances(&world).await[1], "4.90932");
    world.clock.advance(HOLD_END);

    // It takes all that there is: each of the others counts as given back.
    let all = OpenHold {
        model: "glm-5.2".to_owned(),
        input_tokens: 5_454_500,
        max_output_tokens: Some(1),
        ..request()
    };
    let hold = open(&world, all).await;
    assert_eq!(balances(&world).await, ["5.00", "5.9999535", "-0.9999535"]);
    assert_eq!(open_rows(&world).await, 1_300 - AT_ONCE + 1);
    // Nor does what is left let more be granted than there is.
    let refused = world.billing.holds().open(&world.caller, request()).await;
    refused.unwrap_err();
    let limits = world.billing.holds().limits(world.owner.organization).await;
    assert_eq!(limits.unwrap().open_holds, 1);

    // Whatever else is asked about holds gets on with it, and each can be named as before.
    let last = many.last().unwrap();
    capture(&world, last.id, used(112, 44)).await.unwrap();
    let left = open_rows(&world).await;
    assert!((1..=1_300 - 2 * AT_ONCE + 1).contains(&left), "{left}");
    release(&world, hold.id).await.unwrap();
    assert_eq!(open_rows(&world).await, 0);
    world.finish().await;
}

#[tokio::test]
async fn the_sweep_writes_down_all_that_is_due_whoever_it_belongs_to() {
    let world = funded().await;
    let (_, other, _) = world.another().await;
    let credits = world.billing.credits();
    let given = credits.grant(other.organization, gift("theirs", dollars(1)));
    given.await.unwrap();
    let holds = world.billing.holds();
    let (many, theirs) = join(open_many(&world, 700), holds.open(&other, request())).await;
    assert_eq!(many.len(), 700);
    theirs.unwrap();
    world.clock.advance(HOLD_END);
    assert_eq!(open_rows(&world).await, 701);
    assert_eq!(holds.expire_due().await.unwrap(), 2);
    assert_eq!(open_rows(&world).await, 0);
    assert_eq!(holds.expire_due().await.unwrap(), 0);
    world.finish().await;
}

#[tokio::test]
async fn usage_that_is_committed_beside_many_due_holds_is_not_the_wiser() {
    let world = funded().await;
    open_many(&world, 600).await;
    world.clock.advance(HOLD_END);
    let mut report = event("1");
    report.tokens = Tokens {
        input: 1_000_000,
        cached_input: 0,
        output: 0,
    };
    let usage = world.billing.usage();
    usage.ingest(&world.caller, vec![report]).await.unwrap();
    // Who only reports writes down nothing of holds.
    assert_eq!(open_rows(&world).await, 600);
    assert_eq!(balances(&world).await, ["4.85", "0.00", "4.85"]);
    world.billing.holds().expire_due().await.unwrap();
    world.finish().await;
}

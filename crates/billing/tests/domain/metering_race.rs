//! The same events at several writers and processes at once, with holds among them.

use billing::Billing;
use futures::future::join_all;
use sqlx::{AnyConnection, Connection};
use types::usage::UsageEvent;

use crate::gateway_side::another_process;
use crate::holds::{funded, request, used};
use crate::world::{World, event};

const SENDERS: usize = 12;
const EVENTS: usize = 240;

/// All the events, from another one on for each sender, and backwards for every other.
fn shuffled(sender: usize) -> Vec<UsageEvent> {
    let mut events: Vec<UsageEvent> = (0..EVENTS)
        .map(|number| event(&number.to_string()))
        .collect();
    events.rotate_left(sender * EVENTS / SENDERS);
    if sender % 2 == 1 {
        events.reverse();
    }
    events
}

/// Sends its events in three calls, with a hold opened and captured between them.
async fn send(billing: Billing, world: &World, sender: usize) -> usize {
    let mut counted = 0;
    for part in shuffled(sender).chunks(EVENTS / 3) {
        let usage = billing.usage();
        let (reported, captured) = futures::join!(
            usage.ingest(&world.caller, part.to_vec()),
            open_and_capture(&billing, world)
        );
        counted += reported.unwrap().counted;
        captured.unwrap();
    }
    counted
}

async fn open_and_capture(billing: &Billing, world: &World) -> Result<(), billing::HoldError> {
    let organization = world.owner.organization;
    let hold = billing.holds().open(&world.caller, request()).await?;
    let captured = billing
        .holds()
        .capture(organization, hold.id, used(112, 44))
        .await;
    captured.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_two_processes_get_at_once_in_any_order_count_once() {
    let world = funded().await;
    let other = another_process(&world).await;
    let senders = (0..SENDERS).map(|sender| {
        let billing = if sender % 2 == 0 {
            &world.billing
        } else {
            &other
        };
        send(billing.clone(), &world, sender)
    });
    let counted: usize = join_all(senders).await.into_iter().sum();
    assert_eq!(counted, EVENTS);
    // (240 + 3 * 12) * $0.0000432 of $5.00.
    assert_eq!(world.balance().await, "4.9880768");
    other.close().await;
    let proof = world.billing.prove().await.unwrap();
    assert!(proof.holds(), "{:#?}", proof.checks);
    // What each connection has seen is counted once it is closed.
    world.billing.close().await;
    assert_eq!(deadlocks(&world).await, 0);
    world.finish_broken().await;
}

/// How often PostgreSQL had to let somebody give way. On SQLite nobody waits for two things.
async fn deadlocks(world: &World) -> i64 {
    if !world.is_postgres() {
        return 0;
    }
    let mut outside = AnyConnection::connect(world.database_url()).await.unwrap();
    let count = "select deadlocks from pg_stat_database where datname = current_database()";
    let deadlocks = sqlx::query_scalar(count).fetch_one(&mut outside).await;
    outside.close().await.unwrap();
    deadlocks.unwrap()
}

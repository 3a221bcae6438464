//! Callers who go away in the middle of a call: nothing of theirs stays open behind them.

use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection};
use tokio::time::sleep;

use crate::gateway_side::VISA;
use crate::world::World;

/// PostgreSQL's sessions of this database that are in a transaction without doing anything.
const LEFT_OPEN: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and state like 'idle in transaction%'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_transaction_stays_open_behind_a_call_that_was_dropped() {
    let world = World::new().await;
    let mut outside = AnyConnection::connect(world.database_url()).await.unwrap();
    let organization = world.owner.organization;
    for step in 0..300 {
        let prepaid = world.billing.prepaid();
        // Leaves a connection in the pool that the next call finds.
        prepaid.balance(organization).await.unwrap();
        let call = tokio::spawn(async move { prepaid.balance(organization).await });
        let started = Instant::now();
        while started.elapsed() < Duration::from_micros(step * 3) {
            std::hint::spin_loop();
        }
        call.abort();
        let _ = call.await;
        if world.is_postgres() {
            assert!(none_is_left_open(&mut outside).await, "in step {step}");
        }
    }
    world.top_up(1_000, VISA).await;
    assert_eq!(world.balance().await, "10.00");
    world.finish().await;
}

async fn none_is_left_open(outside: &mut AnyConnection) -> bool {
    for _ in 0..200 {
        let open: i64 = sqlx::query_scalar(LEFT_OPEN)
            .fetch_one(&mut *outside)
            .await
            .unwrap();
        if open == 0 {
            return true;
        }
        sleep(Duration::from_millis(10)).await;
    }
    false
}

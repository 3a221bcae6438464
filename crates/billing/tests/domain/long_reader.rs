//! Somebody reads for long, as a proof or an export does, while usage comes in.

use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection, Executor};

use crate::world::{World, event};

/// SQLite's log, in bytes, from which on it is to begin anew.
const LONG: u64 = 64 * 1024 * 1024;
/// Less than the ten seconds for which a writer waits for another process.
const SOON: Duration = Duration::from_secs(5);
/// Between two tries to begin it anew there are two seconds.
const AFTERWARDS: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn usage_does_not_wait_for_who_reads_and_the_log_shrinks_afterwards() {
    let world = World::new().await;
    if world.is_postgres() {
        // Its log has nothing to do with who reads.
        return world.finish().await;
    }
    let usage = world.billing.usage();
    usage.ingest(&world.caller, vec![event("0")]).await.unwrap();

    let mut reader = AnyConnection::connect(world.database_url()).await.unwrap();
    reader.execute("begin").await.unwrap();
    reader.execute("select count(*) from books").await.unwrap();
    let mut other = AnyConnection::connect(world.database_url()).await.unwrap();
    let ballast = "create table ballast (bytes blob);
                   insert into ballast values (zeroblob(80000000))";
    other.execute(ballast).await.unwrap();
    assert!(log_bytes(&world) > LONG);

    let mut number = 0;
    let mut count_one = async || {
        number += 1;
        let began = Instant::now();
        let counted = usage.ingest(&world.caller, vec![event(&number.to_string())]);
        assert_eq!(counted.await.unwrap().counted, 1);
        let took = began.elapsed();
        assert!(took < SOON, "{took:?}");
    };
    for _ in 1..300 {
        count_one().await;
    }
    assert!(log_bytes(&world) > LONG);

    reader.close().await.unwrap();
    let began = Instant::now();
    while log_bytes(&world) > LONG {
        assert!(began.elapsed() < AFTERWARDS, "{}", log_bytes(&world));
        count_one().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    count_one().await;
    other.close().await.unwrap();
    world.finish().await;
}

fn log_bytes(world: &World) -> u64 {
    let file = world.database_url().strip_prefix("sqlite://").unwrap();
    let (file, _) = file.split_once('?').unwrap();
    std::fs::metadata(format!("{file}-wal")).unwrap().len()
}

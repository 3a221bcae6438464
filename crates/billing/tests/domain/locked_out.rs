//! Somebody locks one organization's books and does not let go: the others do not wait with it.

use std::time::{Duration, Instant};

use billing::{ApiKeyCaller, IngestError, Ingested};
use futures::future::join_all;
use sqlx::{AnyConnection, Connection, Executor};
use types::ids::OrganizationId;

use crate::world::{World, event};

/// Less than the time after which PostgreSQL ends a transaction that does nothing.
const SOON: Duration = Duration::from_secs(8);

/// Longer than between two looks at who holds the books.
const MOMENT: Duration = Duration::from_millis(200);

/// A transaction of somebody else's that holds the organization's books.
async fn lock(world: &World, organization: OrganizationId) -> AnyConnection {
    let mut outside = AnyConnection::connect(world.database_url()).await.unwrap();
    outside.execute("begin").await.unwrap();
    sqlx::query("select 1 from books where organization_id = $1 for update")
        .bind(organization.to_string())
        .fetch_one(&mut outside)
        .await
        .unwrap();
    outside
}

#[tokio::test]
async fn usage_of_others_does_not_wait_for_one_organizations_books() {
    let world = World::new().await;
    if !world.is_postgres() {
        // SQLite has one lock for all.
        return world.finish().await;
    }
    let (_, other, _) = world.another().await;
    let usage = world.billing.usage();
    let mut outside = lock(&world, world.caller.organization).await;

    let began = Instant::now();
    for round in 0..20 {
        let (ours, theirs) = futures::join!(
            usage.ingest(&world.caller, vec![event("ours")]),
            usage.ingest(&other, vec![event(&format!("theirs-{round}"))])
        );
        assert!(matches!(ours, Err(IngestError::NotCommitted)), "{ours:?}");
        assert_eq!(theirs.unwrap().counted, 1);
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());

    // They are let go of, and that is seen at once.
    outside.execute("rollback").await.unwrap();
    outside.close().await.unwrap();
    tokio::time::sleep(MOMENT).await;
    let ours = usage.ingest(&world.caller, vec![event("ours")]).await;
    assert_eq!(ours.unwrap().counted, 1);
    world.finish().await;
}

/// What each calls until `until`, one after another.
async fn keep_calling(
    world: &World,
    caller: &ApiKeyCaller,
    name: String,
    until: Instant,
) -> Vec<Result<Ingested, IngestError>> {
    let usage = world.billing.usage();
    let mut answers = Vec::new();
    while Instant::now() < until {
        let events = vec![event(&format!("{name}-{}", answers.len()))];
        answers.push(usage.ingest(caller, events).await);
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn books_that_our_own_other_writer_holds_are_waited_for() {
    let world = World::new().await;
    if !world.is_postgres() {
        return world.finish().await;
    }
    let (_, stuck, _) = world.another().await;
    // Writers lock in the order of ids: who waits for the one has the other's books.
    assert!(world.caller.organization < stuck.organization);
    let outside = lock(&world, stuck.organization).await;

    let until = Instant::now() + 2 * SOON;
    let ours = (0..8).map(|sender| keep_calling(&world, &world.caller, format!("{sender}"), until));
    let theirs = (0..4).map(|sender| keep_calling(&world, &stuck, format!("{sender}"), until));
    let (ours, theirs) = futures::join!(join_all(ours), join_all(theirs));
    for answer in theirs.into_iter().flatten() {
        assert!(
            matches!(answer, Err(IngestError::NotCommitted)),
            "{answer:?}"
        );
    }
    for answer in ours.into_iter().flatten() {
        assert_eq!(answer.unwrap().counted, 1);
    }
    outside.close().await.unwrap();
    world.finish().await;
}

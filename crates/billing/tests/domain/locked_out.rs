//! Somebody locks one organization's books and does not let go: the others do not wait with it.

use std::time::{Duration, Instant};

use billing::IngestError;
use sqlx::{AnyConnection, Connection, Executor};
use types::ids::OrganizationId;

use crate::world::{World, event};

/// Less than the time after which PostgreSQL ends a transaction that does nothing.
const SOON: Duration = Duration::from_secs(8);

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
    let outside = lock(&world, world.caller.organization).await;

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

    outside.close().await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let ours = usage.ingest(&world.caller, vec![event("ours")]).await;
    assert_eq!(ours.unwrap().counted, 1);
    world.finish().await;
}

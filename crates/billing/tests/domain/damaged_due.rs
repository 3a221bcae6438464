//! What is due of one organization cannot be done: what is due of the others is.

use std::time::Duration;

use billing::credits::{Expiry, NewGrant};
use futures::future::join_all;
use sqlx::{AnyConnection, Connection};

use crate::credits::{dollars, gift};
use crate::holds::{funded, request};
use crate::tamper::tamper;
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3_600);
/// More than are looked for at a time.
const LOTS: usize = 120;
const HOLDS: usize = 1_050;
const AT_ONCE: usize = 50;

#[tokio::test]
async fn lots_that_cannot_expire_do_not_stand_before_those_that_can() {
    let world = World::new().await;
    let (_, other, _) = world.another().await;
    let credits = world.billing.credits();
    let ending = |key: String, hours: u32| NewGrant {
        expiry: Expiry::At(world.billing.now() + hours * HOUR),
        ..gift(&key, dollars(1))
    };
    let damaged = world.owner.organization;
    for number in 0..LOTS {
        let grant = ending(format!("gift-{number}"), 1);
        credits.grant(damaged, grant).await.unwrap();
    }
    let theirs = ending("theirs".to_owned(), 2);
    credits.grant(other.organization, theirs).await.unwrap();
    let emptied = format!(
        "update accounts set balance_nano = 0
         where organization_id = '{damaged}' and kind = 'promotional'"
    );
    tamper(world.database(), &emptied).await;

    world.clock.advance(3 * HOUR);
    let expired = credits.expire_due().await.unwrap();
    assert_eq!((expired.lots, expired.failed), (1, LOTS));
    assert_eq!(world.balance_of(other.organization).await, "0.00");
    world.finish_broken().await;
}

#[tokio::test]
async fn holds_that_cannot_expire_do_not_hide_those_that_can() {
    let world = funded().await;
    let (_, other, _) = world.another().await;
    let credits = world.billing.credits();
    let given = credits.grant(other.organization, gift("theirs", dollars(1)));
    given.await.unwrap();
    let holds = world.billing.holds();
    for _ in 0..HOLDS / AT_ONCE {
        let opened = join_all((0..AT_ONCE).map(|_| holds.open(&world.caller, request()))).await;
        assert!(opened.iter().all(Result::is_ok));
    }
    world.clock.advance(Duration::from_secs(1));
    holds.open(&other, request()).await.unwrap();
    let forgotten = format!(
        "update books set held_nano = 0, hold_count = 0 where organization_id = '{}'",
        world.owner.organization
    );
    tamper(world.database(), &forgotten).await;

    world.clock.advance(24 * HOUR);
    holds.expire_due().await.unwrap_err();
    assert_eq!(open_holds(&world).await, i64::try_from(HOLDS).unwrap());
    world.finish_broken().await;
}

async fn open_holds(world: &World) -> i64 {
    let mut outside = AnyConnection::connect(world.database_url()).await.unwrap();
    let open = sqlx::query_scalar("select count(*) from holds where state = 'open'");
    let open = open.fetch_one(&mut outside).await.unwrap();
    outside.close().await.unwrap();
    open
}

//! What a commit takes for the time and for the prices, while others are at work and the clock goes
//! on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use billing::credits::{Expiry, NewGrant};
use billing::{Billing, Clock, HoldError};
use futures::future::{join, join_all};
use sqlx::{Connection, Executor};
use types::time::Timestamp;

use crate::credits::{dollars, gift};
use crate::holds::request;
use crate::world::{World, event};

const HOUR: Duration = Duration::from_secs(3_600);

/// Goes on by a millisecond whenever it is looked at.
pub struct Ticking {
    pub began: Timestamp,
    pub looks: AtomicI64,
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        self.began + chrono::TimeDelta::milliseconds(looks)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_that_expires_while_a_commit_waits_for_the_books_pays_nothing() {
    let world = World::new().await;
    let organization = world.owner.organization;
    let grant = NewGrant {
        expiry: Expiry::At(world.billing.now() + HOUR),
        ..gift("soon", dollars(1))
    };
    let credits = world.billing.credits();
    credits.grant(organization, grant).await.unwrap();
    // The writer is at work, so that the next commit does nothing but wait.
    let usage = world.billing.usage();
    usage.ingest(&world.caller, vec![event("0")]).await.unwrap();

    let mut other = sqlx::AnyConnection::connect(world.database_url())
        .await
        .unwrap();
    let mut lock = other.begin().await.unwrap();
    lock.execute("update books set batch_count = batch_count")
        .await
        .unwrap();
    let (holds, caller) = (world.billing.holds(), world.caller);
    let opening = tokio::spawn(async move { holds.open(&caller, request()).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.clock.advance(HOUR);
    lock.rollback().await.unwrap();
    let opened = opening.await.unwrap();
    assert!(
        matches!(opened, Err(HoldError::InsufficientCredit { .. })),
        "{opened:?}"
    );
    other.close().await.unwrap();
    credits.expire_due().await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_that_are_loaded_while_usage_comes_in_prove() {
    let world = World::new().await;
    let clock = Ticking {
        began: world.billing.now(),
        looks: AtomicI64::new(1),
    };
    let billing = Billing::open(world.settings.clone(), Arc::new(clock)).await;
    let billing = billing.unwrap();
    for round in 1..=5 {
        let card = billing::rates::SEED_JSON.replace("\"0.60\"", &format!("\"{round}.60\""));
        let load = async {
            let now = billing.now();
            billing.rates().load(&card, now).await.unwrap();
        };
        let reports = (0..20).map(|report| {
            let (usage, caller) = (billing.usage(), world.caller);
            async move {
                let event = event(&format!("{round} {report}"));
                usage.ingest(&caller, vec![event]).await.unwrap();
            }
        });
        join(load, join_all(reports)).await;
    }
    let usage = billing.usage();
    usage
        .ingest(&world.caller, vec![event("last")])
        .await
        .unwrap();
    billing.close().await;
    world.finish().await;
}

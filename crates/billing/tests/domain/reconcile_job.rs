//! The comparison that runs by itself: one process of several, once an hour, and its result is kept.

use std::sync::Arc;
use std::time::Duration;

use billing::Billing;
use billing::reconcile::Kind;

use crate::gateway_side::another_process;
use crate::reconcile::pay_behind_our_back_for_nobody;
use crate::world::World;

#[tokio::test]
async fn the_job_runs_once_an_hour_in_one_process_and_its_result_is_kept() {
    let world = World::new().await;
    let jobs = world.billing.reconciliation();
    assert_eq!(jobs.last_comparison().await.unwrap(), None);
    pay_behind_our_back_for_nobody(&world, "usd").await;
    let report = jobs.compare_if_due().await.unwrap().unwrap();
    assert_eq!(report.count(Kind::UnknownPayment), 1);
    let other = another_process(&world).await;
    let elsewhere = other.reconciliation();
    assert_eq!(elsewhere.compare_if_due().await.unwrap(), None);
    assert_eq!(elsewhere.last_comparison().await.unwrap(), Some(report));
    world.clock.advance(Duration::from_secs(3_600));
    let mut ran = 0;
    let (one, two) = tokio::join!(jobs.compare_if_due(), elsewhere.compare_if_due());
    for result in [one, two] {
        ran += usize::from(result.unwrap().is_some());
    }
    assert_eq!(ran, 1);
    other.close().await;
    world.finish().await;
}

#[tokio::test]
async fn a_comparison_that_the_gateway_does_not_answer_is_due_again_soon() {
    let world = World::new().await;
    let mut settings = world.settings.clone();
    // Nobody listens there; the key, and with it the account, is the same.
    settings.gateway.base_url = "http://127.0.0.1:9".to_owned();
    let clock = Arc::new(world.clock.clone());
    let deaf = Billing::open(settings, clock).await.unwrap();
    deaf.reconciliation().compare_if_due().await.unwrap_err();
    deaf.close().await;
    let jobs = world.billing.reconciliation();
    assert_eq!(jobs.compare_if_due().await.unwrap(), None);
    world.clock.advance(Duration::from_secs(600));
    assert!(jobs.compare_if_due().await.unwrap().unwrap().agrees());
    world.finish().await;
}

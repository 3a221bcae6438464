//! What happens without being asked: pending payments are settled, credit and holds expire, the
//! house is kept, the sandbox's notices go out, metrics are folded.
//!
//! Owns when; does not own what (`billing`, `sandbox`). Each loop ends at a point where nothing is
//! half done.

use std::time::Duration;

use futures::future::{join, join3};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::parts::Parts;
use crate::rest::error::chain;
use crate::telemetry;

/// A person is waiting for a payment whose answer was lost: soon, but not a load on the gateway.
const RECONCILIATION: Duration = Duration::from_secs(5);
/// Nobody waits for it; a card that was entered again stays at the gateway for so long.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// Nobody can use it in the meantime; it is for the books and the history.
const CREDIT_EXPIRY: Duration = Duration::from_secs(60);

/// What has expired counts no more, written down or not; this keeps it from piling up.
const HOLD_EXPIRY: Duration = Duration::from_secs(5);

/// Runs until `stop`, then finishes what is under way.
pub(crate) async fn run(parts: Parts, stop: CancellationToken) {
    let own = join3(
        join(reconcile(&parts, &stop), expire_holds(&parts, &stop)),
        join(keep_house(&parts, &stop), expire_credit(&parts, &stop)),
        fold_metrics(&parts, &stop),
    );
    let delivery = async {
        if let Some(sandbox) = &parts.sandbox {
            sandbox.deliver_webhooks(stop.cancelled()).await;
        }
    };
    join(own, delivery).await;
}

async fn reconcile(parts: &Parts, stop: &CancellationToken) {
    let mut ticks = every(RECONCILIATION);
    while next(&mut ticks, stop).await {
        match parts.billing.reconciliation().settle_pending().await {
            Ok(done) if done.asked > 0 => {
                metrics::counter!(telemetry::RECONCILED).increment(done.settled as u64);
                tracing::info!(
                    asked = done.asked,
                    settled = done.settled,
                    still_pending = done.still_pending,
                    "reconciled pending payments"
                );
            }
            Ok(_) => {}
            // The next round asks again; what is pending stays pending.
            Err(error) => tracing::error!(error = %chain(&error), "reconciliation failed"),
        }
    }
}

async fn keep_house(parts: &Parts, stop: &CancellationToken) {
    let mut ticks = every(HOUSEKEEPING);
    let mut known_elsewhere = 0;
    while next(&mut ticks, stop).await {
        match parts.billing.housekeeping().run().await {
            Ok(done) => {
                // Once a change: it lasts until the operator acts.
                if done.payments_elsewhere > 0 && done.payments_elsewhere != known_elsewhere {
                    tracing::warn!(
                        payments = done.payments_elsewhere,
                        "payments are open at another account of the gateway; \
                         start with its keys to bring them to an end"
                    );
                }
                known_elsewhere = done.payments_elsewhere;
            }
            // The next round does what this one could not.
            Err(error) => tracing::error!(error = %chain(&error), "housekeeping failed"),
        }
    }
}

async fn expire_holds(parts: &Parts, stop: &CancellationToken) {
    let mut ticks = every(HOLD_EXPIRY);
    while next(&mut ticks, stop).await {
        // The next round finds them still due.
        if let Err(error) = parts.billing.holds().expire_due().await {
            tracing::error!(error = %chain(&error), "holds cannot be expired");
        }
    }
}

async fn expire_credit(parts: &Parts, stop: &CancellationToken) {
    let mut ticks = every(CREDIT_EXPIRY);
    while next(&mut ticks, stop).await {
        match parts.billing.credits().expire_due().await {
            Ok(done) => {
                metrics::counter!(telemetry::LOTS_EXPIRED).increment(done.lots as u64);
            }
            // The next round finds them still due.
            Err(error) => tracing::error!(error = %chain(&error), "credit cannot be expired"),
        }
    }
}

async fn fold_metrics(parts: &Parts, stop: &CancellationToken) {
    let mut ticks = every(telemetry::METRICS_UPKEEP);
    while next(&mut ticks, stop).await {
        parts.metrics.run_upkeep();
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Whether there is a next round.
async fn next(ticks: &mut tokio::time::Interval, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        _ = ticks.tick() => true,
    }
}

//! What happens without being asked: pending payments are settled, the sandbox's notices go out,
//! metrics are folded.
//!
//! Owns when; does not own what (`billing`, `sandbox`). Each loop ends at a point where nothing is
//! half done.

use std::time::Duration;

use futures::future::join;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::parts::Parts;
use crate::rest::error::chain;
use crate::telemetry;

/// A person is waiting for a payment whose answer was lost: soon, but not a load on the gateway.
const RECONCILIATION: Duration = Duration::from_secs(5);

/// Runs until `stop`, then finishes what is under way.
pub(crate) async fn run(parts: Parts, stop: CancellationToken) {
    let housekeeping = join(reconcile(&parts, &stop), fold_metrics(&parts, &stop));
    let delivery = async {
        if let Some(sandbox) = &parts.sandbox {
            sandbox.deliver_webhooks(stop.cancelled()).await;
        }
    };
    join(housekeeping, delivery).await;
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

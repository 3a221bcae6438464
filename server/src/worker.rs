//! What happens without being asked: pending payments are settled, the gateway is compared with the
//! ledger, credit and holds expire, the house is kept, the sandbox's notices go out, metrics are
//! folded.
//!
//! Owns when; does not own what (`billing`, `sandbox`). Each loop ends at a point where nothing is
//! half done.

use std::time::Duration;

use billing::reconcile::{Kind, Report};
use futures::future::{join, join3, join4};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::parts::Parts;
use crate::rest::error::chain;
use crate::telemetry;

/// A person is waiting for a payment whose answer was lost: soon, but not a load on the gateway.
const RECONCILIATION: Duration = Duration::from_secs(5);
/// How often to look whether a comparison is due, which it is every hour, and what the last one
/// found, in whichever process.
const COMPARISON: Duration = Duration::from_secs(60);
/// Disagreements that are logged one by one; the command lists them all.
const MOST_LOGGED: usize = 20;

/// Their notices come by themselves; this finds what was lost.
const DISPUTES: Duration = Duration::from_secs(600);

/// Nobody waits for it; a card that was entered again stays at the gateway for so long.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// Nobody can use it in the meantime; it is for the books and the history.
const CREDIT_EXPIRY: Duration = Duration::from_secs(60);

/// What has expired counts no more, written down or not; this keeps it from piling up.
const HOLD_EXPIRY: Duration = Duration::from_secs(5);

/// Runs until `stop`, then finishes what is under way.
pub(crate) async fn run(parts: Parts, stop: CancellationToken) {
    let own = join3(
        join4(
            reconcile(&parts, &stop),
            ask_about_refunds(&parts, &stop),
            compare(&parts, &stop),
            expire_holds(&parts, &stop),
        ),
        join3(
            keep_house(&parts, &stop),
            expire_credit(&parts, &stop),
            look_for_disputes(&parts, &stop),
        ),
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

/// On its own: many payments that the gateway is slow about do not hold refunds up.
async fn ask_about_refunds(parts: &Parts, stop: &CancellationToken) {
    let mut ticks = every(RECONCILIATION);
    while next(&mut ticks, stop).await {
        match parts.billing.refunds().ask_due().await {
            Ok(done) if done.failed > 0 => {
                tracing::warn!(
                    asked = done.asked,
                    failed = done.failed,
                    "refunds still wait"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::error!(error = %chain(&error), "refunds cannot be asked about"),
        }
    }
}

async fn look_for_disputes(parts: &Parts, stop: &CancellationToken) {
    let mut ticks = every(DISPUTES);
    while next(&mut ticks, stop).await {
        if let Err(error) = parts.billing.disputes().sweep().await {
            tracing::error!(error = %chain(&error), "disputes cannot be looked for");
        }
    }
}

async fn compare(parts: &Parts, stop: &CancellationToken) {
    let mut ticks = every(COMPARISON);
    while next(&mut ticks, stop).await {
        let reconciliation = parts.billing.reconciliation();
        // A long one must not hold up the end, and may stop anywhere.
        let compared = tokio::select! {
            () = stop.cancelled() => return,
            compared = reconciliation.compare_if_due() => compared,
        };
        match compared {
            Ok(Some(report)) => log_disagreements(&report),
            Ok(None) => {}
            // It is due again soon.
            Err(error) => {
                tracing::error!(error = %chain(&error), "the gateway cannot be compared");
            }
        }
        match reconciliation.last_comparison().await {
            Ok(Some(report)) => show_disagreements(&report),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = %chain(&error), "the last comparison cannot be read");
            }
        }
        show_parked(parts).await;
    }
}

fn log_disagreements(report: &Report) {
    for found in report.disagreements.iter().take(MOST_LOGGED) {
        tracing::error!(
            kind = found.kind.as_str(),
            organization = found.organization.map(tracing::field::display),
            top_up = found.top_up.map(tracing::field::display),
            reference = found.reference,
            "the gateway and the ledger disagree"
        );
    }
    let (payments, customers) = (report.compared.payments, report.compared.customers);
    let disagreements = report.disagreements.len() as u64 + report.unlisted;
    if report.agrees() {
        tracing::info!(payments, customers, "the gateway and the ledger agree");
    } else {
        tracing::error!(
            payments,
            customers,
            disagreements,
            left_out = report.left_out.join("; "),
            "compared the gateway and the ledger; `zerogpu-billing reconcile` lists what differs"
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
async fn show_parked(parts: &Parts) {
    match parts.billing.gateway_events().count_parked().await {
        Ok(parked) => metrics::gauge!(telemetry::PARKED_NOTICES).set(parked as f64),
        Err(error) => tracing::error!(error = %chain(&error), "parked notices cannot be counted"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn show_disagreements(report: &Report) {
    for kind in Kind::ALL {
        let count = report.count(*kind) as f64;
        metrics::gauge!(telemetry::DISAGREEMENTS, "kind" => kind.as_str()).set(count);
    }
    let finished_at = report.finished_at.timestamp() as f64;
    metrics::gauge!(telemetry::COMPARED_AT).set(finished_at);
}

async fn keep_house(parts: &Parts, stop: &CancellationToken) {
    let mut ticks = every(HOUSEKEEPING);
    let mut known_elsewhere = (0, 0);
    while next(&mut ticks, stop).await {
        match parts.billing.housekeeping().run().await {
            Ok(done) => {
                // Once a change: it lasts until the operator acts.
                let elsewhere = (done.payments_elsewhere, done.refunds_elsewhere);
                if elsewhere != (0, 0) && elsewhere != known_elsewhere {
                    tracing::warn!(
                        payments = done.payments_elsewhere,
                        refunds = done.refunds_elsewhere,
                        "payments are open at another account of the gateway; \
                         start with its keys to bring them to an end"
                    );
                }
                known_elsewhere = elsewhere;
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

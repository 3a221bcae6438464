//! Logs and metrics: how they leave the process.
//!
//! Owns the subscriber, the recorder and the names of the metrics. Does not decide what is worth
//! a line: each module logs where it handles.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{LogFormat, TelemetryConfig};

/// Requests answered, by `method`, `route` and `status`.
pub(crate) const REQUESTS: &str = "billing_http_requests_total";
/// How long answers took, by `route`.
pub(crate) const REQUEST_SECONDS: &str = "billing_http_request_seconds";
/// Usage events taken, by `result`: `counted` or `already_counted`.
pub(crate) const EVENTS: &str = "billing_usage_events_total";
/// Holds that were asked for or settled, by `result`: `granted`, `limited`, `refused`, `failed`,
/// `captured` or `released`.
pub(crate) const HOLDS: &str = "billing_holds_total";
/// The gateway's notices, by `result`.
pub(crate) const GATEWAY_EVENTS: &str = "billing_gateway_events_total";
/// Pending payments that reconciliation brought to an end.
pub(crate) const RECONCILED: &str = "billing_payments_reconciled_total";
/// What the last comparison with the gateway found, by `kind`.
pub(crate) const DISAGREEMENTS: &str = "billing_reconcile_disagreements";
/// When the last comparison ended, in seconds since 1970.
pub(crate) const COMPARED_AT: &str = "billing_reconcile_last_success_timestamp_seconds";
/// Notices of the gateway that could not be applied and that nobody has dealt with.
pub(crate) const PARKED_NOTICES: &str = "billing_gateway_notices_parked";
/// Lots of credit that were taken out of the books because they were not used in time.
pub(crate) const LOTS_EXPIRED: &str = "billing_credit_lots_expired_total";
/// Top-ups that came to an end, by `outcome`: counted in the domain, where they are settled.
const TOP_UPS: &str = "billing_top_ups_total";
/// Refunds that came to an end, by `outcome`: counted in the domain as well.
const REFUNDS: &str = "billing_refunds_total";

/// Seconds: from what memory answers to what a slow gateway takes.
const SECONDS_BUCKETS: [f64; 10] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Starts logging; `usual` is what is logged when nothing else was asked for.
///
/// # Errors
/// When the filter cannot be read.
pub(crate) fn start_logging(config: &TelemetryConfig, usual: &str) -> anyhow::Result<()> {
    let filter = config.log.as_deref().unwrap_or(usual);
    let filter =
        EnvFilter::try_new(filter).with_context(|| format!("`{filter}` is not a log filter"))?;
    let is_terminal = std::io::stderr().is_terminal();
    let format = config.log_format.unwrap_or(if is_terminal {
        LogFormat::Pretty
    } else {
        LogFormat::Json
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    match format {
        LogFormat::Pretty => builder.with_ansi(is_terminal).with_target(false).init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .init(),
    }
    Ok(())
}

/// The process's metrics. There is one recorder a process, however many servers a test starts.
pub(crate) fn metrics() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(install_recorder).clone()
}

fn install_recorder() -> PrometheusHandle {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(REQUEST_SECONDS.to_owned()), &SECONDS_BUCKETS)
        .expect("the buckets are not empty")
        .build_recorder();
    let handle = recorder.handle();
    // Refused only when another recorder is there already, and nothing else installs one.
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::error!("another metrics recorder is installed: /metrics will be empty");
    }
    describe();
    handle
}

fn describe() {
    metrics::describe_counter!(REQUESTS, "Requests answered");
    metrics::describe_histogram!(REQUEST_SECONDS, metrics::Unit::Seconds, "Time to answer");
    metrics::describe_counter!(EVENTS, "Usage events taken");
    metrics::describe_counter!(HOLDS, "Holds asked for or settled");
    metrics::describe_counter!(GATEWAY_EVENTS, "Notices from the payment gateway");
    metrics::describe_counter!(RECONCILED, "Pending payments that were brought to an end");
    metrics::describe_gauge!(
        DISAGREEMENTS,
        "What the gateway and the ledger do not say alike"
    );
    metrics::describe_gauge!(PARKED_NOTICES, "Notices that could not be applied");
    metrics::describe_gauge!(
        COMPARED_AT,
        "When the gateway and the ledger were compared last"
    );
    metrics::describe_counter!(LOTS_EXPIRED, "Lots of credit that were not used in time");
    metrics::describe_counter!(TOP_UPS, "Top-ups that came to an end");
    metrics::describe_counter!(REFUNDS, "Refunds that came to an end");
}

/// How often histograms are folded; without it they grow between scrapes.
pub(crate) const METRICS_UPKEEP: Duration = Duration::from_secs(10);

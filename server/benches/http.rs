//! How fast usage is taken over HTTP, against the same work without it in the same run.
//!
//! ```text
//! cargo bench -p server --bench http -- [--seconds 3] [--rounds 3] [--only answering]
//! BILLING_BENCH_DATABASE_URL=postgres://… for PostgreSQL beside SQLite
//! ```
//! Server and clients share the machine, as both sides of every ratio do. The worst of the rounds
//! is what counts. `--only` names one of `counting`, `answering` and `holding`.
#![expect(clippy::print_stdout, reason = "what was measured is told")]

mod http_support;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Duration;

use http_support::Bench;
use http_support::figures::{Line, Options, quantile};

/// Connections with one event a request.
const MANY: usize = 1_024;
/// Connections whose waiting is measured.
const FEW: usize = 64;

#[tokio::main]
async fn main() {
    let options = Options::from_args();
    println!(
        "{:?} a measurement, {} rounds, {} cores",
        options.time,
        options.rounds,
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    for url in options.databases() {
        let bench = Bench::open(url.as_deref()).await;
        println!("\n{}", url.map_or("SQLite", |_| "PostgreSQL"));
        let mut worst: Vec<Line> = Vec::new();
        for round in 1..=options.rounds {
            let measured = measure(&bench, &options).await;
            println!("round {round}: {measured:?}");
            worst = Line::worst(worst, measured);
        }
        for line in &worst {
            println!("{line}");
        }
        bench.close().await;
    }
}

async fn measure(bench: &Bench, options: &Options) -> Vec<Line> {
    let mut lines = Vec::new();
    if options.wants("counting") {
        lines.extend(counting(bench, options.time).await);
    }
    if options.wants("answering") {
        lines.extend(answering(bench, options.time).await);
    }
    if options.wants("holding") {
        lines.extend(holding(bench, options.time).await);
    }
    lines
}

async fn counting(bench: &Bench, time: Duration) -> Vec<Line> {
    let (in_process, _) = bench.in_process(500, 32, time).await;
    let batches = bench.report(500, 32, time).await;
    let refused = bench.report_refused(MANY, time).await;
    let single = bench.report(1, MANY, time).await;
    let (_, mut commits) = bench.in_process(1_000, 4, time).await;
    vec![
        Line::at_least(
            "4. events by 500 over HTTP / in process",
            batches.rate * 500.0,
            in_process,
        ),
        Line::at_least(
            "5. one event a request, 1,024 connections / refused after pricing",
            single.rate,
            refused.rate,
        ),
        Line::at_most(
            "7. longest commit of 4,000 events / 50 ms",
            quantile(&mut commits, 1.0),
            50.0,
        ),
    ]
}

/// How long an answer takes, beside what it is made of: the disk, the request without a commit, and
/// the commit without anybody else.
async fn answering(bench: &Bench, time: Duration) -> Vec<Line> {
    let mut disk = bench.fdatasync(time / 3);
    let mut bare = bench.get("/healthz", FEW, time).await.taken;
    let mut refused = bench.report_refused(FEW, time).await.taken;
    let mut answers = bench.report(1, FEW, time).await.taken;
    let mut alone = bench.report(1, 1, time / 3).await.taken;
    let (disk_p50, disk_p99) = (quantile(&mut disk, 0.5), quantile(&mut disk, 0.99));
    let answer_p50 = quantile(&mut answers, 0.5);
    let p50 = |what, figure| Line::at_most(what, figure, disk_p50);
    vec![
        p50(
            "6. answer at 64 connections, p50 / fdatasync p50, ms",
            answer_p50,
        ),
        Line::at_most(
            "6. answer at 64 connections, p99 / fdatasync p99, ms",
            quantile(&mut answers, 0.99),
            disk_p99,
        ),
        p50(
            "   a bare GET at 64 connections, p50 / fdatasync p50, ms",
            quantile(&mut bare, 0.5),
        ),
        p50(
            "   refused after pricing at 64 connections, p50 / fdatasync, ms",
            quantile(&mut refused, 0.5),
        ),
        p50(
            "   answer at one connection, p50 / fdatasync p50, ms",
            quantile(&mut alone, 0.5),
        ),
    ]
}

async fn holding(bench: &Bench, time: Duration) -> Vec<Line> {
    let bare = bench.get("/healthz", FEW, time).await;
    let refused = bench.holds_refused(FEW, time).await;
    let balance = bench.get("/v1/balance", FEW, time).await;
    let mut idle = bench.holds(FEW, time).await;
    let mut busy = bench.holds_under_ingest(FEW, time).await;
    vec![
        Line::at_least(
            "8. holds refused from memory over HTTP / bare GET",
            refused.rate,
            bare.rate,
        ),
        Line::at_least(
            "   holds over HTTP, durable / bare GET",
            idle.rate,
            bare.rate,
        ),
        Line::at_most(
            "8. hold under full ingest, p50 / idle p50, ms",
            quantile(&mut busy.taken, 0.5),
            quantile(&mut idle.taken, 0.5),
        ),
        Line::at_least("   balance over HTTP / bare GET", balance.rate, bare.rate),
    ]
}

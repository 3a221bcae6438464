//! How fast usage is counted, against what each database does with the bare rows in the same run.
//!
//! ```text
//! cargo bench -p billing --bench ledger -- [--events 200000] [--rounds 3] [--only hot]
//! BILLING_BENCH_DATABASE_URL=postgres://… for PostgreSQL beside SQLite
//! ```
//! Every figure is a ratio of two rates, measured one after the other, round by round; the worst
//! of the rounds is what counts. What is read at the end is read with all the events of the rounds
//! in the database. `--only` names one of `hot`, `many`, `random`, `single`, `writers` and
//! `readings`, for whoever looks at it with a profiler.
#![expect(clippy::print_stdout, reason = "what was measured is told")]

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod ledger_support;

use std::time::Duration;

use ledger_support::figures::{Options, Round};
use ledger_support::{Bench, zipf};

#[tokio::main]
async fn main() {
    let options = Options::from_args(200_000);
    println!(
        "{} events a measurement, {} rounds, {} cores",
        options.events,
        options.rounds,
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    for url in options.databases() {
        let bench = Bench::open(&url, 1_000).await;
        println!("\n{}", bench.name());
        let mut worst: Vec<Round> = Vec::new();
        for round in 1..=options.rounds {
            let measured = measure(&bench, &options).await;
            println!("round {round}: {measured:?}");
            worst = Round::worst(worst, measured);
        }
        for line in &worst {
            println!("{line}");
        }
        if options.wants("readings") {
            bench.ingest_month(options.events).await;
            for line in bench.readings().await {
                println!("{line}");
            }
        }
        bench.close().await;
    }
}

async fn measure(bench: &Bench, options: &Options) -> Vec<Round> {
    let events = options.events;
    let mut rounds = Vec::new();
    let before = bench.raw(events).await;
    let hot = bench.ingest(events, 500, |_| 0).await;
    let mut draw = zipf(bench.organizations());
    let many = match options.wants("many") {
        true => bench.ingest(events, 100, move |_| draw()).await,
        false => hot,
    };
    // Of two the better one: whatever else the machine does only makes it slower.
    let raw = before.max(bench.raw(events).await);
    if options.wants("hot") {
        rounds.push(Round::new("2. one hot organization / bare rows", hot, raw));
    }
    if options.wants("many") {
        rounds.extend([
            Round::new("1. 1,000 organizations (Zipf) / bare rows", many, raw),
            Round::new("3. one hot organization / many", hot, many),
        ]);
    }
    if options.wants("random") {
        let random = bench.ingest_random(events).await;
        rounds.push(Round::new("random ids / ordered ids", random, hot));
    }
    if options.wants("single") {
        let single = bench.one_at_a_time(Duration::from_secs(2)).await;
        rounds.push(Round::new("2. full / one event a transaction", hot, single));
    }
    if options.wants("writers")
        && let Some(alone) = bench.one_writer(events).await
    {
        let both = bench.ingest(events, 500, |_| 0).await;
        rounds.push(Round::new("3. two writers / one, hot", both, alone));
    }
    rounds
}

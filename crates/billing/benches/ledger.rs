//! How fast usage is counted, against what each database does with the bare rows in the same run.
//!
//! ```text
//! cargo bench -p billing --bench ledger -- [--events 200000] [--rounds 3]
//! BILLING_BENCH_DATABASE_URL=postgres://… for PostgreSQL beside SQLite
//! ```
//! Every figure is a ratio of two rates, measured one after the other, round by round; the worst
//! of the rounds is what counts. What is read at the end is read with all the events of the rounds
//! in the database.
#![expect(clippy::print_stdout, reason = "what was measured is told")]

mod ledger_support;

use std::time::Duration;

use ledger_support::{Bench, Options, Round, zipf};

#[tokio::main]
async fn main() {
    let options = Options::from_args();
    println!(
        "{} events a measurement, {} rounds, {} cores",
        options.events,
        options.rounds,
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    for url in options.databases() {
        let bench = Bench::open(&url).await;
        println!("\n{}", bench.name());
        let mut worst: Vec<Round> = Vec::new();
        for round in 1..=options.rounds {
            let measured = measure(&bench, options.events).await;
            println!("round {round}: {measured:?}");
            worst = Round::worst(worst, measured);
        }
        for line in &worst {
            println!("{line}");
        }
        for line in bench.readings(options.events).await {
            println!("{line}");
        }
        bench.close().await;
    }
}

async fn measure(bench: &Bench, events: usize) -> Vec<Round> {
    let raw = bench.raw(events).await;
    let hot = bench.ingest(events, 500, |_| 0).await;
    let mut draw = zipf(bench.organizations());
    let many = bench.ingest(events, 100, move |_| draw()).await;
    let raw_again = bench.raw(events).await;
    let random = bench.ingest_random(events).await;
    let single = bench.one_at_a_time(Duration::from_secs(2)).await;
    let raw = raw.max(raw_again);
    vec![
        Round::new("one hot organization / bare rows", hot, raw),
        Round::new("1,000 organizations (Zipf) / bare rows", many, raw),
        Round::new("one hot organization / many", hot, many),
        Round::new("random ids / ordered ids", random, hot),
        Round::new("full / one event a transaction", hot, single),
    ]
}

//! Whether counting stays as cheap and as small, and reading as quick, when there are many events.
//!
//! ```text
//! cargo bench -p billing --bench growth -- [--events 2000000]
//! BILLING_BENCH_DATABASE_URL=postgres://… for PostgreSQL beside SQLite
//! ```
//! One organization's month goes in, part by part, in the order in which it ran. What the last part
//! costs an event stands against what the first one did; then everything is read that a page reads.
//! 10 million events take about two minutes and 3 GB of disk, twice that with both databases.
#![expect(clippy::print_stdout, reason = "what was measured is told")]

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod ledger_support;

use ledger_support::Bench;
use ledger_support::figures::Options;
use ledger_support::growth::Part;

/// Parts that the month is counted in.
const PARTS: usize = 10;
/// Organizations that have used nothing, beside the one that has.
const ORGANIZATIONS: usize = 10;

#[tokio::main]
async fn main() {
    let options = Options::from_args(2_000_000);
    let events = options.events / PARTS;
    for url in options.databases() {
        let bench = Bench::open(&url, ORGANIZATIONS).await;
        println!("\n{}, {} events", bench.name(), events * PARTS);
        let mut parts: Vec<Part> = Vec::with_capacity(PARTS);
        for part in 0..PARTS {
            let share = |part: usize| part as f64 / PARTS as f64;
            let part = bench.grow(events, share(part), share(part + 1)).await;
            println!(
                "{:>9} events: {:>7.0} events/s, {:>5.2} µs an event, {:>4.0} MB",
                events * (parts.len() + 1),
                part.rate,
                part.cpu,
                part.memory
            );
            parts.push(part);
        }
        let (first, last) = (&parts[0], &parts[PARTS - 1]);
        let memory = parts.iter().map(|part| part.memory).fold(0.0, f64::max);
        println!(
            "9. processor time an event, last part / first: {:.2} ({:.2} / {:.2} µs)",
            last.cpu / first.cpu,
            last.cpu,
            first.cpu
        );
        println!("9. most memory: {memory:.0} MB of 320");
        for line in bench.readings().await {
            println!("{line}");
        }
        bench.close().await;
    }
}

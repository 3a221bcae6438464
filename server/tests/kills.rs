//! The server is killed while it works, again and again, and started again each time. At the end
//! nothing that it acknowledged is missing and nobody was charged twice.
//!
//! The real binary, the real signal (`SIGKILL`), the database that `BILLING_TEST_DATABASE_URL`
//! names or SQLite.

mod kills {
    pub mod books;
    pub mod holders;
    pub mod load;
    #[allow(dead_code, reason = "the test of crashes uses the rest")]
    pub mod process;
}
mod support;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use kills::books::Books;
use kills::load::{Load, Record, Who};
use kills::process::{Installation, Running};

/// How often a server is killed.
const KILLS: u32 = 100;
/// What one run gets to do before it is killed, in milliseconds: from hardly anything to many
/// requests under way.
const RUN_MS: std::ops::Range<u64> = 40..900;
/// How much longer one of two servers lives than the other, in milliseconds.
const APART_MS: std::ops::Range<u64> = 0..60;
/// What two servers share, where nobody adds credit: more than they can use.
const GRANTED_DOLLARS: i64 = 100;
/// Reconciliation asks about a payment that has been pending for ten seconds, every five.
const RECONCILED_AFTER: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_kills_lose_nothing_that_was_acknowledged_and_charge_nobody_twice() {
    let began = Instant::now();
    let installation = Installation::create().await;
    let seeded = installation.seed().await;
    let mut load = Load::prepare(&installation, &seeded).await;
    let mut chance = Chance(0x5eed);
    for _ in 0..KILLS {
        let running = installation.start().await;
        let run = Duration::from_millis(chance.within(RUN_MS));
        let work = load.start(&[&running], Who::Everyone);
        tokio::time::sleep(run).await;
        running.kill().await;
        load.finish(work).await;
    }
    let record = load.record();
    tell(began, &record);

    let running = installation.start().await;
    settle_all(&load, &running, &record).await;
    running.terminate().await;
    let books = Books::read(&installation).await;
    check_events(&books, &record);
    check_holds(&books, &record);
    check_top_ups(&books, &record);
    assert_eq!(
        books.balance_nano,
        books.credited_nano() - books.used_nano()
    );
    let proved = installation.prove().await;
    println!("{proved}");
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_database_that_are_killed_a_hundred_times_lose_and_double_no_usage() {
    let began = Instant::now();
    let installation = Installation::create().await;
    let seeded = installation.seed().await;
    installation
        .grant(&seeded.organization_id, &GRANTED_DOLLARS.to_string())
        .await;
    let mut load = Load::prepare(&installation, &seeded).await;
    let mut chance = Chance(0x2);
    for kill in 0..KILLS / 2 {
        let (one, other) = (
            installation.start().await,
            installation.start_beside().await,
        );
        let run = Duration::from_millis(chance.within(RUN_MS));
        let apart = Duration::from_millis(chance.within(APART_MS));
        let work = load.start(&[&one, &other], Who::Reporters);
        let (first, second) = if kill % 2 == 0 {
            (one, other)
        } else {
            (other, one)
        };
        tokio::time::sleep(run).await;
        first.kill().await;
        tokio::time::sleep(apart).await;
        second.kill().await;
        load.finish(work).await;
    }
    let record = load.record();
    tell(began, &record);

    // What got no answer is still to be sent: a last run without a kill.
    let running = installation.start().await;
    load.send_again(&running).await;
    running.terminate().await;
    let books = Books::read(&installation).await;
    let record = load.record();
    check_events(&books, &record);
    check_holds(&books, &record);
    assert_eq!(books.events.len(), record.sent_events.len());
    assert_eq!(
        books.balance_nano,
        GRANTED_DOLLARS * 1_000_000_000 - books.used_nano()
    );
    println!("{}", installation.prove().await);
    installation.remove().await;
}

#[expect(clippy::print_stdout, reason = "what happened is told")]
fn tell(began: Instant, record: &Record) {
    println!(
        "{KILLS} kills in {:?}: {} events, {} top-ups and {} captures acknowledged of {}, {} and {} sent",
        began.elapsed(),
        record.acknowledged_events.len(),
        record.acknowledged_top_ups.len(),
        record.holds.captured.len(),
        record.sent_events.len(),
        record.sent_top_ups.len(),
        record.holds.sent.len(),
    );
}

/// Every acknowledged event is there once, and nothing that was never sent.
fn check_events(books: &Books, record: &Record) {
    assert!(
        record.acknowledged_events.len() > 1_000,
        "hardly anything happened"
    );
    let counted: HashSet<_> = books.events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(
        counted.len(),
        books.events.len(),
        "an event was counted twice"
    );
    let lost: Vec<_> = record.acknowledged_events.difference(&counted).collect();
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    assert!(counted.is_subset(&record.sent_events));
}

/// Every hold that was acknowledged as captured is, and there are no others than were asked for;
/// that each is charged once is proved by the server itself.
fn check_holds(books: &Books, record: &Record) {
    let holds = &record.holds;
    assert!(holds.captured.len() > 20, "hardly anything happened");
    let lost: Vec<_> = holds.captured.difference(&books.captured).collect();
    assert!(lost.is_empty(), "acknowledged and not captured: {lost:?}");
    assert!(books.captured.is_subset(&holds.sent));
    assert_eq!(books.captures.len(), books.captured.len());
}

/// Every acknowledged top-up is credited once, and the processor charged exactly what is credited.
fn check_top_ups(books: &Books, record: &Record) {
    assert!(
        record.acknowledged_top_ups.len() > 20,
        "hardly anything happened"
    );
    let credited: HashSet<_> = books
        .credits
        .iter()
        .map(|credit| credit.top_up.clone())
        .collect();
    assert_eq!(
        credited.len(),
        books.credits.len(),
        "a top-up was credited twice"
    );
    let lost: Vec<_> = record.acknowledged_top_ups.difference(&credited).collect();
    assert!(lost.is_empty(), "acknowledged and not credited: {lost:?}");
    let charged: HashSet<_> = books
        .charges
        .iter()
        .map(|charge| charge.top_up.clone())
        .collect();
    assert_eq!(
        charged.len(),
        books.charges.len(),
        "a top-up was charged twice"
    );
    assert_eq!(charged, credited, "what was charged is what was credited");
    let charged_cents: i64 = books.charges.iter().map(|charge| charge.cents).sum();
    assert_eq!(charged_cents * 10_000_000, books.credited_nano());
}

/// Waits until no top-up that was ever sent waits for an answer.
async fn settle_all(load: &Load, running: &Running, record: &Record) {
    let deadline = Instant::now() + RECONCILED_AFTER;
    loop {
        let open = load.open_top_ups(running, &record.sent_top_ups).await;
        if open.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still open: {open:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The same kills at the same moments in every run, as far as the machine allows.
struct Chance(u64);

impl Chance {
    fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        range.start + (self.0 >> 33) % (range.end - range.start)
    }
}

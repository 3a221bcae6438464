//! What is asked for and what is printed.

use std::fmt;

pub struct Options {
    pub events: usize,
    pub rounds: usize,
    only: Option<String>,
}

impl Options {
    /// `events` where the command line does not say how many.
    pub fn from_args(events: usize) -> Self {
        let args: Vec<String> = std::env::args().collect();
        let number = |name: &str, otherwise: usize| {
            let at = args.iter().position(|arg| arg == name);
            at.and_then(|at| args.get(at + 1)?.parse().ok())
                .unwrap_or(otherwise)
        };
        Self {
            events: number("--events", events),
            rounds: number("--rounds", 3),
            only: args
                .iter()
                .position(|arg| arg == "--only")
                .and_then(|at| args.get(at + 1).cloned()),
        }
    }

    /// Whether a measurement is asked for.
    pub fn wants(&self, measurement: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == measurement)
    }

    /// SQLite, and the PostgreSQL server that the environment names.
    #[expect(
        clippy::disallowed_methods,
        reason = "benchmarks have no command line of their own"
    )]
    pub fn databases(&self) -> Vec<String> {
        let mut urls = vec!["sqlite".to_owned()];
        urls.extend(std::env::var("BILLING_BENCH_DATABASE_URL"));
        urls
    }
}

/// Two rates in events a second, and their ratio.
#[derive(Clone)]
pub struct Round {
    what: &'static str,
    rate: f64,
    against: f64,
}

impl Round {
    pub const fn new(what: &'static str, rate: f64, against: f64) -> Self {
        Self {
            what,
            rate,
            against,
        }
    }

    fn ratio(&self) -> f64 {
        self.rate / self.against
    }

    /// Line by line the one with the lower ratio.
    pub fn worst(before: Vec<Self>, now: Vec<Self>) -> Vec<Self> {
        if before.is_empty() {
            return now;
        }
        before
            .into_iter()
            .zip(now)
            .map(|(a, b)| if a.ratio() <= b.ratio() { a } else { b })
            .collect()
    }
}

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.ratio())
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<42} {:>6.2}   {:>9.0} / {:>9.0} events/s",
            self.what,
            self.ratio(),
            self.rate,
            self.against
        )
    }
}

//! What is printed.

use std::fmt;
use std::time::Duration;

pub struct Options {
    pub time: Duration,
    pub rounds: usize,
    only: Option<String>,
}

impl Options {
    pub fn from_args() -> Self {
        let args: Vec<String> = std::env::args().collect();
        let number = |name: &str, otherwise: u64| {
            let at = args.iter().position(|arg| arg == name);
            at.and_then(|at| args.get(at + 1)?.parse().ok())
                .unwrap_or(otherwise)
        };
        Self {
            time: Duration::from_secs(number("--seconds", 3)),
            rounds: number("--rounds", 3).try_into().unwrap_or(usize::MAX),
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
    pub fn databases(&self) -> Vec<Option<String>> {
        let mut urls = vec![None];
        urls.extend(std::env::var("BILLING_BENCH_DATABASE_URL").ok().map(Some));
        urls
    }
}

/// Two figures of one run and their ratio.
#[derive(Clone)]
pub struct Line {
    what: &'static str,
    figure: f64,
    against: f64,
    /// Whether a smaller ratio is the better one.
    less_is_better: bool,
}

impl Line {
    pub const fn at_least(what: &'static str, figure: f64, against: f64) -> Self {
        Self {
            what,
            figure,
            against,
            less_is_better: false,
        }
    }

    pub const fn at_most(what: &'static str, figure: f64, against: f64) -> Self {
        Self {
            what,
            figure,
            against,
            less_is_better: true,
        }
    }

    fn ratio(&self) -> f64 {
        self.figure / self.against
    }

    /// Line by line the worse of the two.
    pub fn worst(before: Vec<Self>, now: Vec<Self>) -> Vec<Self> {
        if before.is_empty() {
            return now;
        }
        before
            .into_iter()
            .zip(now)
            .map(|(a, b)| {
                if (a.ratio() <= b.ratio()) == a.less_is_better {
                    b
                } else {
                    a
                }
            })
            .collect()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.ratio())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<68} {:>6.2}   {:>10.1} / {:>10.1}",
            self.what,
            self.ratio(),
            self.figure,
            self.against
        )
    }
}

/// The value that so large a part of `values` does not exceed.
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get((last as f64 * part) as usize)
        .copied()
        .unwrap_or(0.0)
}

//! `cargo xtask test`: every check of the project, in parts.
//!
//! All parts run even when one fails. The output ends with each part's own closing lines and
//! one line that sums them up.

mod architecture;
mod browser;
mod closing;
mod first_html;
mod lint;
mod outside;
mod postgres;
mod sources;
mod supply_chain;
mod unit;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use self::closing::Counts;
use crate::paths::Paths;
use crate::process;

/// What a person may choose.
#[derive(Args, Debug)]
pub struct Options {
    /// The parts to run; all of them when left out.
    parts: Vec<Part>,
    /// Accept what was measured as the new budget.
    #[arg(long)]
    update_budget: bool,
    /// Only the browser tests of these names, such as `history`; then nothing is measured.
    #[arg(last = true)]
    specs: Vec<String>,
}

/// A part of the checks, in the order that they run: the quick ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Format, lints, architecture, supply chain.
    Lint,
    /// Unit and integration tests, on SQLite.
    Unit,
    /// The same tests of everything that stores, on PostgreSQL.
    Postgres,
    /// LiteLLM, schemathesis and Beancount against a running server, on both databases; Stripe's
    /// libraries against the sandbox.
    Outside,
    /// Browser tests in Chromium on both databases, and the budgets of sizes and time.
    Browser,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Lint,
        Self::Unit,
        Self::Postgres,
        Self::Outside,
        Self::Browser,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Unit => "unit",
            Self::Postgres => "postgres",
            Self::Outside => "outside",
            Self::Browser => "browser",
        }
    }

    fn run(self, paths: &Paths, options: &Options, report: &mut Report) {
        match self {
            Self::Lint => lint::run(paths, report),
            Self::Unit => unit::run_on_sqlite(paths, report),
            Self::Postgres => unit::run_on_postgres(paths, report),
            Self::Outside => outside::run(paths, report),
            Self::Browser => browser::run(paths, options, report),
        }
    }
}

/// What a part found.
#[derive(Debug, Default)]
struct Report {
    counts: Counts,
    /// Worth repeating at the end: runners' closing lines, and failures.
    lines: Vec<String>,
}

impl Report {
    /// Runs one check of our own, and counts it.
    fn check(&mut self, name: &str, work: impl FnOnce() -> Result<()>) {
        match process::step(name, work) {
            Ok(()) => self.counts.passed += 1,
            Err(error) => self.fail(&format!("{error:#}")),
        }
    }

    /// Adds what a test runner said of its tests in its closing lines.
    fn add_runner(&mut self, name: &str, ran: Result<(Vec<String>, Result<()>)>) {
        let (lines, ended) = match ran {
            Ok(ran) => ran,
            Err(error) => return self.fail(&format!("{name}: {error:#}")),
        };
        let counts = Counts::of(&lines);
        self.counts += counts;
        self.lines
            .extend(lines.iter().map(|line| format!("{name}: {}", line.trim())));
        match ended {
            // A runner that fails before its first test counts as one failure.
            Err(error) if counts.failed == 0 => self.fail(&format!("{name}: {error:#}")),
            Ok(()) if counts.passed == 0 => self.fail(&format!("{name}: no test ran")),
            Ok(()) | Err(_) => {}
        }
    }

    fn fail(&mut self, line: &str) {
        eprintln!("FAILED  {line}");
        self.counts.failed += 1;
        self.lines.push(format!("FAILED  {line}"));
    }
}

/// Runs the parts and says what came out; fails when anything did.
pub fn run(paths: &Paths, options: &Options) -> Result<ExitCode> {
    let wanted = |part: &Part| options.parts.is_empty() || options.parts.contains(part);
    ensure!(
        !options.update_budget || (wanted(&Part::Browser) && options.specs.is_empty()),
        "--update-budget needs the whole part `browser`, which measures"
    );
    let mut total = Counts::default();
    let mut summary = Vec::new();
    for part in Part::ALL.into_iter().filter(wanted) {
        println!("\n==== {} ====", part.name());
        let started = Instant::now();
        let mut report = Report::default();
        part.run(paths, options, &mut report);
        total += report.counts;
        let verdict = if report.counts.failed == 0 {
            "passed"
        } else {
            "FAILED"
        };
        let time = process::seconds(started.elapsed());
        summary.push(format!(
            "{:<10}{verdict}  {:<24}{time}",
            part.name(),
            report.counts
        ));
        summary.extend(report.lines.iter().map(|line| format!("  {line}")));
        if process::interrupted() {
            summary.push("stopped by a signal".to_owned());
            total.failed += 1;
            break;
        }
    }
    println!("\n==== summary ====\n{}\n{total}", summary.join("\n"));
    Ok(if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_failed_check_is_counted_and_repeated() {
        let mut report = Report::default();
        report.check("format", || Ok(()));
        report.check("lints", || Err(anyhow!("one warning")));
        assert_eq!(report.counts.to_string(), "1 passed, 1 failed");
        assert_eq!(report.lines, ["FAILED  lints: failed: one warning"]);
    }

    #[test]
    fn a_runner_that_ran_nothing_has_failed() {
        let mut report = Report::default();
        report.add_runner("tests", Ok((Vec::new(), Ok(()))));
        assert_eq!(report.counts.failed, 1);
    }

    #[test]
    fn a_runner_that_fails_before_its_tests_has_failed() {
        let mut report = Report::default();
        report.add_runner("tests", Ok((Vec::new(), Err(anyhow!("does not compile")))));
        assert_eq!(report.lines, ["FAILED  tests: does not compile"]);
    }
}

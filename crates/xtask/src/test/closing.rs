//! Reading the closing lines of the test runners: nextest, cargo's own, Playwright.

use std::fmt;
use std::ops::AddAssign;

/// How many checks passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
}

impl Counts {
    /// Adds up what closing lines say. What timed out, was flaky or did not run has failed.
    pub fn of(lines: &[String]) -> Self {
        let mut counts = Self::default();
        for line in lines {
            for (number, verdict) in numbered_words(line) {
                match verdict {
                    "passed" => counts.passed += number,
                    "failed" | "timed" | "flaky" | "interrupted" | "did" => counts.failed += number,
                    _ => {}
                }
            }
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} passed, {} failed", self.passed, self.failed))
    }
}

/// Whether a line is cargo-nextest's closing line. A failed test's own output, which nextest
/// shows, has lines of the other runner.
pub fn of_nextest(line: &str) -> bool {
    line.trim_start().starts_with("Summary [")
}

/// Whether a line is one of cargo's own runner: one a test binary.
pub fn of_cargo_test(line: &str) -> bool {
    line.trim_start().starts_with("test result:")
}

/// Whether a line is one of Playwright's closing lines: `3 passed (4.1s)`, `1 failed`.
pub fn of_playwright(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let number = words.next().is_some_and(|word| word.parse::<u64>().is_ok());
    let verdict = words.next().unwrap_or_default();
    number
        && matches!(
            verdict,
            "passed" | "failed" | "flaky" | "skipped" | "interrupted" | "did"
        )
}

/// Every number with the word that follows it.
fn numbered_words(line: &str) -> Vec<(u64, &str)> {
    let words: Vec<&str> = line
        .split_whitespace()
        .map(|word| word.trim_matches(|sign: char| !sign.is_alphanumeric()))
        .collect();
    words
        .windows(2)
        .filter_map(|pair| Some((pair[0].parse().ok()?, pair[1])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(line: &str) -> String {
        Counts::of(&[line.to_owned()]).to_string()
    }

    #[test]
    fn nextests_line_is_read() {
        let line = "     Summary [   1.205s] 12 tests run: 9 passed (1 slow), 2 failed, 1 timed out, 3 skipped";
        assert!(of_nextest(line));
        assert_eq!(counts(line), "9 passed, 3 failed");
    }

    #[test]
    fn cargos_own_line_is_read() {
        let line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; finished in 0.01s";
        assert!(of_cargo_test(line) && !of_nextest(line));
        assert_eq!(counts(line), "3 passed, 0 failed");
    }

    #[test]
    fn playwrights_lines_are_read() {
        assert!(of_playwright("  5 passed (3.2s)"));
        assert_eq!(counts("  5 passed (3.2s)"), "5 passed, 0 failed");
        assert_eq!(counts("  2 did not run"), "0 passed, 2 failed");
        assert!(!of_playwright("Running 5 tests using 1 worker"));
    }
}

//! The budgets: what a browser downloads, and what the server takes to make a page, may not grow
//! unnoticed.
//!
//! `budget.json` beside this crate's manifest holds what was last accepted. What grew beyond its
//! tolerance fails the check; `test browser --update-budget` accepts the new figures, and the change
//! is there to be reviewed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::paths::Paths;
use crate::site::Manifest;

/// Growth that is let pass, in percent of the accepted size.
const TOLERANCE_PERCENT: u64 = 10;
/// The same of a time. Two runs on the same machine differ by a tenth; a page that reads its data
/// once more, or waits for something, is beyond this.
const TIME_TOLERANCE_PERCENT: u64 = 40;
/// What a page may take on this machine's own address, beyond a file of the same server.
const LONGEST_MS: u64 = 50;

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    pub sizes: Sizes,
    pub first_html: FirstHtml,
}

/// Pages by their path.
pub type FirstHtml = BTreeMap<String, Page>;

/// What a page takes from the request to its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Bytes as they travel, by brotli; a few differ from run to run.
    pub brotli: u64,
    /// The time, in percent of what the sign-in page takes in the same run: machines differ.
    pub percent_of_sign_in: u64,
    /// Microseconds beyond a file of the same server. Of the machine that measured it.
    pub microseconds: u64,
}

/// Bytes of one file, as it is and as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    pub raw: u64,
    pub brotli: u64,
}

/// Sizes by kind of file: `css`, `js`, `wasm`.
pub type Sizes = BTreeMap<String, Size>;

/// The sizes of the built site.
pub fn measure(site: &Path) -> Result<Sizes> {
    let manifest = Manifest::read(site)?;
    let package = site.join(&manifest.pkg_dir);
    let bytes = |name: &str| -> Result<u64> {
        let path = package.join(name);
        let metadata = path
            .metadata()
            .with_context(|| format!("{} is missing", path.display()))?;
        Ok(metadata.len())
    };
    let mut sizes = Sizes::new();
    for (kind, ending) in [("css", ".css"), ("js", ".js"), ("wasm", "_bg.wasm")] {
        let name = format!("{}{ending}", manifest.output_name);
        let size = Size {
            raw: bytes(&name)?,
            brotli: bytes(&format!("{name}.br"))?,
        };
        sizes.insert(kind.to_owned(), size);
    }
    Ok(sizes)
}

/// What was accepted.
pub fn accepted(paths: &Paths) -> Result<Budget> {
    let file = budget_file(paths);
    let text = fs::read_to_string(&file).with_context(|| {
        format!(
            "{} is missing: run `cargo xtask test browser --update-budget`",
            file.display()
        )
    })?;
    serde_json::from_str(&text).with_context(|| format!("{} is not a budget", file.display()))
}

/// Makes what was measured the accepted budget.
pub fn accept(paths: &Paths, measured: &Budget) -> Result<()> {
    let mut text = serde_json::to_string_pretty(measured)?;
    text.push('\n');
    fs::write(budget_file(paths), text).context("could not write the budget")
}

/// What grew too much, one sentence each.
pub fn overruns(accepted: &Budget, measured: &Budget) -> Vec<String> {
    let mut overruns = size_overruns(&accepted.sizes, &measured.sizes);
    overruns.extend(page_overruns(&accepted.first_html, &measured.first_html));
    overruns
}

fn size_overruns(accepted: &Sizes, measured: &Sizes) -> Vec<String> {
    let mut overruns = Vec::new();
    for (kind, now) in measured {
        let Some(then) = accepted.get(kind) else {
            overruns.push(format!("{kind} has no budget"));
            continue;
        };
        for (form, then, now) in [
            ("raw", then.raw, now.raw),
            ("brotli", then.brotli, now.brotli),
        ] {
            if is_beyond(then, now, TOLERANCE_PERCENT) {
                overruns.push(format!(
                    "{kind} ({form}) grew from {then} to {now} bytes, more than {TOLERANCE_PERCENT} %"
                ));
            }
        }
    }
    overruns
}

fn page_overruns(accepted: &FirstHtml, measured: &FirstHtml) -> Vec<String> {
    let mut overruns = Vec::new();
    for (path, now) in measured {
        let Some(then) = accepted.get(path) else {
            overruns.push(format!("{path} has no budget"));
            continue;
        };
        if is_beyond(then.brotli, now.brotli, TOLERANCE_PERCENT) {
            overruns.push(format!(
                "{path} grew from {} to {} bytes, more than {TOLERANCE_PERCENT} %",
                then.brotli, now.brotli
            ));
        }
        let (then, percent) = (then.percent_of_sign_in, now.percent_of_sign_in);
        if is_beyond(then, percent, TIME_TOLERANCE_PERCENT) {
            overruns.push(format!(
                "{path} takes {percent} % of the sign-in page's time instead of {then} %"
            ));
        }
        if now.microseconds > LONGEST_MS * 1_000 {
            overruns.push(format!(
                "{path} takes {} µs, more than {LONGEST_MS} ms",
                now.microseconds
            ));
        }
    }
    overruns
}

fn is_beyond(then: u64, now: u64, tolerance_percent: u64) -> bool {
    now * 100 > then * (100 + tolerance_percent)
}

/// The figures side by side, for people.
pub fn table(accepted: &Budget, measured: &Budget) -> String {
    let mut lines = vec![row("file", ["raw", "budget", "brotli", "budget"])];
    for (kind, now) in &measured.sizes {
        let then = accepted.sizes.get(kind);
        let budget = |part: fn(&Size) -> u64| known(then.map(part));
        lines.push(row(
            kind,
            [
                now.raw.to_string(),
                budget(|size| size.raw),
                now.brotli.to_string(),
                budget(|size| size.brotli),
            ],
        ));
    }
    lines.push(row("first HTML", ["brotli", "budget", "µs", "% / budget"]));
    for (path, now) in &measured.first_html {
        let then = accepted.first_html.get(path);
        let percent = known(then.map(|page| page.percent_of_sign_in));
        lines.push(row(
            path,
            [
                now.brotli.to_string(),
                known(then.map(|page| page.brotli)),
                now.microseconds.to_string(),
                format!("{} / {percent}", now.percent_of_sign_in),
            ],
        ));
    }
    lines.concat()
}

fn known(figure: Option<u64>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string())
}

fn row<T: std::fmt::Display>(name: &str, figures: [T; 4]) -> String {
    let mut line = format!("{name:<18}");
    for figure in figures {
        write!(line, "{:>12}", figure.to_string()).expect("writing to a string does not fail");
    }
    line.push('\n');
    line
}

fn budget_file(paths: &Paths) -> PathBuf {
    paths.root.join("crates/xtask/budget.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(raw: u64, brotli: u64) -> Sizes {
        Sizes::from([("wasm".to_owned(), Size { raw, brotli })])
    }

    fn page(brotli: u64, percent_of_sign_in: u64, microseconds: u64) -> FirstHtml {
        let page = Page {
            brotli,
            percent_of_sign_in,
            microseconds,
        };
        FirstHtml::from([("/billing".to_owned(), page)])
    }

    #[test]
    fn a_tenth_more_passes_and_one_byte_beyond_fails() {
        assert_eq!(
            size_overruns(&sizes(1_000, 100), &sizes(1_100, 110)),
            Vec::<String>::new()
        );
        let over = size_overruns(&sizes(1_000, 100), &sizes(1_101, 111));
        assert_eq!(over.len(), 2, "{over:?}");
        assert!(over[0].contains("from 1000 to 1101 bytes"), "{over:?}");
    }

    #[test]
    fn shrinking_is_never_an_overrun() {
        assert_eq!(
            size_overruns(&sizes(1_000, 100), &sizes(10, 1)),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_has_no_budget_fails() {
        assert_eq!(
            size_overruns(&Sizes::new(), &sizes(1, 1)),
            ["wasm has no budget"]
        );
        assert_eq!(
            page_overruns(&FirstHtml::new(), &page(1, 1, 1)),
            ["/billing has no budget"]
        );
    }

    #[test]
    fn a_page_may_grow_by_a_tenth_and_be_as_noisy_as_a_machine_is() {
        let accepted = page(1_000, 500, 6_000);
        let over = |now| page_overruns(&accepted, &now).len();
        assert_eq!(over(page(1_100, 700, 9_000)), 0);
        assert_eq!(over(page(1_101, 500, 6_000)), 1);
        assert_eq!(over(page(1_000, 701, 6_000)), 1);
        assert_eq!(over(page(1_000, 500, 50_001)), 1);
    }
}

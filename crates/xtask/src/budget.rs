//! The size budget: what a browser downloads may not grow unnoticed.
//!
//! `budget.json` beside this crate's manifest holds the sizes of the last accepted site. A
//! file that grew by more than a tenth fails the check; `test browser --update-budget`
//! accepts the new sizes, and the change is there to be reviewed.

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

/// The accepted sizes.
pub fn accepted(paths: &Paths) -> Result<Sizes> {
    let file = budget_file(paths);
    let text = fs::read_to_string(&file).with_context(|| {
        format!(
            "{} is missing: run `cargo xtask test browser --update-budget`",
            file.display()
        )
    })?;
    serde_json::from_str(&text).with_context(|| format!("{} is not a budget", file.display()))
}

/// Makes the measured sizes the accepted ones.
pub fn accept(paths: &Paths, sizes: &Sizes) -> Result<()> {
    let mut text = serde_json::to_string_pretty(sizes)?;
    text.push('\n');
    fs::write(budget_file(paths), text).context("could not write the budget")
}

/// Which sizes grew too much, one sentence each.
pub fn overruns(accepted: &Sizes, measured: &Sizes) -> Vec<String> {
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
            if now * 100 > then * (100 + TOLERANCE_PERCENT) {
                overruns.push(format!(
                    "{kind} ({form}) grew from {then} to {now} bytes, more than {TOLERANCE_PERCENT} %"
                ));
            }
        }
    }
    overruns
}

/// The sizes side by side, for people.
pub fn table(accepted: &Sizes, measured: &Sizes) -> String {
    let mut table = format!(
        "{:<6}{:>12}{:>12}{:>12}{:>12}\n",
        "file", "raw", "budget", "brotli", "budget"
    );
    for (kind, now) in measured {
        let budget = |part: fn(&Size) -> u64| {
            accepted
                .get(kind)
                .map_or_else(|| "-".to_owned(), |size| part(size).to_string())
        };
        writeln!(
            table,
            "{kind:<6}{:>12}{:>12}{:>12}{:>12}",
            now.raw,
            budget(|size| size.raw),
            now.brotli,
            budget(|size| size.brotli),
        )
        .expect("writing to a string does not fail");
    }
    table
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

    #[test]
    fn a_tenth_more_passes_and_one_byte_beyond_fails() {
        assert_eq!(
            overruns(&sizes(1_000, 100), &sizes(1_100, 110)),
            Vec::<String>::new()
        );
        let over = overruns(&sizes(1_000, 100), &sizes(1_101, 111));
        assert_eq!(over.len(), 2, "{over:?}");
        assert!(over[0].contains("from 1000 to 1101 bytes"), "{over:?}");
    }

    #[test]
    fn shrinking_is_never_an_overrun() {
        assert_eq!(
            overruns(&sizes(1_000, 100), &sizes(10, 1)),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_file_without_a_budget_fails() {
        assert_eq!(
            overruns(&Sizes::new(), &sizes(1, 1)),
            ["wasm has no budget"]
        );
    }
}

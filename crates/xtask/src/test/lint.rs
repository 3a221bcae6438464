//! What can be said of the code without running it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Report, architecture, sources, supply_chain};
use crate::paths::Paths;
use crate::process;
use crate::wasm_toolchain::{TARGET, WasmToolchain};

/// Packages with the features that they are linted with, each by itself: together they would
/// lend each other features, and a missing one would go unnoticed.
const HOST_PACKAGES: [(&str, &str); 7] = [
    ("types", ""),
    ("ledger", ""),
    ("billing", ""),
    ("sandbox", ""),
    ("app", "ssr"),
    ("server", ""),
    ("xtask", ""),
];

/// Lints that hold for the product alone: a test stops at the first surprise, says what it
/// measured, and reads from the environment which database it is for.
const TESTS_MAY: [&str; 3] = [
    "clippy::disallowed_methods",
    "clippy::print_stdout",
    "clippy::unwrap_used",
];

/// All of it.
pub fn run(paths: &Paths, report: &mut Report) {
    report.check("format", || cargo(paths, &["fmt", "--all", "--check"]));
    report.check("architecture", || architecture::check(paths));
    report.check("sources", || sources::check(paths));
    report.check("migrations", || {
        same_migrations(&paths.root.join("migrations"))
    });
    report.check("supply chain", || supply_chain::check(paths));
    for (package, features) in HOST_PACKAGES {
        report.check(&format!("lints of {package}"), || {
            lint(paths, package, features)
        });
    }
    report.check("lints of the browser's side", || lint_browser_side(paths));
}

fn cargo(paths: &Paths, words: &[&str]) -> Result<()> {
    process::run(Command::new("cargo").args(words).current_dir(&paths.root))
}

/// First the product, then with its tests, which may do a little more.
fn lint(paths: &Paths, package: &str, features: &str) -> Result<()> {
    let clippy = ["clippy", "--package", package, "--features", features];
    cargo(
        paths,
        &[&clippy[..], &["--", "--deny", "warnings"]].concat(),
    )?;
    let mut words = [&clippy[..], &["--all-targets", "--", "--deny", "warnings"]].concat();
    words.extend(TESTS_MAY.iter().flat_map(|lint| ["--allow", lint]));
    cargo(paths, &words)
}

fn lint_browser_side(paths: &Paths) -> Result<()> {
    process::run(
        WasmToolchain::prepare(paths)?
            .cargo()
            .args([
                "clippy",
                "--package",
                "frontend",
                "--package",
                "app",
                "--target",
                TARGET,
            ])
            .args(["--", "--deny", "warnings"])
            .current_dir(&paths.root),
    )
}

/// Both databases have the same history, step by step.
fn same_migrations(migrations: &Path) -> Result<()> {
    let sqlite = file_names(&migrations.join("sqlite"))?;
    let postgres = file_names(&migrations.join("postgres"))?;
    ensure!(!sqlite.is_empty(), "there are no migrations");
    let different: Vec<_> = sqlite.symmetric_difference(&postgres).cloned().collect();
    ensure!(
        different.is_empty(),
        "only one database has {}",
        different.join(", ")
    );
    Ok(())
}

fn file_names(directory: &Path) -> Result<BTreeSet<String>> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("{} is missing", directory.display()))?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_of_one_database_alone_is_found() {
        let root = std::env::temp_dir().join(format!("xtask-migrations-{}", std::process::id()));
        for (database, names) in [
            ("sqlite", &["1_a.sql", "2_b.sql"][..]),
            ("postgres", &["1_a.sql"]),
        ] {
            fs::create_dir_all(root.join(database)).unwrap();
            for name in names {
                fs::write(root.join(database).join(name), "").unwrap();
            }
        }
        let error = same_migrations(&root).unwrap_err().to_string();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(error, "only one database has 2_b.sql");
    }
}

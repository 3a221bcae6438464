//! Browser tests in Chromium, on SQLite and on PostgreSQL, and what a page may weigh and take.
//!
//! The tests drive the server as it is shipped, with the site inside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::postgres::Postgres;
use super::{Options, Report, closing, first_html};
use crate::budget::{self, Budget};
use crate::paths::Paths;
use crate::process;
use crate::site::{self, Mode};

const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// What Playwright and the tests are written for.
const OLDEST_NODE: u32 = 20;

/// Everything that a browser sees.
pub fn run(paths: &Paths, options: &Options, report: &mut Report) {
    let chromium = match prepare(paths) {
        Ok(chromium) => chromium,
        Err(error) => return report.fail(&format!("{error:#}")),
    };
    report.check("the browser tests' types", || {
        process::run(
            Command::new("npm")
                .args(["run", "--silent", "typecheck"])
                .current_dir(paths.end2end()),
        )
    });
    let specs = &options.specs;
    report.add_runner("browser on SQLite", on_sqlite(paths, &chromium, specs));
    report.add_runner(
        "browser on PostgreSQL",
        on_postgres(paths, &chromium, specs),
    );
    if specs.is_empty() {
        report.check("budgets of sizes and time", || {
            let measured = Budget {
                sizes: budget::measure(&paths.site(Mode::Release))?,
                first_html: first_html::measure(paths)?,
            };
            check_budget(paths, measured, options)
        });
    }
}

/// Builds what is tested, fetches what tests it, and returns Chromium's path.
fn prepare(paths: &Paths) -> Result<PathBuf> {
    site::build(paths, Mode::Release)?;
    site::build_self_contained_server(paths)?;
    find_node()?;
    install_packages(&paths.end2end())?;
    find_chromium()
}

/// An older Node.js fails in the middle, with a trace of somebody else's code.
pub(super) fn find_node() -> Result<()> {
    let is_found = || {
        ["node", "npm"]
            .map(process::find_program)
            .iter()
            .all(Option::is_some)
    };
    if !is_found() && process::can_install_packages() {
        process::apt_install(&["nodejs", "npm"])?;
    }
    ensure!(
        is_found(),
        "these tests need Node.js {OLDEST_NODE} or newer with npm: install both from \
         nodejs.org or from a distribution that has them"
    );
    let version = process::capture(Command::new("node").arg("--version"))?;
    let is_usable = major_version(&version).is_some_and(|major| major >= OLDEST_NODE);
    ensure!(
        is_usable,
        "these tests need Node.js {OLDEST_NODE} or newer, and `node` is {}: install a newer \
         one from nodejs.org and put it first in PATH",
        version.trim()
    );
    Ok(())
}

/// `v20.19.2` is 20.
fn major_version(version: &str) -> Option<u32> {
    let version = version.trim().strip_prefix('v')?;
    version.split('.').next()?.parse().ok()
}

/// Installs exactly what the lock file says, unless that has been done.
fn install_packages(end2end: &Path) -> Result<()> {
    let lock_file = end2end.join("package-lock.json");
    let lock = fs::read(&lock_file).with_context(|| format!("{}", lock_file.display()))?;
    let stamp = hex::encode(Sha256::digest(lock));
    let stamp_file = end2end.join("node_modules/.installed");
    if fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp) {
        return Ok(());
    }
    process::step("installing the browser tests' packages", || {
        process::run(
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                // The tests use the system's Chromium.
                .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
                .current_dir(end2end),
        )
    })?;
    fs::write(stamp_file, stamp)?;
    Ok(())
}

fn find_chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM_PATH") {
        return Ok(PathBuf::from(path));
    }
    let installed = || CHROMIUM.into_iter().find_map(process::find_program);
    if let Some(chromium) = installed() {
        return Ok(chromium);
    }
    ensure!(
        process::can_install_packages(),
        "the browser tests need Chromium: run `sudo apt-get install chromium`, or set CHROMIUM_PATH"
    );
    process::apt_install(&["chromium"])?;
    installed().context("Debian's chromium did not bring a `chromium`")
}

/// The tests make a database for each server that they start, with `psql`.
fn on_postgres(
    paths: &Paths,
    chromium: &Path,
    specs: &[String],
) -> Result<(Vec<String>, Result<()>)> {
    let postgres = process::step("starting a throwaway PostgreSQL", Postgres::start)?;
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(postgres.programs().to_owned());
    let path = std::env::join_paths(directories.chain(std::env::split_paths(&inherited)))?;
    let mut command = playwright(paths, chromium, "postgres", specs);
    command
        .env("BILLING_DATABASE_URL", postgres.admin_url())
        .env("PATH", path);
    process::run_and_keep(&mut command, closing::of_playwright)
}

fn on_sqlite(
    paths: &Paths,
    chromium: &Path,
    specs: &[String],
) -> Result<(Vec<String>, Result<()>)> {
    let mut command = playwright(paths, chromium, "sqlite", specs);
    command.env_remove("BILLING_DATABASE_URL");
    process::run_and_keep(&mut command, closing::of_playwright)
}

/// The tests start the server themselves; they are told which, and with what. Each run keeps what
/// it leaves behind apart: the next one would delete it.
fn playwright(paths: &Paths, chromium: &Path, database: &str, specs: &[String]) -> Command {
    let mut command = Command::new("npx");
    command
        .args(["--no-install", "playwright", "test"])
        .args(["--output", &format!("test-results/{database}")])
        .args(specs)
        .env("BILLING_BIN", paths.self_contained_server())
        // It has its own inside.
        .env_remove("BILLING_SITE")
        .env("CHROMIUM_PATH", chromium)
        .current_dir(paths.end2end());
    command
}

fn check_budget(paths: &Paths, measured: Budget, options: &Options) -> Result<()> {
    if options.update_budget {
        budget::accept(paths, &measured)?;
    }
    let accepted = budget::accepted(paths)?;
    print!("{}", budget::table(&accepted, &measured));
    let overruns = budget::overruns(&accepted, &measured);
    if !overruns.is_empty() {
        bail!(
            "{}; if that is wanted, run `cargo xtask test browser --update-budget`",
            overruns.join("; ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_version_is_read() {
        assert_eq!(major_version("v20.19.2\n"), Some(20));
        assert_eq!(major_version("v18.20.4"), Some(18));
        assert_eq!(major_version("20"), None);
    }
}

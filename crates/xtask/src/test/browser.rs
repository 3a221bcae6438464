//! Browser tests in Chromium, on SQLite and on PostgreSQL, and the size budget.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::postgres::Postgres;
use super::{Report, closing};
use crate::paths::Paths;
use crate::site::{self, Mode};
use crate::{budget, process};

const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Everything that a browser sees.
pub fn run(paths: &Paths, update_budget: bool, report: &mut Report) {
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
    report.add_runner("browser on SQLite", on_sqlite(paths, &chromium));
    report.add_runner("browser on PostgreSQL", on_postgres(paths, &chromium));
    report.check("size budget", || check_budget(paths, update_budget));
}

/// Builds what is tested, fetches what tests it, and returns Chromium's path.
fn prepare(paths: &Paths) -> Result<PathBuf> {
    site::build(paths, Mode::Release)?;
    site::build_server(paths)?;
    install_packages(&paths.end2end())?;
    find_chromium()
}

/// Installs exactly what the lock file says, unless that has been done.
fn install_packages(end2end: &Path) -> Result<()> {
    if process::find_program("npm").is_none() {
        ensure!(
            process::can_install_packages(),
            "the browser tests need Node.js 20 and npm: run `sudo apt-get install nodejs npm`"
        );
        process::apt_install(&["nodejs", "npm"])?;
    }
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
fn on_postgres(paths: &Paths, chromium: &Path) -> Result<(Vec<String>, Result<()>)> {
    let postgres = process::step("starting a throwaway PostgreSQL", Postgres::start)?;
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(postgres.programs().to_owned());
    let path = std::env::join_paths(directories.chain(std::env::split_paths(&inherited)))?;
    let mut command = playwright(paths, chromium);
    command
        .env("BILLING_DATABASE_URL", postgres.admin_url())
        .env("PATH", path);
    process::run_and_keep(&mut command, closing::of_playwright)
}

fn on_sqlite(paths: &Paths, chromium: &Path) -> Result<(Vec<String>, Result<()>)> {
    let mut command = playwright(paths, chromium);
    command.env_remove("BILLING_DATABASE_URL");
    process::run_and_keep(&mut command, closing::of_playwright)
}

/// The tests start the server themselves; they are told which, and with what.
fn playwright(paths: &Paths, chromium: &Path) -> Command {
    let mut command = Command::new("npx");
    command
        .args(["--no-install", "playwright", "test"])
        .env("BILLING_BIN", paths.server("debug"))
        .env("BILLING_SITE", paths.site(Mode::Release))
        .env("CHROMIUM_PATH", chromium)
        .current_dir(paths.end2end());
    command
}

fn check_budget(paths: &Paths, update: bool) -> Result<()> {
    let measured = budget::measure(&paths.site(Mode::Release))?;
    if update {
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

//! Rust's tests, on SQLite and on a throwaway PostgreSQL.
//!
//! The tests are the same: `BILLING_TEST_DATABASE_URL` names a server on which each test
//! makes a database of its own; without it each test has an SQLite file of its own.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::postgres::Postgres;
use super::{Report, closing};
use crate::paths::Paths;
use crate::process;

/// What is tested together, so that both databases use the same build.
const PACKAGES: [&str; 6] = ["types", "ledger", "billing", "sandbox", "app", "server"];

/// Those that store something.
const STORING: [&str; 3] = ["ledger", "billing", "server"];

/// The test of `server` that makes a file system of its own, which not every machine allows. It has
/// nothing to do with PostgreSQL.
const FULL_DISK: &str = "full_disk";

const DATABASE_URL: &str = "BILLING_TEST_DATABASE_URL";

/// Everything, and the commands' own tests.
pub fn run_on_sqlite(paths: &Paths, report: &mut Report) {
    let runner = Runner::find();
    let mut without = &[FULL_DISK][..];
    match check_mounting() {
        Ok(()) => without = &[],
        Err(error) => report.fail(&format!("{error:#}")),
    }
    let mut tests = runner.command(&paths.root, &PACKAGES, &PACKAGES, without);
    report.add_runner(
        "tests on SQLite",
        runner.run(tests.env_remove(DATABASE_URL)),
    );
    // A build of its own: its dependencies would change the features of everyone else's.
    let mut commands = runner.command(&paths.root, &["xtask"], &["xtask"], &[]);
    report.add_runner("tests of the commands", runner.run(&mut commands));
}

/// Everything that stores.
pub fn run_on_postgres(paths: &Paths, report: &mut Report) {
    let postgres = match process::step("starting a throwaway PostgreSQL", Postgres::start) {
        Ok(postgres) => postgres,
        Err(error) => return report.fail(&format!("{error:#}")),
    };
    let runner = Runner::find();
    let mut tests = runner.command(&paths.root, &PACKAGES, &STORING, &[FULL_DISK]);
    tests.env(DATABASE_URL, postgres.admin_url());
    report.add_runner("tests on PostgreSQL", runner.run(&mut tests));
}

/// The test of a full disk does just this, and its failure would not say what mends it.
fn check_mounting() -> Result<()> {
    let may_mount = |namespaces: &[&str]| {
        let mount = ["mount", "-t", "tmpfs", "tmpfs", "/tmp"];
        process::succeeds(Command::new("unshare").args(namespaces).args(mount))
    };
    ensure!(
        may_mount(&["--user", "--map-root-user", "--mount"]) || may_mount(&["--mount"]),
        "the test of a full disk needs `unshare` and may not mount a file system for itself here: \
         run `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or in a container start \
         it with `--privileged`"
    );
    Ok(())
}

/// What runs the tests: cargo-nextest where it is installed, each test in its own process;
/// else cargo's own runner.
#[derive(Clone, Copy)]
enum Runner {
    Nextest,
    Cargo,
}

impl Runner {
    fn find() -> Self {
        if process::succeeds(Command::new("cargo").args(["nextest", "--version"])) {
            Self::Nextest
        } else {
            println!("cargo-nextest is not installed; the tests run with `cargo test`");
            Self::Cargo
        }
    }

    fn run(self, command: &mut Command) -> Result<(Vec<String>, Result<()>)> {
        match self {
            Self::Nextest => process::run_and_keep(command, closing::of_nextest),
            Self::Cargo => process::run_and_keep(command, closing::of_cargo_test),
        }
    }

    /// Builds `packages` together and runs the tests of those in `chosen`, except the targets in
    /// `without`.
    fn command(self, root: &Path, packages: &[&str], chosen: &[&str], without: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(root);
        let named = match self {
            Self::Nextest => {
                let named: Vec<_> = chosen
                    .iter()
                    .map(|package| format!("package(={package})"))
                    .collect();
                let mut filter = format!("({})", named.join(" | "));
                for target in without {
                    filter += &format!(" - binary(={target})");
                }
                command.args(["nextest", "run", "--no-fail-fast"]);
                command.args(["--filterset", &filter]);
                packages
            }
            Self::Cargo => {
                command.args(["test", "--no-fail-fast"]);
                chosen
            }
        };
        for package in named {
            command.args(["--package", package]);
        }
        if named.contains(&"app") {
            command.args(["--features", "app/ssr"]);
        }
        if matches!(self, Self::Cargo) && without.contains(&FULL_DISK) {
            // It leaves out by tests' names, not by targets'.
            command.args(["--", "--skip", "a_full_disk_"]);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_reuses_the_build_of_the_tests_on_sqlite_without_the_full_disk() {
        let arguments = |command: Command| -> Vec<String> {
            command
                .get_args()
                .map(|word| word.to_string_lossy().into_owned())
                .collect()
        };
        let root = Path::new("/");
        let sqlite = arguments(Runner::Nextest.command(root, &PACKAGES, &PACKAGES, &[]));
        let postgres = arguments(Runner::Nextest.command(root, &PACKAGES, &STORING, &[FULL_DISK]));
        assert_eq!(sqlite[5..], postgres[5..]);
        assert_eq!(
            postgres[4],
            "(package(=ledger) | package(=billing) | package(=server)) - binary(=full_disk)"
        );
    }
}

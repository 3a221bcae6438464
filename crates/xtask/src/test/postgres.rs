//! A PostgreSQL server of our own: made for a test run, reachable from this machine alone,
//! and gone with its directory afterwards.
//!
//! PostgreSQL refuses to run as root; there it runs as `nobody`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::process;

/// Tests run side by side, one a thread, each with a database and pools of its own; the most that a
/// server opens, with room for the tests' own connections.
const CONNECTIONS_A_TEST: usize = 40;
/// On a small machine the commands of a test, which open their own, would not fit.
const FEWEST_CONNECTIONS: usize = 300;

/// What the server needs.
const OLDEST: u32 = 15;

/// A running server; dropping it stops it and removes its directory.
pub struct Postgres {
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes and starts one.
    pub fn start() -> Result<Self> {
        let programs = find_programs()?;
        let name = format!("zerogpu-billing-postgres-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory)
            .with_context(|| format!("could not make {}", directory.display()))?;
        let postgres = Self {
            programs,
            directory,
            port: free_port()?,
        };
        postgres.give_directory_away()?;
        postgres.initialise()?;
        postgres.launch()?;
        Ok(postgres)
    }

    /// For making databases: its user may do everything.
    pub fn admin_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Where `psql` and its like are.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    fn give_directory_away(&self) -> Result<()> {
        if !process::is_root() {
            return Ok(());
        }
        let nobody = process::capture(Command::new("id").args(["--user", "nobody"]))?;
        let nobody = nobody
            .trim()
            .parse()
            .context("`id` did not print a number")?;
        std::os::unix::fs::chown(&self.directory, Some(nobody), None)?;
        Ok(())
    }

    fn initialise(&self) -> Result<()> {
        process::run(
            self.program("initdb")
                .arg("--pgdata")
                .arg(self.data())
                .args(["--auth", "trust", "--username", "postgres"])
                .args(["--encoding", "UTF8", "--no-locale", "--no-sync"])
                .stdout(Stdio::null()),
        )
    }

    /// The tests kill our server, never this machine: what PostgreSQL has handed to the
    /// kernel is safe enough here, so it does not wait for the disk.
    fn launch(&self) -> Result<()> {
        let settings = format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1 -c max_connections={} -c fsync=off",
            self.port,
            self.directory.display(),
            most_connections()
        );
        let log = self.directory.join("log");
        process::run(
            self.program("pg_ctl")
                .arg("--pgdata")
                .arg(self.data())
                .arg("--log")
                .arg(&log)
                .args(["--options", &settings, "--wait", "--silent", "start"]),
        )
        .with_context(|| fs::read_to_string(&log).unwrap_or_default())
    }

    /// One of PostgreSQL's programs, as a user that it accepts, in a directory it may read.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if process::is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "nobody", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.directory);
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // `spawn` refuses after a signal, and this must happen all the same.
        process::succeeds(
            self.program("pg_ctl")
                .arg("--pgdata")
                .arg(self.data())
                .args(["--mode", "immediate", "--wait", "--silent", "stop"]),
        );
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            eprintln!("could not remove {}: {error}", self.directory.display());
        }
    }
}

fn find_programs() -> Result<PathBuf> {
    let programs = match installed_programs() {
        Some(programs) => programs,
        None => install_programs()?,
    };
    let version = process::capture(Command::new(programs.join("initdb")).arg("--version"))?;
    let is_usable = major_version(&version).is_some_and(|major| major >= OLDEST);
    ensure!(
        is_usable,
        "the tests need PostgreSQL {OLDEST} or newer, and {} is {}: install a newer one, and put \
         its programs first in PATH",
        programs.display(),
        version.trim()
    );
    Ok(programs)
}

fn install_programs() -> Result<PathBuf> {
    ensure!(
        process::can_install_packages(),
        "PostgreSQL's programs are missing: run `sudo apt-get install postgresql`"
    );
    process::apt_install(&["postgresql"])?;
    installed_programs().context("Debian's postgresql did not bring `initdb`")
}

/// Debian keeps them apart by version and out of `PATH`.
fn installed_programs() -> Option<PathBuf> {
    if let Some(initdb) = process::find_program("initdb") {
        return initdb.parent().map(Path::to_owned);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = versions
        .flatten()
        .map(|version| version.path())
        .filter(|version| version.join("bin/initdb").exists());
    newest(programs).map(|version| version.join("bin"))
}

/// Of directories that are named by their version. As a text, `9.6` would be after `16`.
fn newest(versions: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    versions.max_by_key(|version| {
        let name = version.file_name().unwrap_or_default().to_string_lossy();
        name.split('.')
            .map(|part| part.parse::<u32>().unwrap_or_default())
            .collect::<Vec<_>>()
    })
}

/// `initdb (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` is 15, and so is `15beta1`.
fn major_version(version: &str) -> Option<u32> {
    let (_, number) = version.split_once("(PostgreSQL) ")?;
    let digits = number.split(|character: char| !character.is_ascii_digit());
    digits.into_iter().next()?.parse().ok()
}

fn most_connections() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (threads * CONNECTIONS_A_TEST).max(FEWEST_CONNECTIONS)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("there is no free port")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_several_versions_is_found_by_its_number() {
        let installed = ["9.6", "16", "13"].map(PathBuf::from);
        assert_eq!(newest(installed.into_iter()), Some(PathBuf::from("16")));
        assert_eq!(newest(std::iter::empty()), None);
    }

    #[test]
    fn postgresqls_version_is_read() {
        let debian = "initdb (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n";
        assert_eq!(major_version(debian), Some(15));
        assert_eq!(major_version("initdb (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(major_version("initdb (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_version("initdb 15"), None);
    }
}

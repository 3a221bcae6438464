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

/// Debian keeps them apart by version and out of `PATH`.
fn find_programs() -> Result<PathBuf> {
    if let Some(programs) = installed_programs() {
        return Ok(programs);
    }
    ensure!(
        process::can_install_packages(),
        "PostgreSQL's programs are missing: run `sudo apt-get install postgresql`"
    );
    process::apt_install(&["postgresql"])?;
    installed_programs().context("Debian's postgresql did not bring `initdb`")
}

fn installed_programs() -> Option<PathBuf> {
    if let Some(initdb) = process::find_program("initdb") {
        return initdb.parent().map(Path::to_owned);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|programs| programs.join("initdb").exists())
        .max()
}

fn most_connections() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (threads * CONNECTIONS_A_TEST).max(FEWEST_CONNECTIONS)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("there is no free port")?;
    Ok(listener.local_addr()?.port())
}

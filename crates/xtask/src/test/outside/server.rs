//! A server with the demo organization, for programs that are not ours to talk to.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::paths::Paths;
use crate::process;
use crate::ready::is_ready;
use crate::site::Mode;
use crate::test::postgres::Postgres;

const LONGEST_START: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// The line of JSON that `zerogpu-billing seed` prints.
#[derive(Debug, Deserialize)]
pub struct Demo {
    pub email: String,
    pub password: String,
    pub organization_id: String,
    pub project_id: String,
    pub api_key: String,
}

/// A running server on a database of its own. Dropping it ends it and removes its directory.
pub struct Server {
    pub url: String,
    addr: SocketAddr,
    pub demo: Demo,
    /// For whatever a check writes; it goes away with the server.
    pub scratch: PathBuf,
    binary: PathBuf,
    /// How a subcommand finds the data.
    data: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// With 30 days of history, on PostgreSQL if one is given.
    pub fn start(paths: &Paths, postgres: Option<&Postgres>) -> Result<Self> {
        let site = paths.site(Mode::Release);
        Self::start_program(paths.server("debug"), Some(&site), postgres)
    }

    /// The same of another build of the program; without a site it has its own.
    pub fn start_program(
        binary: PathBuf,
        site: Option<&Path>,
        postgres: Option<&Postgres>,
    ) -> Result<Self> {
        let label = postgres.map_or("sqlite", |_| "postgres");
        let name = format!("zerogpu-billing-outside-{label}-{}", std::process::id());
        let scratch = std::env::temp_dir().join(name);
        let addr = free_address()?;
        let data = vec![
            "--data".to_owned(),
            scratch.join("data").display().to_string(),
        ];
        fs::create_dir(&scratch)
            .with_context(|| format!("could not make {}", scratch.display()))?;
        // From here on its end removes the directory, whatever fails.
        let mut server = Self {
            url: format!("http://{addr}"),
            addr,
            demo: Demo {
                email: String::new(),
                password: String::new(),
                organization_id: String::new(),
                project_id: String::new(),
                api_key: String::new(),
            },
            scratch,
            binary,
            data,
            child: None,
        };
        if let Some(postgres) = postgres {
            let database = make_database(postgres)?;
            server.data.extend(["--database-url".to_owned(), database]);
        }
        let addr = addr.to_string();
        let printed = process::capture(server.command(&["seed"]).args(["--addr", &addr]))?;
        let line = printed.lines().last().context("`seed` printed nothing")?;
        server.demo = serde_json::from_str(line).context("`seed` did not end in JSON")?;
        let log = File::create(server.scratch.join("log"))?;
        let mut serve = server.command(&["serve"]);
        serve
            .args(["--addr", &addr])
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(site) = site {
            serve.arg("--site").arg(site);
        }
        server.child = Some(process::spawn(&mut serve)?);
        server.wait_until_ready()?;
        Ok(server)
    }

    /// A subcommand on this server's data. Our own settings would contradict its arguments.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        process::without_settings(&mut command)
            .args(words)
            .args(&self.data);
        command
    }

    /// Gives a check's program what it needs to know of this server.
    pub fn told_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("BILLING_URL", &self.url)
            .env("BILLING_API_KEY", &self.demo.api_key)
            .env("BILLING_ORGANIZATION_ID", &self.demo.organization_id)
            .env("BILLING_PROJECT_ID", &self.demo.project_id)
            .current_dir(&self.scratch)
    }

    /// Ends it as an operator would, and proves the books that it leaves behind.
    pub fn stop(mut self) -> Result<()> {
        self.end()?;
        process::run(&mut self.command(&["prove"]))
    }

    fn end(&mut self) -> Result<()> {
        let Some(child) = self.child.take() else {
            return Ok(());
        };
        process::terminate(child.id());
        let status = process::wait(child)?;
        ensure!(
            status.success(),
            "the server ended with {status}\n{}",
            self.log()
        );
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while !is_ready(self.addr) {
            let ended = match &mut self.child {
                Some(child) => child.try_wait()?.is_some(),
                None => true,
            };
            if ended || started.elapsed() > LONGEST_START || process::interrupted() {
                bail!("the server did not become ready\n{}", self.log());
            }
            std::thread::sleep(ASK_EVERY);
        }
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error:#}");
        }
        remove(&self.scratch);
    }
}

fn remove(directory: &Path) {
    if let Err(error) = fs::remove_dir_all(directory) {
        eprintln!("could not remove {}: {error}", directory.display());
    }
}

pub(super) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("there is no free port")?;
    Ok(listener.local_addr()?)
}

/// A new database on the throwaway server, and its address.
fn make_database(postgres: &Postgres) -> Result<String> {
    let (name, admin) = ("outside", postgres.admin_url());
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(postgres.programs().to_owned());
    let path = std::env::join_paths(directories.chain(std::env::split_paths(&inherited)))?;
    process::run(
        Command::new("psql")
            .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"])
            .args(["--command", &format!("create database {name}"), &admin])
            .env("PATH", path),
    )?;
    let (server, _) = admin.rsplit_once('/').context("the address has no path")?;
    Ok(format!("{server}/{name}"))
}

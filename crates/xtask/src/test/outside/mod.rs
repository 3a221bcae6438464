//! Programs that are not ours, against a running server: what they believe of us must be true.
//!
//! - LiteLLM reports what it used, with its own callback.
//! - schemathesis makes requests of the API's description and holds the answers against it.
//! - Beancount checks the exported journal and adds up its balances.
//!
//! On both databases: each program once on a server of its own, which proves its books at the end.
//! First Stripe's libraries and Stripe's own OpenAPI on the sandbox, which has its own store.

mod gateway;
mod node;
mod python;
pub(super) mod server;

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use self::python::Environment;
use self::server::Server;
use super::Report;
use super::postgres::Postgres;
use crate::paths::Paths;
use crate::process;
use crate::site::{self, Mode};

/// Requests that are generated for each operation, beside those that the description's limits
/// suggest.
const EXAMPLES: &str = "50";

/// The programs, installed.
struct Programs {
    litellm: Environment,
    schemathesis: Environment,
    beancount: Environment,
}

/// Everything that others hold us to.
pub fn run(paths: &Paths, report: &mut Report) {
    gateway::run(paths, report);
    let programs = match prepare(paths) {
        Ok(programs) => programs,
        Err(error) => return report.fail(&format!("{error:#}")),
    };
    run_on("SQLite", &programs, || Server::start(paths, None), report);
    let postgres = match process::step("starting a throwaway PostgreSQL", Postgres::start) {
        Ok(postgres) => postgres,
        Err(error) => return report.fail(&format!("{error:#}")),
    };
    let start = || Server::start(paths, Some(&postgres));
    run_on("PostgreSQL", &programs, start, report);
}

/// Builds what is checked and fetches what checks it.
fn prepare(paths: &Paths) -> Result<Programs> {
    site::build(paths, Mode::Release)?;
    site::build_server(paths)?;
    Ok(Programs {
        litellm: Environment::prepare(paths, "litellm")?,
        schemathesis: Environment::prepare(paths, "schemathesis")?,
        beancount: Environment::prepare(paths, "beancount")?,
    })
}

fn run_on(
    database: &str,
    programs: &Programs,
    start: impl FnOnce() -> Result<Server>,
    report: &mut Report,
) {
    let server = match process::step(&format!("starting a server on {database}"), start) {
        Ok(server) => server,
        Err(error) => return report.fail(&format!("{error:#}")),
    };
    report.check(&format!("LiteLLM reports usage ({database})"), || {
        let script = programs.litellm.checks.join("report.py");
        let mut python = programs.litellm.program("python");
        process::run(server.told_to(python.arg(script)))
    });
    report.check(
        &format!("schemathesis on the description ({database})"),
        || {
            let mut command = schemathesis(&programs.schemathesis, &server.url);
            process::run(server.told_to(&mut command))
        },
    );
    // Last: the journal has what the others left behind.
    report.check(&format!("Beancount on the journal ({database})"), || {
        check_journal(&programs.beancount, &server)
    });
    report.check(&format!("the books prove after it ({database})"), || {
        server.stop()
    });
}

/// The same requests on every run: a failure can be looked into, and a pass means the same twice.
fn schemathesis(environment: &Environment, url: &str) -> Command {
    let config = environment.checks.join("schemathesis.toml");
    let mut command = environment.program("schemathesis");
    command
        .arg("--config-file")
        .arg(config)
        .args(["run", &format!("{url}/openapi.json"), "--no-color"])
        .args(["--generation-deterministic", "--max-examples", EXAMPLES])
        .args(["--warnings", "off"])
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", &environment.checks);
    command
}

fn check_journal(environment: &Environment, server: &Server) -> Result<()> {
    let journal = server.scratch.join("books.beancount");
    export(server, &journal)?;
    process::run(environment.program("bean-check").arg(&journal))?;
    let script = environment.checks.join("balances.py");
    let mut python = environment.program("python");
    process::run(server.told_to(python.arg(script).arg(&journal)))
}

fn export(server: &Server, journal: &Path) -> Result<()> {
    let mut command = server.command(&["export", "beancount"]);
    process::run(command.stdout(File::create(journal)?))
}

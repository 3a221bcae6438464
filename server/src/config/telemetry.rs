//! What is logged, and how.

use clap::{Args, ValueEnum};

/// Logs go to standard error, so that what a command prints stays clean.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct TelemetryConfig {
    /// How log lines are written [default: pretty on a terminal, json otherwise]
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        env = "BILLING_LOG_FORMAT",
        global = true
    )]
    pub log_format: Option<LogFormat>,

    /// What is logged, such as `warn,billing=debug` [default: info for serve, warn otherwise]
    #[arg(long, value_name = "FILTER", env = "BILLING_LOG", global = true)]
    pub log: Option<String>,
}

/// For a person, or for a machine that collects logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Pretty,
    Json,
}

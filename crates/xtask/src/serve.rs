//! `cargo xtask serve`: everything built, a demo organization, and the server in front.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;

use crate::paths::Paths;
use crate::process;
use crate::site::{self, Mode};

/// Where the data is kept unless said otherwise.
pub const DEFAULT_DATA: &str = "data";

/// What a person may choose.
#[derive(Args, Debug)]
pub struct Options {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:3000")]
    addr: String,
    /// The directory for everything that is kept; from the project's own, unless it is absolute.
    #[arg(long, default_value = DEFAULT_DATA)]
    data: PathBuf,
    /// A PostgreSQL database (`postgres://…`) instead of an SQLite file in the data directory.
    #[arg(long)]
    database_url: Option<String>,
    /// A demo organization without 30 days of history.
    #[arg(long)]
    empty: bool,
}

/// The line of JSON that `zerogpu-billing seed` prints.
#[derive(Debug, Deserialize)]
pub struct Seeded {
    url: String,
    email: String,
    password: String,
    api_key: String,
}

/// Builds, makes the demo organization and becomes the server.
pub fn run(paths: &Paths, options: &Options) -> Result<()> {
    site::build(paths, Mode::Release)?;
    site::build_server(paths)?;
    let seeded = seed(paths, options)?;
    print!("{}", seeded.introduction());
    std::io::stdout().flush()?;
    // Whoever asked to stop while the demo was made does not want a server.
    ensure!(!process::interrupted(), "stopped by a signal");
    // The server takes this process over, so every signal reaches it as it is, and whoever
    // waits for the command waits for its graceful end.
    let error = command(paths, options, Mode::Release).exec();
    Err(error).context("could not start the server")
}

/// The server's `serve` with the site of a mode, ready to be started.
pub fn command(paths: &Paths, options: &Options, mode: Mode) -> Command {
    let mut command = subcommand("serve", paths, options);
    command.arg("--site").arg(paths.site(mode));
    if mode == Mode::Development {
        command.arg("--dev");
    }
    command
}

/// Makes the demo organization, or finds it where an earlier run made it.
pub fn seed(paths: &Paths, options: &Options) -> Result<Seeded> {
    let mut command = subcommand("seed", paths, options);
    if options.empty {
        command.arg("--empty");
    }
    let printed = process::step("making the demo organization", || {
        process::capture(&mut command)
    })?;
    Seeded::parse(&printed)
}

fn subcommand(name: &str, paths: &Paths, options: &Options) -> Command {
    let mut command = Command::new(paths.server("debug"));
    command
        .arg(name)
        .args(["--addr", &options.addr])
        .arg("--data")
        .arg(paths.in_root(&options.data));
    if let Some(url) = &options.database_url {
        command.args(["--database-url", url]);
    }
    command
}

impl Seeded {
    fn parse(printed: &str) -> Result<Self> {
        let line = printed
            .lines()
            .last()
            .context("`zerogpu-billing seed` printed nothing")?;
        serde_json::from_str(line).context("`zerogpu-billing seed` did not end in a line of JSON")
    }

    /// What a person needs to begin. The shell makes the event's id, so that every run of the
    /// line is another request.
    pub fn introduction(&self) -> String {
        let Self {
            url,
            email,
            password,
            api_key,
        } = self;
        let url = url.trim_end_matches('/');
        format!(
            r#"
ZeroGPU Billing   {url}
  sign in with    {email}
  password        {password}

Report a request's usage, and see the balance fall by its exact price:

  curl -X POST {url}/v1/events -H 'x-api-key: {api_key}' -H 'content-type: application/json' -d '{{"specversion":"1.0","id":"'$(date +%s%N)'","source":"/curl","type":"inference.request","data":{{"model":"gpt-oss-120b","input_tokens":112,"output_tokens":44}}}}'

Ctrl-C stops it.

"#
        )
    }
}

/// Whether a person is asked before something is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    Ask,
    Given,
}

/// Removes what `serve` keeps, after saying what that is.
pub fn clean_data(data: &Path, consent: Consent) -> Result<()> {
    if !data.exists() {
        println!(
            "there is nothing to remove: {} does not exist",
            data.display()
        );
        return Ok(());
    }
    let files = site::files_under(data)?;
    if !files.is_empty() && !files.iter().any(|file| is_database(file)) {
        bail!(
            "{} holds no database of ours; remove it by hand",
            data.display()
        );
    }
    println!("this removes {}:", std::path::absolute(data)?.display());
    for file in &files {
        println!("  {} ({} bytes)", file.display(), file.metadata()?.len());
    }
    if consent == Consent::Ask && !agreed()? {
        println!("nothing was removed");
        return Ok(());
    }
    std::fs::remove_dir_all(data)?;
    println!("removed");
    Ok(())
}

/// Guards against `--data` naming a directory that was never ours.
fn is_database(file: &Path) -> bool {
    file.extension()
        .is_some_and(|kind| kind == "db" || kind == "sqlite" || kind == "sqlite3")
}

fn agreed() -> Result<bool> {
    print!("remove it? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"url":"http://127.0.0.1:3000","email":"owner@example.com","password":"a long password","organization_id":"o","project_id":"p","api_key":"zgpu-1"}"#;

    #[test]
    fn the_last_line_of_seed_is_what_counts() {
        let seeded = Seeded::parse(&format!("a remark\n{LINE}\n")).unwrap();
        assert_eq!(seeded.email, "owner@example.com");
    }

    #[test]
    fn the_introduction_has_a_curl_that_reports_usage() {
        let text = Seeded::parse(LINE).unwrap().introduction();
        assert!(
            text.contains("curl -X POST http://127.0.0.1:3000/v1/events"),
            "{text}"
        );
        assert!(text.contains("-H 'x-api-key: zgpu-1'"), "{text}");
        assert!(
            text.contains(
                r#""data":{"model":"gpt-oss-120b","input_tokens":112,"output_tokens":44}}'"#
            ),
            "{text}"
        );
    }
}

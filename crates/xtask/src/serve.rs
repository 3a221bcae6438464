//! `cargo xtask serve`: everything built, a demo organization, and the server in front.

use std::io::Write;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::options::Options;
use crate::paths::Paths;
use crate::process;
use crate::ready::is_ready;
use crate::site::{self, Mode};

/// How often a server that starts is asked whether it answers.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// The line of JSON that `zerogpu-billing seed` prints.
#[derive(Debug, Deserialize)]
pub struct Seeded {
    url: String,
    email: String,
    password: String,
    api_key: String,
}

/// Builds, makes the demo organization, serves it, and says so once the server answers.
pub fn run(paths: &Paths, options: &Options) -> Result<()> {
    options.check(paths)?;
    site::build(paths, Mode::Release)?;
    site::build_server(paths)?;
    let seeded = seed(paths, options)?;
    // Whoever asked to stop while the demo was made does not want a server.
    let mut server = process::spawn(&mut command(paths, options, Mode::Release))?;
    if answers(&mut server, options)? {
        print!("{}", seeded.introduction(paths));
        std::io::stdout().flush()?;
    }
    // Every signal is passed on to it, and whoever waits for the command waits for its graceful end.
    let status = process::wait(server)?;
    ensure!(status.success(), "the server ended with {status}");
    Ok(())
}

/// Waits until a server answers; `false` when it ended before.
pub fn answers(server: &mut Child, options: &Options) -> Result<bool> {
    while server.try_wait()?.is_none() {
        if is_ready(options.reachable()) {
            return Ok(true);
        }
        std::thread::sleep(ASK_EVERY);
    }
    Ok(false)
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
    process::without_settings(&mut command)
        .arg(name)
        .args(["--addr", &options.addr.to_string()])
        .arg("--data")
        .arg(paths.in_root(&options.data));
    if let Some(url) = &options.database_url {
        // It may hold a password: arguments are in the list of processes, and in our own errors.
        command.env("BILLING_DATABASE_URL", url);
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
    pub fn introduction(&self, paths: &Paths) -> String {
        let Self {
            url,
            email,
            password,
            api_key,
        } = self;
        let url = url.trim_end_matches('/');
        let program = paths.server("debug");
        let program = program.display();
        format!(
            r#"
ZeroGPU Billing   {url}
  sign in with    {email}
  password        {password}
  other commands  {program} help

Report a request's usage from another terminal, and see the balance fall by its exact price:

  export API_KEY={api_key}
  curl -X POST {url}/v1/events -H "x-api-key: $API_KEY" -H 'content-type: application/json' -d '{{"specversion":"1.0","id":"'$(date +%s%N)'","source":"/curl","type":"inference.request","data":{{"model":"gpt-oss-120b","input_tokens":112,"output_tokens":44}}}}'

Ctrl-C stops it.

"#
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;
    use crate::options::DEFAULT_DATA;

    const LINE: &str = r#"{"url":"http://127.0.0.1:3000","email":"owner@example.com","password":"a long password","organization_id":"o","project_id":"p","api_key":"zgpu-1"}"#;

    #[test]
    fn a_server_is_introduced_once_it_answers_and_not_when_it_ended() {
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let options = Options {
            addr: door.local_addr().unwrap(),
            data: DEFAULT_DATA.into(),
            database_url: None,
            empty: true,
        };
        let program = |script: &str| Command::new("sh").args(["-c", script]).spawn().unwrap();
        let mut ended = program("exit 1");
        ended.wait().unwrap();
        assert!(!answers(&mut ended, &options).unwrap());

        let answering = std::thread::spawn(move || {
            let (mut stream, _) = door.accept().unwrap();
            // To the empty line: what is not read when it closes would take the answer with it.
            let lines: Vec<_> = BufReader::new(&stream)
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
            lines
        });
        let mut serving = program("exec sleep 60");
        assert!(answers(&mut serving, &options).unwrap());
        let asked = answering.join().unwrap();
        assert!(asked[0].starts_with("GET /readyz "), "{asked:?}");
        process::terminate(serving.id());
        serving.wait().unwrap();
    }

    #[test]
    fn a_databases_password_is_in_no_argument_and_in_no_failure() {
        let options = Options {
            addr: "127.0.0.1:3000".parse().unwrap(),
            data: DEFAULT_DATA.into(),
            database_url: Some("postgres://billing:hunter2@db/billing".into()),
            empty: true,
        };
        let mut paths = Paths::find().unwrap();
        // Nothing is built there, so that whatever is run fails.
        paths.target = "/nowhere".into();
        let told = format!("{:#}", seed(&paths, &options).unwrap_err());
        assert!(
            told.contains(" seed ") && !told.contains("hunter2"),
            "{told}"
        );
        let command = command(&paths, &options, Mode::Release);
        let given = |name: &str| command.get_envs().find(|(given, _)| *given == name);
        assert_eq!(
            given("BILLING_DATABASE_URL").and_then(|(_, url)| url),
            options.database_url.as_deref().map(AsRef::as_ref)
        );
        assert!(
            !command
                .get_args()
                .any(|word| word.to_string_lossy().contains("hunter2"))
        );
    }

    #[test]
    fn the_last_line_of_seed_is_what_counts() {
        let seeded = Seeded::parse(&format!("a remark\n{LINE}\n")).unwrap();
        assert_eq!(seeded.email, "owner@example.com");
    }

    #[test]
    fn the_introduction_has_a_curl_that_reports_usage() {
        let paths = Paths::find().unwrap();
        let text = Seeded::parse(LINE).unwrap().introduction(&paths);
        assert!(
            text.contains("curl -X POST http://127.0.0.1:3000/v1/events"),
            "{text}"
        );
        assert!(text.contains("export API_KEY=zgpu-1\n"), "{text}");
        assert!(text.contains(r#"-H "x-api-key: $API_KEY""#), "{text}");
        assert!(text.contains("/zerogpu-billing help\n"), "{text}");
        assert!(
            text.contains(
                r#""data":{"model":"gpt-oss-120b","input_tokens":112,"output_tokens":44}}'"#
            ),
            "{text}"
        );
    }
}

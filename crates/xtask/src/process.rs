//! Running other programs: their output is shown as it comes, a failure names the command,
//! and a signal to this process reaches them too.
//!
//! Does not own what is run or in which order.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

/// How the names of the server's settings begin.
const SETTINGS: &str = "BILLING_";

/// Set by the first signal; every later step refuses to start.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Process ids of the children that run now, so that a signal can be passed on.
static CHILDREN: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Makes SIGINT, SIGTERM and SIGHUP end the children instead of this process, so that what a
/// step started (a database, a directory) is removed on the way out.
pub fn install_signal_handler() -> Result<()> {
    ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        for id in children().iter() {
            terminate(*id);
        }
    })
    .context("could not install the signal handler")
}

/// Whether a signal asked us to stop.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Runs a command to its end, its output shown. An error names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = describe(command);
    let status = wait(spawn(command)?)?;
    ensure!(!interrupted(), "stopped by a signal");
    ensure!(status.success(), "`{shown}` failed ({status})");
    Ok(())
}

/// Runs a command to its end, its output shown, and returns the lines that `keep` chooses,
/// without colours. The lines come back even when the command fails.
pub fn run_and_keep(
    command: &mut Command,
    keep: impl Fn(&str) -> bool,
) -> Result<(Vec<String>, Result<()>)> {
    let shown = describe(command);
    let (reader, writer) = io::pipe()?;
    if io::stdout().is_terminal() {
        // A pipe would make them think that nobody looks.
        command
            .env("CARGO_TERM_COLOR", "always")
            .env("FORCE_COLOR", "1");
    }
    command.stdout(writer.try_clone()?).stderr(writer);
    let child = spawn(command)?;
    // The command holds our ends of the pipe; they must close for the reading to end.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let mut kept = Vec::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        let plain = without_colours(&line);
        if keep(&plain) {
            kept.push(plain);
        }
    }
    let status = wait(child)?;
    let ended = match (interrupted(), status.success()) {
        (true, _) => Err(anyhow!("stopped by a signal")),
        (false, true) => Ok(()),
        (false, false) => Err(anyhow!("`{shown}` failed ({status})")),
    };
    Ok((kept, ended))
}

/// Runs a command to its end and returns what it wrote to its standard output.
/// What it writes to its standard error is shown.
pub fn capture(command: &mut Command) -> Result<String> {
    let shown = describe(command);
    let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let id = child.id();
    let output = child.wait_with_output();
    children().retain(|child| *child != id);
    let output = output.with_context(|| format!("could not wait for `{shown}`"))?;
    ensure!(!interrupted(), "stopped by a signal");
    ensure!(
        output.status.success(),
        "`{shown}` failed ({})",
        output.status
    );
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` did not print UTF-8"))
}

/// Takes the person's own `BILLING_*` away from a command: a server that we start has what we say,
/// and reaches neither a database nor a gateway that was meant for something else.
pub fn without_settings(command: &mut Command) -> &mut Command {
    without_settings_of(command, std::env::vars_os().map(|(name, _)| name))
}

fn without_settings_of(
    command: &mut Command,
    names: impl IntoIterator<Item = OsString>,
) -> &mut Command {
    for name in names {
        if name.as_encoded_bytes().starts_with(SETTINGS.as_bytes()) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end and tells whether it succeeded; nothing is shown.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Starts a command and registers it for signals; [`wait`] takes it off the list.
pub fn spawn(command: &mut Command) -> Result<Child> {
    if interrupted() {
        bail!("stopped by a signal");
    }
    let child = command
        .spawn()
        .with_context(|| format!("could not start `{}`", describe(command)))?;
    children().push(child.id());
    Ok(child)
}

/// Waits for a child that [`spawn`] started.
pub fn wait(mut child: Child) -> Result<std::process::ExitStatus> {
    let status = child.wait().context("could not wait for a child process");
    children().retain(|id| *id != child.id());
    status
}

/// Asks a process to end, as `kill` does.
pub fn terminate(id: u32) {
    let id = i32::try_from(id)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id {
        // It may have ended by itself a moment ago, which is just as good.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
}

/// Says what begins, does it, and says how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    ensure!(!interrupted(), "{what}: stopped by a signal");
    println!("{what}…");
    let started = Instant::now();
    let value = work().with_context(|| format!("{what}: failed"))?;
    println!("{what}… {}", seconds(started.elapsed()));
    Ok(value)
}

/// A duration for people: `0.3 s`, `41 s`, `2 min 5 s`.
pub fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!(
            "{}.{} s",
            duration.as_secs(),
            duration.subsec_millis() / 100
        ),
        total @ 10..120 => format!("{total} s"),
        total => format!("{} min {} s", total / 60, total % 60),
    }
}

/// The file that a bare program name means on this machine.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| is_file(file))
}

/// Whether we may install packages and must not run a database as ourselves.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Installs Debian's packages. Only called where [`can_install_packages`] holds.
pub fn apt_install(packages: &[&str]) -> Result<()> {
    let apt = || {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args([
                "-qq",
                "-o",
                "DPkg::Lock::Timeout=600",
                "-o",
                "Dpkg::Use-Pty=0",
            ])
            .stdin(Stdio::null());
        command
    };
    step(
        &format!("installing Debian's {}", packages.join(", ")),
        || {
            run(apt().arg("update"))?;
            run(apt()
                .args(["install", "--yes", "--no-install-recommends"])
                .args(packages))
        },
    )
}

/// Whether missing programs can be fetched from Debian.
pub fn can_install_packages() -> bool {
    is_root() && find_program("apt-get").is_some()
}

/// A terminal's colour sequences run from ESC `[` to a letter.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}

fn children() -> std::sync::MutexGuard<'static, Vec<u32>> {
    CHILDREN
        .lock()
        .expect("the list is never left half-changed")
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` failed (exit status: 3)");
    }

    #[test]
    fn kept_lines_come_back_from_a_command_that_fails() {
        let script = "printf '\\033[32m1 passed\\033[0m\\n'; echo noise >&2; exit 1";
        let (kept, ended) = run_and_keep(Command::new("sh").args(["-c", script]), |line| {
            line.contains("passed")
        })
        .unwrap();
        assert_eq!(kept, ["1 passed"]);
        assert!(
            ended
                .unwrap_err()
                .to_string()
                .ends_with("failed (exit status: 1)")
        );
    }

    #[test]
    fn a_servers_settings_are_what_we_give_it_and_not_what_the_person_has() {
        let mut command = Command::new("true");
        let names = ["BILLING_STRIPE_SECRET_KEY", "BILLING_DATABASE_URL", "PATH"];
        without_settings_of(&mut command, names.map(OsString::from))
            .env("BILLING_DATABASE_URL", "ours");
        let changed: Vec<_> = command.get_envs().collect();
        assert_eq!(
            changed,
            [
                (OsStr::new("BILLING_DATABASE_URL"), Some(OsStr::new("ours"))),
                (OsStr::new("BILLING_STRIPE_SECRET_KEY"), None),
            ]
        );
    }

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(seconds(Duration::from_millis(349)), "0.3 s");
        assert_eq!(seconds(Duration::from_millis(41_900)), "41 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
    }
}

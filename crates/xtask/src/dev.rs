//! `cargo xtask dev`: rebuilds and restarts when a file changes, and the browser follows.
//!
//! The server's `--dev` gives every page a listener that reloads once the server answers again.

use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result};
use notify::{Event, EventKind, RecursiveMode, Watcher};

use crate::paths::Paths;
use crate::process;
use crate::serve::{self, Options};
use crate::site::{self, Mode};

const WATCHED: [&str; 7] = [
    "app",
    "crates",
    "frontend",
    "migrations",
    "public",
    "server",
    "style",
];

/// An editor writes several files for one save; this long without another is one change.
const QUIET: Duration = Duration::from_millis(200);

/// How often a signal is looked for while nothing changes.
const TICK: Duration = Duration::from_millis(250);

/// Builds and serves until a signal comes.
pub fn run(paths: &Paths, options: &Options) -> Result<()> {
    let (sender, changes) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| is_change(&event)) {
            // The receiver is gone only when the command ends.
            let _ = sender.send(());
        }
    })?;
    for name in WATCHED {
        let directory = paths.root.join(name);
        watcher
            .watch(&directory, RecursiveMode::Recursive)
            .with_context(|| format!("could not watch {}", directory.display()))?;
    }

    let mut server = None;
    while !process::interrupted() {
        match rebuild(paths) {
            Ok(()) => server = Some(restart(paths, options, server.take())?),
            Err(error) => eprintln!("error: {error:#}\nwaiting for a change"),
        }
        wait_for_change(&changes);
    }
    server.map_or(Ok(()), stop)
}

fn rebuild(paths: &Paths) -> Result<()> {
    site::build(paths, Mode::Development)?;
    site::build_server(paths)
}

/// The old server keeps answering until the new one is built.
fn restart(paths: &Paths, options: &Options, old: Option<Child>) -> Result<Child> {
    let is_first = old.is_none();
    old.map_or(Ok(()), stop)?;
    if is_first {
        print!("{}", serve::seed(paths, options)?.introduction());
    }
    process::spawn(&mut serve::command(paths, options, Mode::Development))
}

fn stop(server: Child) -> Result<()> {
    process::terminate(server.id());
    process::wait(server)?;
    Ok(())
}

/// Returns after a change has come to rest, or after a signal.
fn wait_for_change(changes: &Receiver<()>) {
    while !process::interrupted() {
        match changes.recv_timeout(TICK) {
            Ok(()) => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
    while changes.recv_timeout(QUIET).is_ok() {}
}

/// Reading a file is an event too, and our own build reads every one of them.
fn is_change(event: &Event) -> bool {
    let changes = matches!(
        event.kind,
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
    );
    changes && event.paths.iter().any(|path| !is_scratch(path))
}

/// What editors leave beside a file while they save it.
fn is_scratch(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.starts_with('#') || name.ends_with('~') || name.ends_with(".swp")
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, CreateKind};

    #[test]
    fn a_saved_file_is_a_change_and_a_read_one_is_not() {
        let event = |kind| Event::new(kind).add_path("app/src/lib.rs".into());
        assert!(is_change(&event(EventKind::Create(CreateKind::File))));
        assert!(!is_change(&event(EventKind::Access(AccessKind::Any))));
    }

    #[test]
    fn an_editors_scratch_file_is_not_a_change() {
        let kind = EventKind::Create(CreateKind::File);
        assert!(!is_change(
            &Event::new(kind).add_path("app/src/.lib.rs.swp".into())
        ));
    }
}

//! `cargo xtask dev`: rebuilds and restarts when a file changes, and the browser follows.
//!
//! The server's `--dev` gives every page a listener that reloads once the server answers again.

use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result};
use notify::{Event, EventKind, RecursiveMode, Watcher};

use crate::options::Options;
use crate::paths::Paths;
use crate::process;
use crate::serve;
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

/// Of what lies in the root itself, only these are built from.
const WATCHED_FILES: [&str; 2] = ["Cargo.lock", "Cargo.toml"];

/// An editor writes several files for one save; this long without another is one change.
const QUIET: Duration = Duration::from_millis(200);

/// How often a signal is looked for while nothing changes.
const TICK: Duration = Duration::from_millis(250);

/// Builds and serves until a signal comes.
pub fn run(paths: &Paths, options: &Options) -> Result<()> {
    options.check(paths)?;
    let (sender, changes) = mpsc::channel();
    let root = paths.root.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| is_change(&event, &root)) {
            // The receiver is gone only when the command ends.
            let _ = sender.send(());
        }
    })?;
    let directories = WATCHED.map(|name| (paths.root.join(name), RecursiveMode::Recursive));
    // Not the files themselves: an editor puts another one in the place of each.
    let root = (paths.root.clone(), RecursiveMode::NonRecursive);
    for (directory, mode) in directories.into_iter().chain([root]) {
        watcher
            .watch(&directory, mode)
            .with_context(|| format!("could not watch {}", directory.display()))?;
    }

    let mut running = Running::default();
    while !process::interrupted() {
        let restarted = rebuild(paths).and_then(|()| running.restart(paths, options));
        if let Err(error) = restarted {
            eprintln!("error: {error:#}\nwaiting for a change");
        }
        wait_for_change(&changes);
    }
    running.stop()
}

/// The server of the newest build that succeeded.
#[derive(Default)]
struct Running {
    server: Option<Child>,
    /// The demo's, once it is made.
    introduction: Option<String>,
    is_introduced: bool,
}

impl Running {
    /// The old server keeps answering until the new one is built.
    fn restart(&mut self, paths: &Paths, options: &Options) -> Result<()> {
        self.stop()?;
        let introduction = match self.introduction.take() {
            Some(introduction) => introduction,
            None => serve::seed(paths, options)?.introduction(paths),
        };
        let mut command = serve::command(paths, options, Mode::Development);
        let server = self.server.insert(process::spawn(&mut command)?);
        if serve::answers(server, options)? && !self.is_introduced {
            print!("{introduction}");
            self.is_introduced = true;
        }
        self.introduction = Some(introduction);
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        if let Some(server) = self.server.take() {
            process::terminate(server.id());
            process::wait(server)?;
        }
        Ok(())
    }
}

fn rebuild(paths: &Paths) -> Result<()> {
    site::build(paths, Mode::Development)?;
    site::build_server(paths)
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
fn is_change(event: &Event, root: &Path) -> bool {
    let changes = matches!(
        event.kind,
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
    );
    changes
        && event
            .paths
            .iter()
            .any(|path| is_source(path, root) && !is_scratch(path))
}

fn is_source(path: &Path, root: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.parent() != Some(root) || WATCHED_FILES.contains(&name.as_ref())
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
        let root = Path::new("/project");
        let event = |kind| Event::new(kind).add_path("/project/app/src/lib.rs".into());
        let created = EventKind::Create(CreateKind::File);
        assert!(is_change(&event(created), root));
        assert!(!is_change(&event(EventKind::Access(AccessKind::Any)), root));
        let in_root = |name: &str| Event::new(created).add_path(root.join(name));
        assert!(is_change(&in_root("Cargo.toml"), root));
        assert!(!is_change(&in_root("target"), root));
    }

    #[test]
    fn an_editors_scratch_file_is_not_a_change() {
        let kind = EventKind::Create(CreateKind::File);
        let event = Event::new(kind).add_path("/project/app/src/.lib.rs.swp".into());
        assert!(!is_change(&event, Path::new("/project")));
    }
}

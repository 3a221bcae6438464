//! `cargo xtask clean-data`: removes what `serve` keeps in its data directory.
//!
//! Owns which files those are. Whatever else lies in the directory or below it is somebody's, and
//! stays; a directory without a database of ours is refused; and nothing is removed under a server
//! that uses it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};

/// The books and the store of the built-in payment processor.
const DATABASES: [&str; 2] = ["billing.sqlite3", "sandbox.sqlite3"];
/// The database itself, and what SQLite keeps beside it.
const PARTS: [&str; 4] = ["", "-wal", "-shm", "-journal"];
/// The parts that every process locks that has the database open.
const LOCKED: [&str; 2] = ["", "-shm"];
/// The demo's keys, and what is left of them where they were being written. Of use with the
/// databases alone, and such a name alone says nothing: they go where a database does.
const BESIDE: [&str; 2] = ["demo.json", "demo.json.new"];

/// Whether a person is asked before something is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    Ask,
    Given,
}

/// Removes our files from a directory, after saying which, and the directory if that was all.
pub fn run(data: &Path, consent: Consent) -> Result<()> {
    if !data.exists() {
        println!(
            "there is nothing to remove: {} does not exist",
            data.display()
        );
        return Ok(());
    }
    let files = ours(data)?;
    ensure!(
        !files.is_empty(),
        "{} holds no database of ours: nothing was removed",
        data.display()
    );
    expect_unused(data)?;
    println!("this removes:");
    for file in &files {
        println!("  {} ({} bytes)", file.display(), file.metadata()?.len());
    }
    if consent == Consent::Ask && !agreed()? {
        println!("nothing was removed");
        return Ok(());
    }
    // A server may have been started while the question was open.
    expect_unused(data)?;
    for file in &files {
        fs::remove_file(file).with_context(|| format!("could not remove {}", file.display()))?;
    }
    let emptied = remove_if_empty(data)?;
    match (files.len(), emptied) {
        (count, true) => println!("removed {count} files and the directory"),
        (count, false) => println!(
            "removed {count} files; {} stays, because it holds something else",
            data.display()
        ),
    }
    Ok(())
}

/// Our files in the directory itself; none where it has no database of ours.
fn ours(data: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for file in files_of(data, &PARTS) {
        if is_file(&file)? {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Ok(found);
    }
    for name in BESIDE {
        let file = data.join(name);
        if is_file(&file)? {
            found.push(file);
        }
    }
    Ok(found)
}

/// What only has such a name, as a directory or a link, is not ours.
fn is_file(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_file()),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(error).with_context(|| format!("could not look at {}", path.display())),
    }
}

fn files_of(data: &Path, parts: &'static [&str]) -> impl Iterator<Item = PathBuf> {
    DATABASES.into_iter().flat_map(move |database| {
        parts
            .iter()
            .map(move |part| data.join(format!("{database}{part}")))
    })
}

/// Refuses where a process has one of the databases open.
fn expect_unused(data: &Path) -> Result<()> {
    for path in files_of(data, &LOCKED) {
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if is_absence(&error) => continue,
            Err(error) => {
                return Err(error).with_context(|| format!("could not open {}", path.display()));
            }
        };
        ensure!(
            !is_locked(&file).with_context(|| format!("could not ask for {}", path.display()))?,
            "{} is in use: stop the server first; nothing was removed",
            path.display()
        );
    }
    Ok(())
}

/// Whether another process holds any lock on the file. SQLite keeps one on its shared memory for as
/// long as a database is open.
fn is_locked(file: &File) -> io::Result<bool> {
    let whole_file = Flock {
        start: 0,
        length: 0,
        pid: None,
        typ: FlockType::WriteLock,
        offset_type: FlockOffsetType::Set,
    };
    Ok(fcntl_getlk(file, &whole_file)?.is_some())
}

fn remove_if_empty(directory: &Path) -> io::Result<bool> {
    match fs::remove_dir(directory) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
        // Where somebody stands in it, or it is a link, it stays as well.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotADirectory
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::ResourceBusy
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

fn agreed() -> Result<bool> {
    print!("remove them? [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::*;

    /// Set for the process that holds a lock while another test looks.
    const TO_LOCK: &str = "XTASK_TEST_TO_LOCK";

    /// A directory that goes away with its test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn with(name: &str, files: &[&str]) -> Self {
            let scratch = Self::new(name);
            for file in files {
                let file = scratch.0.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, "content").unwrap();
            }
            scratch
        }

        fn has(&self, name: &str) -> bool {
            self.0.join(name).exists()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_directory_with_a_database_somewhere_below_it_loses_nothing() {
        let theirs = [
            "Cargo.toml",
            "data/billing.sqlite3",
            "notes.sqlite3",
            "billing.sqlite3.backup",
            "demo.json",
        ];
        let project = Scratch::with("project", &theirs);
        let refused = run(&project.0, Consent::Given).unwrap_err().to_string();
        assert!(refused.contains("no database of ours"), "{refused}");
        for file in theirs {
            assert!(project.has(file), "{file} is gone");
        }
    }

    #[test]
    fn only_our_databases_leave_a_directory_that_holds_more() {
        let data = Scratch::with(
            "more",
            &["billing.sqlite3", "sandbox.sqlite3-wal", "mine.txt"],
        );
        fs::create_dir(data.0.join("sandbox.sqlite3")).unwrap();
        run(&data.0, Consent::Given).unwrap();
        assert!(!data.has("billing.sqlite3") && !data.has("sandbox.sqlite3-wal"));
        assert!(data.has("mine.txt") && data.has("sandbox.sqlite3"));
    }

    #[test]
    fn a_directory_of_nothing_else_goes_with_its_databases() {
        let data = Scratch::with(
            "all",
            &[
                "billing.sqlite3",
                "billing.sqlite3-shm",
                "billing.sqlite3-wal",
                "sandbox.sqlite3",
                "demo.json",
            ],
        );
        run(&data.0, Consent::Given).unwrap();
        assert!(!data.0.exists());
        // And once more, where there is nothing any more.
        run(&data.0, Consent::Given).unwrap();
    }

    #[test]
    fn nothing_is_removed_under_a_server() {
        let data = Scratch::with("used", &["billing.sqlite3", "billing.sqlite3-shm"]);
        let mut server = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "clean_data::tests::hold_a_lock", "--nocapture"])
            .env(TO_LOCK, data.0.join("billing.sqlite3-shm"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It says `locked` somewhere among what a test prints.
        let mut said = Vec::new();
        let mut byte = [0];
        let mut out = server.stdout.take().unwrap();
        while !said.ends_with(b"locked") {
            assert_eq!(out.read(&mut byte).unwrap(), 1, "it ended too early");
            said.push(byte[0]);
        }
        let refused = run(&data.0, Consent::Given).unwrap_err().to_string();
        drop(server.stdin.take());
        server.wait().unwrap();
        assert!(refused.contains("stop the server first"), "{refused}");
        assert!(data.has("billing.sqlite3") && data.has("billing.sqlite3-shm"));
        run(&data.0, Consent::Given).unwrap();
        assert!(!data.0.exists());
    }

    /// Not a test by itself: it is the other process of the one before.
    #[test]
    fn hold_a_lock() {
        let Some(path) = std::env::var_os(TO_LOCK) else {
            return;
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        let operation = rustix::fs::FlockOperation::NonBlockingLockShared;
        rustix::fs::fcntl_lock(&file, operation).unwrap();
        println!("locked");
        io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
}

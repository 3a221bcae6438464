//! Where things are: the project, and what is built from it.
//!
//! `CARGO_TARGET_DIR` moves everything that is built, the site too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::site::Mode;

/// The directories that the commands work in; all absolute.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The workspace.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
}

impl Paths {
    /// Reads them from what cargo tells a program that it runs.
    pub fn find() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .ancestors()
            .nth(2)
            .context("xtask is not in crates/xtask")?;
        let target = target_directory(root, std::env::var_os("CARGO_TARGET_DIR"));
        Ok(Self {
            root: root.to_owned(),
            target: std::path::absolute(target)?,
        })
    }

    /// The site that the server serves: assets and the browser's side.
    pub fn site(&self, mode: Mode) -> PathBuf {
        match mode {
            Mode::Release => self.target.join("site"),
            // Beside the other, so that `dev` takes nothing from a running `serve`.
            Mode::Development => self.target.join("site-dev"),
        }
    }

    /// The server as built by `cargo build` with this profile.
    pub fn server(&self, profile: &str) -> PathBuf {
        self.target.join(profile).join("zerogpu-billing")
    }

    /// The browser tests.
    pub fn end2end(&self) -> PathBuf {
        self.root.join("end2end")
    }
}

fn target_directory(root: &Path, setting: Option<OsString>) -> PathBuf {
    match setting {
        Some(directory) if !directory.is_empty() => PathBuf::from(directory),
        _ => root.join("target"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_directory_follows_cargos_setting() {
        let root = Path::new("/project");
        assert_eq!(target_directory(root, None), Path::new("/project/target"));
        assert_eq!(
            target_directory(root, Some("/cache".into())),
            Path::new("/cache")
        );
        assert_eq!(
            target_directory(root, Some("".into())),
            Path::new("/project/target")
        );
    }
}

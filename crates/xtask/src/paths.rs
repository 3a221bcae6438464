//! Where things are: the project, and what is built from it.
//!
//! Cargo says so itself: its target directory can be moved by a variable, by a file of settings, or
//! by one of the person's own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

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
    /// Asks cargo, from the workspace: there the commands call it.
    pub fn find() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .ancestors()
            .nth(2)
            .context("xtask is not in crates/xtask")?;
        let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
        Ok(Self {
            root: metadata.workspace_root.into_std_path_buf(),
            target: metadata.target_directory.into_std_path_buf(),
        })
    }

    /// A directory that a person named: below the workspace, wherever they stand.
    pub fn in_root(&self, directory: &Path) -> PathBuf {
        self.root.join(directory)
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

    /// The server with the site inside it, unoptimised. Kept apart from the one without: both come
    /// from cargo under the same name.
    pub fn self_contained_server(&self) -> PathBuf {
        self.target.join("self-contained").join("zerogpu-billing")
    }

    /// The browser tests.
    pub fn end2end(&self) -> PathBuf {
        self.root.join("end2end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_where_things_are() {
        let paths = Paths::find().unwrap();
        assert!(paths.root.join("crates/xtask/Cargo.toml").exists());
        assert!(paths.target.is_absolute());
        assert_eq!(paths.in_root(Path::new("data")), paths.root.join("data"));
        assert_eq!(paths.in_root(Path::new("/srv")), Path::new("/srv"));
    }
}

//! Python programs in environments of their own: installed under the target directory, exactly in
//! the versions that a list names, and used again until that list changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::paths::Paths;
use crate::process;

/// One program with all that it needs.
pub struct Environment {
    directory: PathBuf,
    /// What belongs to the check: the list, and our own scripts.
    pub checks: PathBuf,
}

impl Environment {
    /// The environment of `crates/xtask/checks/<name>`, installed if it is not yet.
    pub fn prepare(paths: &Paths, name: &str) -> Result<Self> {
        let checks = paths.root.join("crates/xtask/checks").join(name);
        Self::prepare_in(paths, name, checks)
    }

    /// The same with a list that lies elsewhere.
    pub fn prepare_in(paths: &Paths, name: &str, checks: PathBuf) -> Result<Self> {
        let directory = paths.target.join("python").join(name);
        let environment = Self { directory, checks };
        let list = environment.checks.join("requirements.txt");
        let wanted = fs::read(&list).with_context(|| format!("{}", list.display()))?;
        let python = find_python()?;
        let version = process::capture(Command::new(&python).arg("--version"))?;
        let stamp = hex::encode(Sha256::digest([&wanted, version.as_bytes()].concat()));
        let stamp_file = environment.directory.join(".installed");
        if fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp) {
            return Ok(environment);
        }
        process::step(&format!("installing {name} from PyPI"), || {
            environment.install(&python, &list)
        })?;
        fs::write(stamp_file, stamp)?;
        Ok(environment)
    }

    fn install(&self, python: &Path, list: &Path) -> Result<()> {
        // What an earlier list brought must not lend anything to this one.
        if self.directory.exists() {
            fs::remove_dir_all(&self.directory)?;
        }
        process::run(
            Command::new(python)
                .args(["-m", "venv"])
                .arg(&self.directory),
        )?;
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ];
        process::run(
            self.program("python")
                .args(pip)
                .arg("--requirement")
                .arg(list),
        )
    }

    /// A program of the environment, `python` among them.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.directory.join("bin").join(name));
        command
            .env_remove("PYTHONHOME")
            .env_remove("PYTHONPATH")
            // Our scripts lie in the repository, where nothing may be left behind.
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// Debian keeps what makes environments apart from Python itself.
fn find_python() -> Result<PathBuf> {
    if let Some(python) = usable_python() {
        return Ok(python);
    }
    ensure!(
        process::can_install_packages(),
        "the outside checks need Python 3.10 with venv: run `sudo apt-get install python3-venv`"
    );
    process::apt_install(&["python3-venv"])?;
    usable_python().context("Debian's python3-venv did not bring a usable `python3`")
}

fn usable_python() -> Option<PathBuf> {
    let python = process::find_program("python3")?;
    let needs = "import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))";
    process::succeeds(Command::new(&python).args(["-c", needs])).then_some(python)
}

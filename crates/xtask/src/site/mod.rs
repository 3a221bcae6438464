//! The site: everything a browser downloads, made from `frontend`, `style/` and `public/`.
//!
//! Cargo decides what to compile again; the steps after it are skipped together when a hash
//! over all their inputs is the one of the last run. The site is made beside the old one and
//! then takes its place, so nobody ever sees half of it.

mod bindgen;
mod compress;
mod styles;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::paths::Paths;
use crate::process;
use crate::wasm_toolchain::{TARGET, WasmToolchain};

/// The name of the files in the package directory.
pub const OUTPUT_NAME: &str = "zerogpu-billing";

/// Raised when a step changes what it makes of the same inputs.
const PIPELINE_VERSION: &str = "2";

/// How much work goes into small files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Optimised for size and compressed as far as it goes.
    Release,
    /// Built fast, with names in stack traces.
    Development,
}

/// What the server reads to know where the files are.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Relative to the site; it changes with the content, so its files never do.
    pub pkg_dir: String,
    pub output_name: String,
}

impl Manifest {
    /// Reads the manifest of a built site.
    pub fn read(site: &Path) -> Result<Self> {
        let path = site.join("site.json");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("there is no built site: {} is missing", path.display()))?;
        serde_json::from_str(&text).context("site.json is not a site's manifest")
    }
}

/// Builds the site, or leaves it where nothing changed.
pub fn build(paths: &Paths, mode: Mode) -> Result<()> {
    let toolchain = WasmToolchain::prepare(paths)?;
    process::step(
        &format!("building the browser's side ({})", mode.words()),
        || compile(paths, toolchain, mode),
    )?;
    let inputs = Inputs::collect(paths, mode)?;
    let stamp = inputs.stamp(mode)?;
    let site = paths.site(mode);
    let stamp_file = site.with_extension("stamp");
    if site.join("site.json").exists()
        && fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp)
    {
        println!("the site is up to date");
        return Ok(());
    }
    process::step(
        "making the site: bindings, styles, assets, compressed files",
        || {
            let made = make(paths, &inputs, mode)?;
            replace(&made, &site)
        },
    )?;
    fs::write(stamp_file, stamp)?;
    Ok(())
}

impl Mode {
    fn words(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Development => "development",
        }
    }

    /// Cargo's profile and the directory that it builds into.
    fn profile(self) -> (&'static str, &'static str) {
        match self {
            Self::Release => ("wasm-release", "wasm-release"),
            Self::Development => ("dev", "debug"),
        }
    }
}

/// `LEPTOS_OUTPUT_NAME` is read while leptos compiles and changes the name of the file that
/// the page asks for; the server passes the name itself, so it is left out here.
fn compile(paths: &Paths, toolchain: WasmToolchain, mode: Mode) -> Result<()> {
    let (profile, _) = mode.profile();
    process::run(
        toolchain
            .cargo()
            .args([
                "build",
                "--package",
                "frontend",
                "--target",
                TARGET,
                "--profile",
                profile,
            ])
            .env_remove("LEPTOS_OUTPUT_NAME")
            .current_dir(&paths.root),
    )
}

/// The files that a site is made from.
struct Inputs {
    wasm: PathBuf,
    style: PathBuf,
    public: PathBuf,
}

impl Inputs {
    fn collect(paths: &Paths, mode: Mode) -> Result<Self> {
        let (_, directory) = mode.profile();
        let wasm = paths
            .target
            .join(TARGET)
            .join(directory)
            .join("frontend.wasm");
        let inputs = Self {
            wasm,
            style: paths.root.join("style"),
            public: paths.root.join("public"),
        };
        for path in [&inputs.wasm, &inputs.style.join("main.css"), &inputs.public] {
            path.metadata()
                .with_context(|| format!("{} is missing", path.display()))?;
        }
        Ok(inputs)
    }

    /// A hash over every name and byte that goes in.
    fn stamp(&self, mode: Mode) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(PIPELINE_VERSION);
        hash.update(mode.words());
        let mut files = vec![self.wasm.clone()];
        files.extend(files_under(&self.style)?);
        files.extend(files_under(&self.public)?);
        for file in files {
            let content = fs::read(&file)?;
            // Lengths keep a name and the content after it apart.
            for part in [file.as_os_str().as_encoded_bytes(), &content] {
                hash.update(u64::try_from(part.len())?.to_be_bytes());
                hash.update(part);
            }
        }
        Ok(hex::encode(hash.finalize()))
    }
}

/// Makes a whole site in a directory of its own and returns it.
fn make(paths: &Paths, inputs: &Inputs, mode: Mode) -> Result<PathBuf> {
    let made = paths.site(mode).with_extension("new");
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    let unnamed = made.join("pkg/new");
    fs::create_dir_all(&unnamed)?;
    bindgen::generate(&inputs.wasm, &unnamed, mode)?;
    let css = styles::bundle(&inputs.style.join("main.css"))?;
    fs::write(unnamed.join(format!("{OUTPUT_NAME}.css")), css)?;

    let pkg_dir = format!("pkg/{}", content_name(&unnamed)?);
    fs::rename(&unnamed, made.join(&pkg_dir))?;
    for file in files_under(&inputs.public)? {
        let to = made.join(file.strip_prefix(&inputs.public)?);
        fs::create_dir_all(to.parent().context("a copied file lies in a directory")?)?;
        fs::copy(&file, &to)?;
    }
    for file in files_under(&made)? {
        compress::beside(&file, mode)?;
    }
    let manifest = Manifest {
        pkg_dir,
        output_name: OUTPUT_NAME.to_owned(),
    };
    fs::write(
        made.join("site.json"),
        serde_json::to_vec_pretty(&manifest)?,
    )?;
    Ok(made)
}

/// Names a package by what is in it.
fn content_name(package: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for name in [".js", "_bg.wasm", ".css"] {
        hash.update(fs::read(package.join(format!("{OUTPUT_NAME}{name}")))?);
    }
    let mut name = hex::encode(hash.finalize());
    name.truncate(12);
    Ok(name)
}

fn replace(made: &Path, site: &Path) -> Result<()> {
    let old = site.with_extension("old");
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    if site.exists() {
        fs::rename(site, &old)?;
    }
    fs::rename(made, site).context("could not put the new site in its place")?;
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    Ok(())
}

/// Every file under a directory, in an order that does not depend on the disk.
pub fn files_under(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(directory)
        .with_context(|| format!("could not read {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_under(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The server that serves the site, unoptimised: it builds in a fraction of the time, and a
/// person who tries it or a test that drives it does not feel the difference.
pub fn build_server(paths: &Paths) -> Result<()> {
    process::step("building the server", || {
        process::run(
            Command::new("cargo")
                .args(["build", "--package", "server"])
                .env_remove("LEPTOS_OUTPUT_NAME")
                .current_dir(&paths.root),
        )
    })
}

/// The same server with the built site inside it, as it is shipped but for the optimiser.
pub fn build_self_contained_server(paths: &Paths) -> Result<()> {
    process::step("building the server with the site inside", || {
        process::run(
            Command::new("cargo")
                .args(["build", "--package", "server", "--features", "embed-site"])
                .env("BILLING_SITE_DIR", paths.site(Mode::Release))
                .env_remove("LEPTOS_OUTPUT_NAME")
                .current_dir(&paths.root),
        )
    })?;
    let kept = paths.self_contained_server();
    fs::create_dir_all(kept.parent().context("it lies in a directory")?)?;
    // A running one keeps its file: the new one takes the name.
    let new = kept.with_extension("new");
    fs::copy(paths.server("debug"), &new)?;
    fs::rename(new, kept)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_by_its_content() {
        let directory = std::env::temp_dir().join(format!("xtask-name-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        for name in [".js", "_bg.wasm", ".css"] {
            fs::write(directory.join(format!("{OUTPUT_NAME}{name}")), name).unwrap();
        }
        let first = content_name(&directory).unwrap();
        fs::write(directory.join(format!("{OUTPUT_NAME}.css")), "a{}").unwrap();
        let second = content_name(&directory).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(first.len(), 12);
        assert_ne!(first, second);
    }
}

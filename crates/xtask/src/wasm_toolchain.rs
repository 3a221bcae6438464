//! The compiler that builds the browser's side, made ready where it is missing.
//!
//! `BILLING_WASM_TOOLCHAIN` chooses where the `wasm32-unknown-unknown` target comes from:
//! `auto` (what is installed already, else rustup), `rustup`, or `debian` (Debian's packages
//! alone; the Rust download server is never asked). Debian ships a compiler and the source of
//! the standard library but no compiled one for the browser, so that is built once into
//! Debian's sysroot, which rustup then knows as the toolchain `web`. Only the browser's side
//! is built with it: nothing else on the machine changes its compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::paths::Paths;
use crate::process;

/// The browser's target triple.
pub const TARGET: &str = "wasm32-unknown-unknown";

const SETTING: &str = "BILLING_WASM_TOOLCHAIN";
const DEBIAN_PACKAGES: [&str; 5] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rustfmt-web",
    "rust-web-clippy",
];
const DEBIAN_RUSTLIB: &str = "/usr/lib/rustlib";
const RUSTUP_NAME: &str = "web";

/// A compiler that has the browser's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasmToolchain {
    /// The toolchain that builds everything else.
    Default,
    /// Debian's compiler, known to rustup as `web`.
    Debian,
}

/// Where the target may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Auto,
    Rustup,
    Debian,
}

impl WasmToolchain {
    /// Finds or makes the toolchain that the setting asks for. Quick when it is there.
    pub fn prepare(paths: &Paths) -> Result<Self> {
        match Source::from_environment()? {
            Source::Debian => {
                prepare_debian(paths)?;
                Ok(Self::Debian)
            }
            Source::Rustup => {
                add_by_rustup()?;
                Ok(Self::Default)
            }
            Source::Auto if default_has_target() => Ok(Self::Default),
            Source::Auto if debian_is_ready() => Ok(Self::Debian),
            Source::Auto => {
                add_by_rustup()?;
                Ok(Self::Default)
            }
        }
    }

    /// A `cargo` of this toolchain.
    pub fn cargo(self) -> Command {
        let mut cargo = Command::new("cargo");
        match self {
            Self::Default => {}
            Self::Debian => {
                cargo.arg(format!("+{RUSTUP_NAME}"));
            }
        }
        cargo
    }

    /// How a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "cargo",
            Self::Debian => "cargo +web",
        }
    }
}

impl Source {
    fn from_environment() -> Result<Self> {
        Self::parse(std::env::var(SETTING).ok().as_deref())
    }

    fn parse(value: Option<&str>) -> Result<Self> {
        match value {
            None | Some("" | "auto") => Ok(Self::Auto),
            Some("rustup") => Ok(Self::Rustup),
            Some("debian") => Ok(Self::Debian),
            Some(other) => bail!("{SETTING} is `{other}`; it can be auto, rustup or debian"),
        }
    }
}

// ---- rustup ----

fn default_has_target() -> bool {
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .stderr(Stdio::null())
        .output();
    sysroot.is_ok_and(|output| {
        let root = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        has_std(&root.join("lib/rustlib"))
    })
}

fn add_by_rustup() -> Result<()> {
    if default_has_target() {
        return Ok(());
    }
    let added = process::find_program("rustup").is_some()
        && process::step("adding the browser's target by rustup", || {
            process::run(Command::new("rustup").args(["target", "add", TARGET]))
        })
        .is_ok();
    ensure!(
        added,
        "the browser's side needs Rust's {TARGET} target and rustup could not add it: run \
         `rustup target add {TARGET}`, or on Debian set {SETTING}=debian to take it from \
         Debian's packages"
    );
    Ok(())
}

// ---- Debian ----

fn prepare_debian(paths: &Paths) -> Result<()> {
    // Two commands started together must not build into the same place. The lock is the person's
    // own: a file of somebody else's in a shared directory could not be opened.
    fs::create_dir_all(&paths.target)?;
    let lock = fs::File::create(paths.target.join("wasm-toolchain.lock"))?;
    lock.lock()
        .context("could not wait for another command that prepares the toolchain")?;

    install_packages()?;
    let compiler = DebianCompiler::inspect()?;
    if !compiler.is_complete() {
        ensure!(
            process::is_root(),
            "the browser's standard library has to be built once into {DEBIAN_RUSTLIB}, which only \
             root may write: run `sudo env \"PATH=$PATH\" {SETTING}=debian cargo xtask wasm-toolchain`"
        );
    }
    compiler.link_linker()?;
    if !compiler.std_is_built() {
        process::step(
            "building the browser's standard library with Debian's Rust",
            || compiler.build_std(),
        )?;
    }
    link_into_rustup()
}

fn debian_is_ready() -> bool {
    linked_into_rustup().is_ok_and(|linked| linked)
        && DebianCompiler::inspect().is_ok_and(|compiler| compiler.std_is_built())
}

fn install_packages() -> Result<()> {
    let installed = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(DEBIAN_PACKAGES)
        .stderr(Stdio::null())
        .output()
        .with_context(|| format!("{SETTING}=debian needs a Debian machine"))?;
    let installed = String::from_utf8_lossy(&installed.stdout);
    let is_missing = |package: &&str| {
        let wanted = format!("{package} installed");
        !installed.lines().any(|line| line == wanted)
    };
    let missing: Vec<&str> = DEBIAN_PACKAGES.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

fn install(packages: &[&str]) -> Result<()> {
    ensure!(
        process::can_install_packages(),
        "Debian's packages for the browser's side are missing: run `sudo apt-get install {}`",
        packages.join(" ")
    );
    process::apt_install(packages)
}

/// Debian's `rustc`, and what its own words say about it.
struct DebianCompiler {
    host: String,
    llvm: String,
    /// Changes with every version of the compiler: only the same one can use a built std.
    fingerprint: String,
}

impl DebianCompiler {
    fn inspect() -> Result<Self> {
        let version = process::capture(Command::new("/usr/bin/rustc").arg("-vV"))?;
        let field = |name: &str| {
            let value = version.lines().find_map(|line| line.strip_prefix(name));
            value
                .map(str::trim)
                .with_context(|| format!("`rustc -vV` has no line `{name}`"))
        };
        let llvm = field("LLVM version:")?;
        Ok(Self {
            host: field("host:")?.to_owned(),
            llvm: llvm.split('.').next().unwrap_or(llvm).to_owned(),
            fingerprint: hex::encode(Sha256::digest(&version)),
        })
    }

    /// Whether nothing has to be written into Debian's directories.
    fn is_complete(&self) -> bool {
        self.std_is_built() && self.linker_link().exists()
    }

    fn linker_link(&self) -> PathBuf {
        Path::new(DEBIAN_RUSTLIB)
            .join(&self.host)
            .join("bin/rust-lld")
    }

    /// The compiler looks for its linker as `rust-lld` in its own directory; Debian has the
    /// same program in LLVM's.
    fn link_linker(&self) -> Result<()> {
        let linker = PathBuf::from(format!("/usr/lib/llvm-{}/bin/lld", self.llvm));
        if !linker.exists() {
            install(&[&format!("lld-{}", self.llvm)])?;
        }
        let link = self.linker_link();
        if link.exists() {
            return Ok(());
        }
        let directory = link.parent().context("the link lies in a directory")?;
        fs::create_dir_all(directory)?;
        // A dangling link of an older LLVM would be in the way.
        if link.is_symlink() {
            fs::remove_file(&link)?;
        }
        std::os::unix::fs::symlink(&linker, &link)
            .with_context(|| format!("could not link {} (as root?)", link.display()))
    }

    fn std_is_built(&self) -> bool {
        let marker = fs::read_to_string(std_directory().join(".built-by"));
        marker.is_ok_and(|by| by == self.fingerprint) && has_std(Path::new(DEBIAN_RUSTLIB))
    }

    /// Compiles an empty crate with the standard library from source, and keeps the library.
    fn build_std(&self) -> Result<()> {
        let scratch = Scratch::new()?;
        fs::create_dir(scratch.path.join("src"))?;
        fs::write(scratch.path.join("src/lib.rs"), "#![no_std]\n")?;
        fs::write(
            scratch.path.join("Cargo.toml"),
            "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n",
        )?;
        let target_directory = scratch.path.join("target");
        process::run(
            Command::new("/usr/bin/cargo")
                .args(["build", "--release", "--target", TARGET])
                .args([
                    "-Z",
                    "build-std=std,panic_abort,proc_macro,test",
                    "--target-dir",
                ])
                .arg(&target_directory)
                .current_dir(&scratch.path)
                // `-Z` is for nightly compilers; a distribution's own may be told to allow it.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", "/usr/bin/rustc")
                // Without bitcode, link-time optimisation of our crates stops at std.
                .env("RUSTFLAGS", "-Cembed-bitcode=yes")
                .env_remove("CARGO_ENCODED_RUSTFLAGS"),
        )?;
        self.install_std(&target_directory.join(TARGET).join("release/deps"))
    }

    /// The marker is written last: a half-copied library is never taken for a whole one.
    fn install_std(&self, built: &Path) -> Result<()> {
        let directory = std_directory();
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory).context("Debian's sysroot is not writable (as root?)")?;
        for entry in fs::read_dir(built)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.ends_with(".rlib") && !name.starts_with("libempty-") {
                fs::copy(&path, directory.join(name))?;
            }
        }
        fs::write(directory.join(".built-by"), &self.fingerprint)?;
        Ok(())
    }
}

fn link_into_rustup() -> Result<()> {
    if linked_into_rustup()? {
        return Ok(());
    }
    process::run(Command::new("rustup").args(["toolchain", "link", RUSTUP_NAME, "/usr"]))
}

fn linked_into_rustup() -> Result<bool> {
    ensure!(
        process::find_program("rustup").is_some(),
        "the commands need rustup to choose between two compilers: install it from rustup.rs"
    );
    let rustup_home = match std::env::var_os("RUSTUP_HOME") {
        Some(home) => PathBuf::from(home),
        None => std::env::home_dir()
            .context("there is no home directory")?
            .join(".rustup"),
    };
    let link = rustup_home.join("toolchains").join(RUSTUP_NAME);
    Ok(fs::canonicalize(link).is_ok_and(|to| to == Path::new("/usr")))
}

fn std_directory() -> PathBuf {
    Path::new(DEBIAN_RUSTLIB).join(TARGET).join("lib")
}

/// Whether a sysroot's `rustlib` holds a standard library for the browser.
fn has_std(rustlib: &Path) -> bool {
    fs::read_dir(rustlib.join(TARGET).join("lib")).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

/// A directory of our own that goes away with this value.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self> {
        let name = format!("zerogpu-billing-std-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind in the temporary directory harms nobody.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_defaults_to_auto_and_refuses_what_it_does_not_know() {
        assert_eq!(Source::parse(None).unwrap(), Source::Auto);
        assert_eq!(Source::parse(Some("debian")).unwrap(), Source::Debian);
        let error = Source::parse(Some("homebrew")).unwrap_err().to_string();
        assert!(error.contains("auto, rustup or debian"), "{error}");
    }

    #[test]
    fn only_the_browsers_cargo_names_another_toolchain() {
        assert_eq!(WasmToolchain::Default.cargo().get_args().count(), 0);
        let debian = WasmToolchain::Debian.cargo();
        assert_eq!(debian.get_args().collect::<Vec<_>>(), ["+web"]);
    }
}

//! Puts the built site into the binary: with the feature `embed-site`, every file under
//! `BILLING_SITE_DIR` becomes an entry of a list that `web::site` includes.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts by the environment"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const DIRECTORY: &str = "BILLING_SITE_DIR";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_EMBED_SITE").is_none() {
        return Ok(());
    }
    println!("cargo::rerun-if-env-changed={DIRECTORY}");
    let Some(site) = env::var_os(DIRECTORY).map(PathBuf::from) else {
        println!("cargo::error=the feature embed-site needs {DIRECTORY}, the built site");
        return Ok(());
    };
    println!("cargo::rerun-if-changed={}", site.display());
    let site = site.canonicalize()?;
    let mut list = String::from("[\n");
    for file in files(&site)? {
        let name = file.strip_prefix(&site).map_err(io::Error::other)?;
        let name: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
        writeln!(
            list,
            "    ({:?}, include_bytes!({file:?}).as_slice()),",
            name.join("/")
        )
        .map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .ok_or(io::ErrorKind::NotFound)?;
    fs::write(out.join("site.rs"), list)
}

/// All files under a directory, in an order that does not depend on the machine.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

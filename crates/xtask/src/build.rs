//! `cargo xtask build` and `cargo xtask bench`.

use std::process::Command;

use anyhow::{Result, bail};
use cargo_metadata::{MetadataCommand, TargetKind};

use crate::paths::Paths;
use crate::process;
use crate::site::{self, Mode};

/// One release binary with the site inside it; prints its path last.
pub fn release(paths: &Paths) -> Result<()> {
    site::build(paths, Mode::Release)?;
    process::step(
        "building the server (release, with the site inside)",
        || {
            process::run(
                Command::new("cargo")
                    .args([
                        "build",
                        "--release",
                        "--package",
                        "server",
                        "--features",
                        "embed-site",
                    ])
                    .env("BILLING_SITE_DIR", paths.site(Mode::Release))
                    .env_remove("LEPTOS_OUTPUT_NAME")
                    .current_dir(&paths.root),
            )
        },
    )?;
    println!("{}", paths.server("release").display());
    Ok(())
}

/// Runs every benchmark of the workspace, or the one that is named.
pub fn bench(paths: &Paths, name: Option<&str>) -> Result<()> {
    let all = benchmarks(paths)?;
    let chosen: Vec<_> = all
        .iter()
        .filter(|(_, bench)| name.is_none_or(|name| name == bench))
        .collect();
    if chosen.is_empty() {
        let known: Vec<_> = all.iter().map(|(_, bench)| bench.as_str()).collect();
        match (name, known.is_empty()) {
            (_, true) => bail!("this workspace has no benchmarks"),
            (Some(name), false) => {
                bail!(
                    "there is no benchmark `{name}`; there are: {}",
                    known.join(", ")
                )
            }
            (None, false) => unreachable!("without a name every benchmark is chosen"),
        }
    }
    for (package, bench) in chosen {
        process::step(&format!("benchmark {bench} of {package}"), || {
            process::run(
                Command::new("cargo")
                    .args(["bench", "--package", package, "--bench", bench])
                    .current_dir(&paths.root),
            )
        })?;
    }
    Ok(())
}

/// Package and name of every benchmark.
fn benchmarks(paths: &Paths) -> Result<Vec<(String, String)>> {
    let metadata = MetadataCommand::new()
        .current_dir(&paths.root)
        .no_deps()
        .exec()?;
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        for target in &package.targets {
            if target.kind.contains(&TargetKind::Bench) {
                found.push((package.name.to_string(), target.name.clone()));
            }
        }
    }
    Ok(found)
}

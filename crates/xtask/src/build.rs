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
    for (package, bench) in choose(&all, name)? {
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

/// The benchmarks that a name means; all of them without one.
fn choose<'a>(
    all: &'a [(String, String)],
    name: Option<&str>,
) -> Result<Vec<&'a (String, String)>> {
    let Some(name) = name else {
        return Ok(all.iter().collect());
    };
    let named: Vec<_> = all.iter().filter(|(_, bench)| bench == name).collect();
    if named.is_empty() {
        let known: Vec<_> = all.iter().map(|(_, bench)| bench.as_str()).collect();
        bail!(
            "there is no benchmark `{name}`; there are: {}",
            known.join(", ")
        );
    }
    Ok(named)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_benchmark_is_chosen_by_its_name_and_a_wrong_name_tells_the_right_ones() {
        let all = ["ledger", "history"].map(|bench| ("billing".to_owned(), bench.to_owned()));
        assert_eq!(choose(&all, None).unwrap().len(), 2);
        assert_eq!(choose(&all, Some("ledger")).unwrap(), [&all[0]]);
        let error = choose(&all, Some("ledgers")).unwrap_err().to_string();
        assert!(error.contains("ledger, history"), "{error}");
        // With none to run there is nothing to fail.
        assert!(choose(&[], None).unwrap().is_empty());
    }
}

//! What other people's crates may be: not the banned ones, from the registry alone, under
//! licences that `deny.toml` allows.
//!
//! The rules are cargo-deny's file. Where cargo-deny is installed it runs too; these checks
//! read the same file, so they hold on every machine.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::semver::{Version, VersionReq};
use cargo_metadata::{CargoOpt, MetadataCommand, Package};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

use crate::paths::Paths;
use crate::process;

/// The part of `deny.toml` that is read here.
#[derive(Debug, Deserialize)]
struct Rules {
    bans: Bans,
    licenses: Licences,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    /// Every version when it says nothing.
    #[serde(default)]
    version: VersionReq,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// A crate that may have a licence that others may not.
#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Sources {
    #[serde(rename = "allow-registry")]
    allow_registry: Vec<String>,
}

/// Checks every crate that any feature and any target brings in.
pub fn check(paths: &Paths) -> Result<()> {
    let rules = fs::read_to_string(paths.root.join("deny.toml"))?;
    let rules: Rules = toml::from_str(&rules).context("deny.toml")?;
    let metadata = MetadataCommand::new()
        .current_dir(&paths.root)
        .features(CargoOpt::AllFeatures)
        .exec()?;
    let mut violations = Vec::new();
    for package in metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
    {
        violations.extend(rules.violations(package));
    }
    if !violations.is_empty() {
        bail!("{}", violations.join("\n  "));
    }
    println!(
        "{} crates: none banned, all licences and sources allowed",
        metadata.packages.len()
    );
    if process::find_program("cargo-deny").is_some() {
        let words = [
            "deny",
            "--offline",
            "--all-features",
            "check",
            "bans",
            "licenses",
            "sources",
        ];
        process::run(Command::new("cargo").args(words).current_dir(&paths.root))?;
    }
    Ok(())
}

impl Rules {
    fn violations(&self, package: &Package) -> Vec<String> {
        let source = package.source.as_ref().map(|source| source.repr.as_str());
        [
            self.ban(&package.name, &package.version),
            self.licence(&package.name, package.license.as_deref()),
            self.source(&package.name, source.unwrap_or_default()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn ban(&self, name: &str, version: &Version) -> Option<String> {
        let ban = self
            .bans
            .deny
            .iter()
            .find(|ban| ban.name == name && ban.version.matches(version))?;
        Some(format!("{name} {version} is banned: {}", ban.reason))
    }

    fn licence(&self, name: &str, licence: Option<&str>) -> Option<String> {
        let Some(licence) = licence else {
            return Some(format!("{name} states no licence"));
        };
        let exceptions = self
            .licenses
            .exceptions
            .iter()
            .filter(|exception| exception.name == name);
        let allowed: Vec<&String> = self
            .licenses
            .allow
            .iter()
            .chain(exceptions.flat_map(|it| &it.allow))
            .collect();
        // Old crates write `MIT/Apache-2.0`.
        let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
            return Some(format!(
                "{name} states a licence that cannot be read: {licence}"
            ));
        };
        let is_allowed = expression.evaluate(|required| {
            allowed
                .iter()
                .any(|licence| **licence == required.to_string())
        });
        (!is_allowed).then(|| format!("{name} has a licence that is not allowed: {licence}"))
    }

    fn source(&self, name: &str, source: &str) -> Option<String> {
        let registry = source.strip_prefix("registry+").unwrap_or(source);
        let is_allowed = self
            .sources
            .allow_registry
            .iter()
            .any(|allowed| allowed == registry);
        (!is_allowed).then(|| format!("{name} comes from {source}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        toml::from_str(
            r#"
            [bans]
            deny = [
                { crate = "sqlx", version = "<0.9", reason = "a corruption bug" },
                { crate = "openssl-sys", reason = "rustls is enough" },
            ]
            [licenses]
            allow = ["MIT", "Apache-2.0"]
            exceptions = [{ crate = "lightningcss", allow = ["MPL-2.0"] }]
            [sources]
            allow-registry = ["https://github.com/rust-lang/crates.io-index"]
            "#,
        )
        .unwrap()
    }

    #[test]
    fn a_banned_version_is_found_and_a_later_one_is_not() {
        let ban = |name: &str, version: &str| rules().ban(name, &version.parse().unwrap());
        assert_eq!(
            ban("sqlx", "0.8.6").unwrap(),
            "sqlx 0.8.6 is banned: a corruption bug"
        );
        assert_eq!(ban("sqlx", "0.9.1"), None);
        assert!(ban("openssl-sys", "0.9.100").is_some());
    }

    #[test]
    fn one_allowed_licence_of_a_choice_is_enough() {
        let licence = |name: &str, licence: &str| rules().licence(name, Some(licence));
        assert_eq!(licence("a", "MIT OR GPL-3.0-only"), None);
        assert_eq!(licence("a", "MIT/Apache-2.0"), None);
        assert!(licence("a", "MIT AND GPL-3.0-only").is_some());
        assert!(licence("a", "MPL-2.0").is_some());
        assert_eq!(licence("lightningcss", "MPL-2.0"), None);
        assert!(rules().licence("a", None).is_some());
    }

    #[test]
    fn a_crate_from_elsewhere_is_found() {
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        assert_eq!(rules().source("a", registry), None);
        assert!(rules().source("a", "git+https://example.com/a").is_some());
    }
}

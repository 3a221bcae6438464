//! Who may depend on whom: pixels and HTTP at the top, money at the bottom, and arrows only
//! point down. `docs/ARCHITECTURE.md` says why.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::paths::Paths;
use crate::process;
use crate::wasm_toolchain::TARGET;

/// What a crate of ours may and may not use.
struct Rule {
    package: &'static str,
    /// Crates of ours that it may use.
    uses: &'static [&'static str],
    /// Crates of ours that only its tests may use.
    tests_use: &'static [&'static str],
    /// Crates of others that are not its business.
    never: &'static [&'static str],
}

const RULES: [Rule; 8] = [
    Rule {
        package: "frontend",
        uses: &["app"],
        tests_use: &[],
        never: &["axum", "reqwest", "sqlx", "tokio"],
    },
    Rule {
        package: "app",
        uses: &["billing", "types"],
        tests_use: &[],
        never: &["axum", "reqwest", "sqlx", "tokio"],
    },
    Rule {
        package: "server",
        uses: &["app", "billing", "sandbox", "types"],
        tests_use: &[],
        never: &["sqlx"],
    },
    Rule {
        package: "billing",
        uses: &["ledger", "types"],
        // The gateway's contract is tested against the other side of the wire.
        tests_use: &["sandbox"],
        never: &["axum", "leptos", "leptos_axum"],
    },
    Rule {
        package: "ledger",
        uses: &["types"],
        tests_use: &[],
        never: &["axum", "leptos", "leptos_axum", "reqwest", "tokio"],
    },
    Rule {
        package: "types",
        uses: &[],
        tests_use: &[],
        never: &["axum", "leptos", "reqwest", "sqlx", "tokio"],
    },
    Rule {
        package: "sandbox",
        uses: &[],
        tests_use: &[],
        never: &["leptos"],
    },
    Rule {
        package: "xtask",
        uses: &[],
        tests_use: &[],
        never: &[],
    },
];

/// What must never reach a browser.
const NOT_IN_BROWSER: [&str; 8] = [
    "axum",
    "billing",
    "ledger",
    "leptos_axum",
    "sandbox",
    "server",
    "sqlx",
    "tokio",
];

/// A dependency that a manifest states.
#[derive(Debug)]
struct Arrow {
    from: String,
    to: String,
    kind: DependencyKind,
    is_ours: bool,
    is_optional: bool,
}

/// Compares the manifests and the browser's resolved tree with the rules.
pub fn check(paths: &Paths) -> Result<()> {
    let mut violations = violations(&arrows(paths)?);
    let tree = process::capture(
        Command::new("cargo")
            .args([
                "tree",
                "--package",
                "frontend",
                "--target",
                TARGET,
                "--edges",
                "normal",
            ])
            .args(["--prefix", "none", "--format", "{p}"])
            .current_dir(&paths.root),
    )?;
    violations.extend(browser_violations(&tree));
    if !violations.is_empty() {
        bail!("{}", violations.join("; "));
    }
    Ok(())
}

fn arrows(paths: &Paths) -> Result<Vec<Arrow>> {
    let metadata = MetadataCommand::new()
        .current_dir(&paths.root)
        .no_deps()
        .exec()?;
    let packages = metadata.workspace_packages();
    let ours: BTreeSet<_> = packages
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let mut arrows = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            arrows.push(Arrow {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                kind: dependency.kind,
                is_ours: ours.contains(&dependency.name),
                is_optional: dependency.optional,
            });
        }
    }
    Ok(arrows)
}

fn violations(arrows: &[Arrow]) -> Vec<String> {
    arrows.iter().filter_map(violation).collect()
}

fn violation(arrow: &Arrow) -> Option<String> {
    let Arrow { from, to, .. } = arrow;
    let Some(rule) = RULES.iter().find(|rule| rule.package == from) else {
        return Some(format!("{from} is a crate that no rule speaks of"));
    };
    let is_test = arrow.kind == DependencyKind::Development;
    let is_named = |names: &[&str]| names.contains(&to.as_str());
    if arrow.is_ours && !is_named(rule.uses) && !(is_test && is_named(rule.tests_use)) {
        return Some(format!("{from} may not use {to}"));
    }
    if is_named(rule.never) && !is_test {
        return Some(format!("{to} is not {from}'s business"));
    }
    // The browser's `app` has no `billing`, so it must be possible to leave it out.
    if from == "app" && to == "billing" && !arrow.is_optional {
        return Some("app may use billing only as an optional dependency".to_owned());
    }
    None
}

/// `cargo tree` prints one package a line: its name first.
fn browser_violations(tree: &str) -> Vec<String> {
    let names: BTreeSet<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let mut found: Vec<_> = NOT_IN_BROWSER
        .into_iter()
        .filter(|name| names.contains(name))
        .map(|name| format!("the browser's side contains {name}"))
        .collect();
    if !names.contains("app") {
        found.push("the browser's side does not contain app: is its tree empty?".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: &str, to: &str) -> Arrow {
        Arrow {
            from: from.to_owned(),
            to: to.to_owned(),
            kind: DependencyKind::Normal,
            is_ours: RULES.iter().any(|rule| rule.package == to),
            is_optional: false,
        }
    }

    #[test]
    fn arrows_that_point_down_are_let_pass() {
        let optional = Arrow {
            is_optional: true,
            ..arrow("app", "billing")
        };
        let down = [
            arrow("server", "billing"),
            arrow("billing", "ledger"),
            optional,
        ];
        assert_eq!(violations(&down), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        assert_eq!(
            violations(&[arrow("ledger", "billing")]),
            ["ledger may not use billing"]
        );
        assert_eq!(
            violations(&[arrow("sandbox", "types")]),
            ["sandbox may not use types"]
        );
    }

    #[test]
    fn a_crate_of_others_that_is_not_ones_business_is_found() {
        assert_eq!(
            violations(&[arrow("billing", "axum")]),
            ["axum is not billing's business"]
        );
    }

    #[test]
    fn only_tests_of_billing_may_use_the_sandbox() {
        let test = Arrow {
            kind: DependencyKind::Development,
            ..arrow("billing", "sandbox")
        };
        assert_eq!(violations(&[test]), Vec::<String>::new());
        assert_eq!(
            violations(&[arrow("billing", "sandbox")]),
            ["billing may not use sandbox"]
        );
    }

    #[test]
    fn the_browser_must_be_able_to_leave_billing_out() {
        assert_eq!(violations(&[arrow("app", "billing")]).len(), 1);
    }

    #[test]
    fn a_new_crate_needs_a_rule() {
        assert_eq!(violations(&[arrow("reports", "types")]).len(), 1);
    }

    #[test]
    fn a_server_crate_in_the_browsers_tree_is_found() {
        let clean = "frontend v0.1.0 (/p)\napp v0.1.0 (/p)\nleptos v0.8.23\n";
        assert_eq!(browser_violations(clean), Vec::<String>::new());
        let dirty = format!("{clean}tokio v1.50.0\n");
        assert_eq!(
            browser_violations(&dirty),
            ["the browser's side contains tokio"]
        );
    }
}

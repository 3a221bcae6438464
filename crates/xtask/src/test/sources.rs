//! What no source file may say.
//!
//! Rust is read as tokens, so that comments and texts may speak of anything; other files are
//! read as text.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};

use crate::paths::Paths;

/// Directories with sources of ours.
const SEARCHED: [&str; 8] = [
    "app",
    "crates",
    "docs",
    "end2end",
    "frontend",
    "migrations",
    "server",
    "style",
];

/// Built, fetched or written by a run.
const SKIPPED: [&str; 4] = [
    "node_modules",
    "target",
    "test-results",
    "playwright-report",
];

/// Crates in which an amount of money is never a float.
const EXACT_CRATES: [&str; 3] = ["types", "ledger", "billing"];

/// Unfinished work and tests that do not run, in any file. Each is written in two pieces so
/// that this file does not say it.
const FORBIDDEN_TEXTS: [&str; 4] = [
    concat!("TO", "DO:"),
    concat!("FIX", "ME"),
    concat!("coming ", "soon"),
    concat!("lorem ", "ipsum"),
];

/// What keeps browser tests from running, however it is reached: `test.only(`, `describe.skip(`.
const SLEEPING_TESTS: [&str; 4] = [".only(", ".skip(", ".fixme(", ".fail("];

/// Reads every source file.
pub fn check(paths: &Paths) -> Result<()> {
    let mut violations = Vec::new();
    for directory in SEARCHED {
        for file in source_files(&paths.root.join(directory))? {
            let name = file
                .strip_prefix(&paths.root)?
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&file).with_context(|| name.clone())?;
            violations.extend(text_violations(&name, &text));
            if file.extension() == Some(OsStr::new("rs")) {
                violations.extend(rust_violations(&name, &text)?);
            }
        }
    }
    for name in EXACT_CRATES {
        let library = paths.root.join(format!("crates/{name}/src/lib.rs"));
        if !fs::read_to_string(&library)?.contains("#![deny(clippy::float_arithmetic)]") {
            violations.push(format!(
                "crates/{name} does not deny clippy::float_arithmetic"
            ));
        }
    }
    if !violations.is_empty() {
        bail!("{}", violations.join("\n  "));
    }
    Ok(())
}

fn source_files(directory: &Path) -> Result<Vec<PathBuf>> {
    const KINDS: [&str; 8] = ["css", "html", "json", "md", "rs", "sql", "toml", "ts"];
    let mut files = Vec::new();
    let entries =
        fs::read_dir(directory).with_context(|| format!("{} is missing", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let kind = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) && !name.starts_with('.') {
                files.extend(source_files(&path)?);
            }
        } else if KINDS.contains(&kind) && name != "package-lock.json" {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn text_violations(name: &str, text: &str) -> Vec<String> {
    let mut violations = Vec::new();
    let sleeping: &[&str] = if name.ends_with(".spec.ts") {
        &SLEEPING_TESTS
    } else {
        &[]
    };
    for (index, line) in text.lines().enumerate() {
        for forbidden in FORBIDDEN_TEXTS.iter().chain(sleeping) {
            if line.contains(forbidden) {
                violations.push(format!("{name}:{}: `{forbidden}`", index + 1));
            }
        }
    }
    violations
}

fn rust_violations(name: &str, text: &str) -> Result<Vec<String>> {
    let tokens = TokenStream::from_str(text).map_err(|error| anyhow!("{name}: {error}"))?;
    let mut words = Vec::new();
    read_words(tokens, Place::default(), &mut words);
    // A benchmark beside them computes with seconds, not with money.
    let is_exact = EXACT_CRATES.iter().any(|exact| {
        let path = name.strip_prefix(&format!("crates/{exact}/"));
        path.is_some_and(|path| !path.starts_with("benches/"))
    });
    let is_page = name.starts_with("app/src/") && !may_name_billing(name);
    let has_own_billing = declares_module(&words, "billing");

    let mut violations = Vec::new();
    for word in &words {
        let line = word.span.start().line;
        let mut add = |what: &str| violations.push(format!("{name}:{line}: {what}"));
        match word.text.as_str() {
            "todo" | "unimplemented" if word.before_bang => add("unfinished work"),
            "ignore" if word.in_attribute => add("a test that does not run"),
            "f32" | "f64" if is_exact => add("a float in a crate that handles money"),
            "billing" if is_page && word.starts_path && !has_own_billing => {
                add("only ssr and error.rs may name billing");
            }
            text if is_exact && is_float_literal(text) => {
                add("a float in a crate that handles money");
            }
            _ => {}
        }
    }
    Ok(violations)
}

/// The two files, and the parts of the first.
fn may_name_billing(name: &str) -> bool {
    matches!(name, "app/src/ssr.rs" | "app/src/error.rs") || name.starts_with("app/src/ssr/")
}

/// An identifier or a literal, and what stands around it.
#[derive(Debug)]
struct Word {
    text: String,
    span: Span,
    /// `word!`
    before_bang: bool,
    /// `word::…` with nothing before it, so a crate's name or a module's beside it.
    starts_path: bool,
    /// `#[word]`, `#[word = "…"]`, `#[cfg_attr(…, word)]`
    in_attribute: bool,
    /// `mod word`
    after_mod: bool,
}

/// What a group of tokens stands in.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// It follows `::`, as in `use crate::{a::b}`.
    in_path: bool,
    /// It is in `#[…]`, at any depth.
    in_attribute: bool,
}

fn read_words(tokens: TokenStream, place: Place, words: &mut Vec<Word>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let before = tokens[..index].last();
        let after_colons = index >= 2 && is_path_separator(&tokens[index - 2..index]);
        match token {
            TokenTree::Group(group) => {
                // `#[…]` or `#![…]`
                let is_attribute = group.delimiter() == Delimiter::Bracket
                    && tokens[..index]
                        .iter()
                        .rev()
                        .find(|token| !is_sign(token, '!'))
                        .is_some_and(|token| is_sign(token, '#'));
                let inside = Place {
                    in_path: after_colons,
                    in_attribute: place.in_attribute || is_attribute,
                };
                read_words(group.stream(), inside, words);
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                let next = tokens.get(index + 1);
                let next_two = tokens.get(index + 1..index + 3);
                words.push(Word {
                    text: token.to_string(),
                    span: token.span(),
                    before_bang: next.is_some_and(|token| is_sign(token, '!')),
                    starts_path: next_two.is_some_and(is_path_separator)
                        && !after_colons
                        && !place.in_path,
                    in_attribute: place.in_attribute,
                    after_mod: before.is_some_and(|token| token.to_string() == "mod"),
                });
            }
            TokenTree::Punct(_) => {}
        }
    }
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    let [TokenTree::Punct(first), second] = tokens else {
        return false;
    };
    first.as_char() == ':' && first.spacing() == Spacing::Joint && is_sign(second, ':')
}

fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn declares_module(words: &[Word], name: &str) -> bool {
    words.iter().any(|word| word.after_mod && word.text == name)
}

/// `1.5`, `2e3`, `1f64`; not `1.0.0` in a text, not `0xe1`.
fn is_float_literal(text: &str) -> bool {
    let is_number = text.starts_with(|sign: char| sign.is_ascii_digit());
    let is_other_base = ["0x", "0b", "0o"].iter().any(|base| text.starts_with(base));
    if !is_number || is_other_base {
        return false;
    }
    // The suffix first: it may end in a digit itself.
    let has_float_suffix = text.ends_with("f32") || text.ends_with("f64");
    let has_integer_suffix = text.contains(['u', 'i']);
    let has_fraction_or_exponent = text.contains(['.', 'e', 'E']);
    has_float_suffix || (has_fraction_or_exponent && !has_integer_suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        rust_violations(name, text).unwrap()
    }

    #[test]
    fn a_float_is_found_where_money_is_handled_and_nowhere_else() {
        let text = "fn a(rate: f64) {} // f32 in a comment\n";
        assert_eq!(
            found("crates/ledger/src/a.rs", text),
            ["crates/ledger/src/a.rs:1: a float in a crate that handles money"]
        );
        assert_eq!(found("crates/xtask/src/a.rs", text), Vec::<String>::new());
        assert_eq!(found("crates/ledger/benches/a.rs", text).len(), 0);
        assert_eq!(
            found("crates/types/src/a.rs", "const A: i64 = 1_000i64; // 0.5").len(),
            0
        );
        assert_eq!(
            found("crates/types/src/a.rs", "fn a() { b(0xe1, 2.5) }").len(),
            1
        );
        for (literal, is_float) in [
            ("1f64", true),
            ("1_000f32", true),
            ("2e3", true),
            ("1.", true),
            ("1_000usize", false),
            ("0xf32", false),
            ("7", false),
        ] {
            assert_eq!(is_float_literal(literal), is_float, "{literal}");
        }
    }

    #[test]
    fn a_page_that_names_billing_is_found() {
        let page = "app/src/pages/home.rs";
        assert_eq!(found(page, "use billing::Billing;").len(), 1);
        assert_eq!(
            found(page, "fn a() { view! { <b>{billing::b()}</b> } }").len(),
            1
        );
        assert_eq!(found("app/src/ssr.rs", "use billing::Billing;").len(), 0);
    }

    #[test]
    fn a_page_called_billing_is_not_the_crate() {
        let page = "app/src/pages/mod.rs";
        assert_eq!(
            found(page, "mod billing; pub use billing::BillingPage;").len(),
            0
        );
        assert_eq!(
            found(page, "use crate::pages::{billing::BillingPage};").len(),
            0
        );
        assert_eq!(
            found(page, "use crate::pages::billing::BillingPage;").len(),
            0
        );
    }

    #[test]
    fn unfinished_work_and_sleeping_tests_are_found() {
        let unfinished = format!("fn a() {{ {}!() }}", "todo");
        assert_eq!(found("server/src/a.rs", &unfinished).len(), 1);
        assert_eq!(
            found("server/src/a.rs", "#[test] #[ignore] fn a() {}").len(),
            1
        );
        assert_eq!(
            found("server/src/a.rs", "#[cfg_attr(unix, ignore)] fn a() {}").len(),
            1
        );
        assert_eq!(
            found("server/src/a.rs", "fn a(ignore: bool, todo: u8) {}").len(),
            0
        );
        for sleeping in ["test.only('one', …)", "test.describe.skip('two', …)"] {
            assert_eq!(text_violations("end2end/a.spec.ts", sleeping).len(), 1);
            assert_eq!(text_violations("crates/a.rs", sleeping).len(), 0);
        }
    }
}

//! The built site's files: scripts, WASM, styles, icons.
//!
//! All of them are read once at start, from a directory or from inside the binary, so a request
//! can only ever name a file that was there: there is no path to escape from. Owns their types,
//! their compressed forms and how long browsers may keep them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, VARY,
};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use crate::config::Caching;

/// Names of files under `pkg_dir` carry a hash of their content: what is behind one never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Icons and the like: a day is short enough to replace one.
const A_DAY: &str = "public, max-age=86400";
const NOT_AT_ALL: &str = "no-store";

/// What `site.json` says: the names that pages refer to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SiteNames {
    /// Directory of the hashed files, such as `pkg/3f9c2a`.
    pub pkg_dir: String,
    /// Their common name, such as `zerogpu-billing`.
    pub output_name: String,
}

impl SiteNames {
    /// A site that cargo-leptos built has the names that the workspace's metadata gives it.
    fn of_cargo_leptos(contents: &Contents) -> Option<Self> {
        contents
            .contains_key("pkg/zerogpu-billing.js")
            .then(|| Self {
                pkg_dir: "pkg".to_owned(),
                output_name: "zerogpu-billing".to_owned(),
            })
    }
}

/// The site, in memory.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub names: SiteNames,
    pub root: PathBuf,
    files: HashMap<String, SiteFile>,
    caching: Caching,
}

#[derive(Debug, Clone)]
struct SiteFile {
    content_type: &'static str,
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
}

/// Why there is no site.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error(
        "this binary has no site inside it: name a built one, such as --site target/site, or make a \
         binary that has one with `cargo xtask build`"
    )]
    NotGiven,
    #[error("the site at {path} cannot be read; name a built one, such as --site target/site")]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the site has no usable site.json; build it again with `cargo xtask build`")]
    NoNames,
}

impl Site {
    /// Reads the site from `directory`, or from the binary when none is given.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub(crate) fn load(directory: Option<&Path>, caching: Caching) -> Result<Self, SiteError> {
        let (root, contents) = match directory {
            Some(directory) => (directory.to_owned(), read_directory(directory)?),
            None => (PathBuf::new(), embedded().ok_or(SiteError::NotGiven)?),
        };
        let names = match contents.get("site.json") {
            Some(json) => serde_json::from_slice(json).ok(),
            None => SiteNames::of_cargo_leptos(&contents),
        };
        let names = names.ok_or(SiteError::NoNames)?;
        Ok(Self {
            names,
            root,
            files: with_compressed_forms(contents),
            caching,
        })
    }

    /// The file at a request's path, in the smallest form that the browser takes.
    pub(crate) fn find(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let path = path.strip_prefix('/')?;
        let file = self.files.get(path)?;
        let is_hashed = path
            .strip_prefix(self.names.pkg_dir.as_str())
            .is_some_and(|rest| rest.starts_with('/'));
        let lifetime = match (self.caching, is_hashed) {
            (Caching::Off, _) => NOT_AT_ALL,
            (Caching::On, true) => FOREVER,
            (Caching::On, false) => A_DAY,
        };
        Some(file.response(lifetime, headers))
    }
}

impl SiteFile {
    fn response(&self, lifetime: &'static str, headers: &HeaderMap) -> Response {
        let accepted = |coding| accepts(headers, coding);
        let (body, encoding) = match (&self.brotli, &self.gzip) {
            (Some(brotli), _) if accepted("br") => (brotli, Some("br")),
            (_, Some(gzip)) if accepted("gzip") => (gzip, Some("gzip")),
            _ => (&self.plain, None),
        };
        let mut response = (StatusCode::OK, body.clone()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(lifetime));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}

/// Whether `Accept-Encoding` names `coding` without `q=0`.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offer| {
            let (name, quality) = offer.split_once(';').unwrap_or((offer, "q=1"));
            let quality = quality.trim().trim_start_matches("q=");
            let is_refused = !quality.is_empty() && quality.chars().all(|c| matches!(c, '0' | '.'));
            name.trim().eq_ignore_ascii_case(coding) && !is_refused
        })
}

/// Files by their path under the root, with `/` between its parts.
type Contents = HashMap<String, Bytes>;

fn with_compressed_forms(contents: Contents) -> HashMap<String, SiteFile> {
    let compressed = |path: &str, ending: &str| contents.get(&format!("{path}.{ending}")).cloned();
    contents
        .iter()
        .filter(|(path, _)| {
            !path.ends_with(".br") && !path.ends_with(".gz") && *path != "site.json"
        })
        .map(|(path, plain)| {
            let file = SiteFile {
                content_type: content_type(path),
                plain: plain.clone(),
                brotli: compressed(path, "br"),
                gzip: compressed(path, "gz"),
            };
            (path.clone(), file)
        })
        .collect()
}

fn read_directory(root: &Path) -> Result<Contents, SiteError> {
    let mut contents = Contents::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        let unreadable = |source| SiteError::Unreadable {
            path: directory.clone(),
            source,
        };
        for entry in std::fs::read_dir(&directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|source| SiteError::Unreadable {
                path: path.clone(),
                source,
            })?;
            let inside = path
                .strip_prefix(root)
                .expect("it was found under the root");
            let name: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            contents.insert(name.join("/"), bytes.into());
        }
    }
    Ok(contents)
}

/// The site that the build script found.
#[cfg(feature = "embed-site")]
fn embedded() -> Option<Contents> {
    let files: &[(&str, &'static [u8])] = &include!(concat!(env!("OUT_DIR"), "/site.rs"));
    let contents = files
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), Bytes::from_static(bytes)));
    Some(contents.collect())
}

#[cfg(not(feature = "embed-site"))]
fn embedded() -> Option<Contents> {
    None
}

fn content_type(path: &str) -> &'static str {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offering(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
        headers
    }

    #[test]
    fn an_encoding_is_taken_when_it_is_named_and_not_refused() {
        let cases = [
            ("br", true),
            ("gzip, deflate, br", true),
            ("gzip;q=1, BR;q=0.5", true),
            ("br;q=0", false),
            ("br;q=0.0", false),
            ("gzip", false),
            ("", false),
        ];
        for (value, expected) in cases {
            assert_eq!(accepts(&offering(value), "br"), expected, "{value:?}");
        }
    }

    #[test]
    fn a_site_of_cargo_leptos_has_the_names_of_the_metadata() {
        let named = |path: &str| Contents::from([(path.to_owned(), Bytes::new())]);
        let names = SiteNames::of_cargo_leptos(&named("pkg/zerogpu-billing.js")).unwrap();
        assert_eq!(
            (names.pkg_dir.as_str(), names.output_name.as_str()),
            ("pkg", "zerogpu-billing")
        );
        assert_eq!(SiteNames::of_cargo_leptos(&named("pkg/other.js")), None);
    }

    #[test]
    fn a_binary_without_a_site_says_how_to_name_one() {
        if embedded().is_none() {
            let error = Site::load(None, Caching::On).unwrap_err();
            assert!(error.to_string().contains("--site"), "{error}");
        }
    }
}

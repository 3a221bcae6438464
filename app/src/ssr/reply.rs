//! How a request is answered: status, redirect, theme.

use http::header::{ACCEPT, HeaderName, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, StatusCode};
use leptos::prelude::use_context;
use leptos::server_fn::redirect::REDIRECT_HEADER;
use leptos_axum::ResponseOptions;

use super::cookies;
use crate::error::AppError;
use crate::server_fns::theme::Theme;

/// Where a path that came from outside may not lead.
const HOME: &str = "/billing";
const THEME_COOKIE: &str = "theme";
/// A year: people do not expect to choose again.
const THEME_ATTRIBUTES: &str = "Max-Age=31536000";

/// Gives the response the status of its error, so that logs and machines see a refusal as one.
pub fn respond<T>(result: Result<T, AppError>) -> Result<T, AppError> {
    if let (Err(error), Some(response)) = (&result, use_context::<ResponseOptions>())
        && let Ok(status) = StatusCode::from_u16(error.status())
    {
        response.set_status(status);
    }
    result
}

/// The page stands although a part of it has no answer: whoever looks at the status alone, a proxy
/// with error pages of its own among them, must not take the page away.
pub fn keep_page() {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(StatusCode::OK);
    }
}

/// Sends the browser to a page of ours: 303 to one that posted a form or asked for a page,
/// a client-side navigation to our script.
pub fn go(path: &str) {
    let (Some(parts), Some(response)) = (use_context::<Parts>(), use_context::<ResponseOptions>())
    else {
        return;
    };
    let Ok(location) = HeaderValue::from_str(path) else {
        return;
    };
    response.insert_header(LOCATION, location);
    let wants_page = parts
        .headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if wants_page || parts.method == Method::GET {
        response.set_status(StatusCode::SEE_OTHER);
    } else {
        response.insert_header(
            HeaderName::from_static(REDIRECT_HEADER),
            HeaderValue::from_static(""),
        );
    }
}

/// A path of this site, or the home page: `next` must never lead to another site.
#[must_use]
pub fn local_path(next: &str) -> &str {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && !next.starts_with("/login")
        && next
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { next } else { HOME }
}

/// The theme that the person chose; the system's while they have not.
#[must_use]
pub fn theme() -> Theme {
    cookies::read(THEME_COOKIE).map_or(Theme::System, |value| Theme::parse(&value))
}

/// Keeps the choice for the next page.
pub fn set_theme(theme: Theme) {
    match theme {
        Theme::Dark | Theme::Light => {
            cookies::write(THEME_COOKIE, theme.as_str(), THEME_ATTRIBUTES);
        }
        Theme::System => cookies::forget(THEME_COOKIE),
    }
}

/// The page that a form was posted from, if it is one of ours.
#[must_use]
pub fn referring_path() -> String {
    let path = || {
        let parts = use_context::<Parts>()?;
        let referer = parts.headers.get(http::header::REFERER)?.to_str().ok()?;
        let uri: http::Uri = referer.parse().ok()?;
        uri.path_and_query()
            .map(|path| local_path(path.as_str()).to_owned())
    };
    path().unwrap_or_else(|| HOME.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_nobody_is_sent_to_another_site() {
        assert_eq!(
            local_path("/billing/history?after=a"),
            "/billing/history?after=a"
        );
        for next in [
            "",
            "https://x.example",
            "//x.example",
            "/\\x.example",
            "/a\r\nb",
            "/login",
        ] {
            assert_eq!(local_path(next), HOME, "{next:?}");
        }
    }
}

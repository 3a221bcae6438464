//! Pages are for those who are signed in.
//!
//! Signed out, a page leads to the sign-in and from there back. Server functions answer for
//! themselves, and the site's files need no session.

use app::ssr::{CurrentSession, local_path};
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::Uri;

const SIGN_IN: &str = "/login";

pub(crate) async fn apply(request: Request, next: Next) -> Response {
    let is_signed_in = matches!(
        request.extensions().get::<CurrentSession>(),
        Some(CurrentSession(Some(_)))
    );
    // What no route matched is a file or the page that says so.
    let is_page = request.extensions().get::<MatchedPath>().is_some()
        && !request.uri().path().starts_with("/api/");
    let is_sign_in = request.uri().path() == SIGN_IN;
    match (is_page, is_sign_in, is_signed_in) {
        (true, false, false) => Redirect::to(&sign_in_for(request.uri())).into_response(),
        (true, true, true) => Redirect::to(&wanted(request.uri())).into_response(),
        _ => next.run(request).await,
    }
}

/// The sign-in that leads back to `uri`.
fn sign_in_for(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if path == "/" {
        return SIGN_IN.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", path)
        .finish();
    format!("{SIGN_IN}?{query}")
}

/// Where the sign-in would have led: a path of ours, whatever the address says.
fn wanted(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let next = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
    next.map_or_else(
        || local_path("").to_owned(),
        |(_, next)| local_path(&next).to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_in_leads_back_to_the_page_with_its_query() {
        let uri = Uri::from_static("/billing/history?after=a%26b&x=1");
        let sign_in = sign_in_for(&uri);
        assert_eq!(
            sign_in,
            "/login?next=%2Fbilling%2Fhistory%3Fafter%3Da%2526b%26x%3D1"
        );
        assert_eq!(
            wanted(&sign_in.parse().unwrap()),
            "/billing/history?after=a%26b&x=1"
        );
        assert_eq!(sign_in_for(&Uri::from_static("/")), "/login");
    }

    #[test]
    fn nobody_is_led_to_another_site() {
        for next in [
            "https://evil.example",
            "//evil.example",
            "/%5Cevil.example",
            "",
        ] {
            let uri: Uri = format!("/login?next={next}").parse().unwrap();
            assert_eq!(wanted(&uri), "/billing", "{next}");
        }
    }
}

//! `/docs`: the API's description as a page.
//!
//! Rendered here from the description, in the site's own style, and readable without script: the
//! page runs none, and its content policy allows none. Owns the page; what it says is `openapi`'s.

mod example;
mod markup;
mod object;
mod operation;
mod page;

use app::server_fns::theme::Theme;
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_SECURITY_POLICY, COOKIE};
use http::{HeaderMap, HeaderValue};
use leptos::nonce::Nonce;

use self::page::Look;
use super::openapi::document;
use crate::parts::Parts;

pub(crate) fn routes() -> Router<Parts> {
    Router::new().route("/docs", get(show))
}

async fn show(State(parts): State<Parts>, headers: HeaderMap) -> Response {
    let nonce = Nonce::new();
    let names = &parts.site.names;
    let look = Look {
        styles: format!("/{}/{}.css", names.pkg_dir, names.output_name),
        theme: theme(&headers).attribute(),
        nonce: nonce.to_string(),
        origin: parts.web.public_url.origin().to_owned(),
    };
    let mut response = Html(page::render(document(), &look)).into_response();
    let policy = format!(
        "default-src 'none'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    // A nonce is made of letters that every header takes; without the policy nothing is allowed.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The look that the person chose on one of our pages.
fn theme(headers: &HeaderMap) -> Theme {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix("theme="))
        .map_or(Theme::System, Theme::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_look_is_found_among_other_cookies() {
        let of = |cookie: &'static str| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookie))]);
            theme(&headers)
        };
        assert_eq!(of("session=a; theme=dark"), Theme::Dark);
        assert_eq!(of("xtheme=dark"), Theme::System);
        assert_eq!(of("theme=\"><script>"), Theme::System);
    }
}

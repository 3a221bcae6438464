//! What people are told when something breaks before or behind a page: in words, in the look of the
//! site, but without any of its parts, as it must stand when they do not.
//!
//! Scripts and machines get the machine API's error. Owns who is who, and the words; what went
//! wrong is logged where it did.

use app::error::AppError;
use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use billing::StoreError;
use http::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use leptos::config::LeptosOptions;
use types::ids::TopUpId;

use crate::parts::Parts;

/// Long enough for a database to come back, short enough to wait for.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
/// Nobody reads a page here.
const FOR_MACHINES: [&str; 9] = [
    "/v1/",
    "/api/v1/",
    "/webhooks/",
    "/sandbox",
    "/openapi.json",
    "/docs",
    "/healthz",
    "/readyz",
    "/metrics",
];
/// What pages fetch by themselves; a person comes here only by a form.
const FOR_SCRIPTS: [&str; 2] = ["/api/", "/pkg/"];

/// What of a request decides how it is answered.
pub(crate) struct Asked {
    is_for_a_person: bool,
    /// Where "Try again" leads: to the same page; after a form, which is not posted again by a
    /// link, to the first one.
    again: &'static str,
    /// The page that says what became of what was sent, if there is one.
    outcome: Option<String>,
}

impl Asked {
    pub(crate) fn of(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let accepts = |kind| accept.is_some_and(|accept| accept.contains(kind));
        let is_under = |prefixes: &[&str]| {
            let path = uri.path();
            prefixes.iter().any(|prefix| path.starts_with(prefix))
        };
        let is_for_a_person = if is_under(&FOR_MACHINES) {
            false
        } else if is_under(&FOR_SCRIPTS) {
            accepts("text/html")
        } else {
            accept.is_none() || accepts("text/html") || accepts("*/*")
        };
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        Self {
            is_for_a_person,
            again: if is_read { "" } else { "/billing" },
            outcome: if is_read { None } else { outcome_page(uri) },
        }
    }
}

/// The form that adds credit names its top-up in the address that it posts to: whatever breaks, the
/// person is led to where its fate is told, and never to a fresh form.
fn outcome_page(uri: &Uri) -> Option<String> {
    let query = uri.query()?;
    let (_, id) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "top_up")?;
    let id: TopUpId = id.parse().ok()?;
    Some(app::server_fns::top_up::status_page(id))
}

/// Makes what broke readable for whoever asked.
pub(crate) async fn apply(State(parts): State<Parts>, request: Request, next: Next) -> Response {
    let asked = Asked::of(request.method(), request.uri(), request.headers());
    readable(&asked, next.run(request).await, &parts.leptos)
}

fn readable(asked: &Asked, response: Response, site: &LeptosOptions) -> Response {
    let status = response.status();
    let is_trouble = status.is_client_error() || status.is_server_error();
    if !asked.is_for_a_person || !is_trouble || is_page(&response) {
        return response;
    }
    if let Some(outcome) = asked.outcome.as_ref().filter(|_| status.is_server_error()) {
        return Redirect::to(outcome).into_response();
    }
    let (mut kept, _) = response.into_parts();
    for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING] {
        kept.headers.remove(name);
    }
    let (page, body) = page(status, asked.again, site).into_parts();
    kept.headers.extend(page.headers);
    Response::from_parts(kept, body)
}

fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/html"))
}

/// The answer when it cannot be found out who is asking: a page, or what the page's script reads as
/// the error of any server function.
pub(crate) fn unknown_visitor(asked: &Asked, error: StoreError, site: &LeptosOptions) -> Response {
    let error = AppError::from(error);
    if asked.is_for_a_person {
        return page(StatusCode::SERVICE_UNAVAILABLE, asked.again, site);
    }
    let status = StatusCode::from_u16(error.status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(error)).into_response()
}

/// A heading and what it means for the person.
const fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        403 => (
            "This request was refused",
            "It seems to come from another site. Nothing was changed. Open the page again and \
             repeat it there.",
        ),
        413 => (
            "This is too much at once",
            "More was sent than any form here takes. Nothing was changed.",
        ),
        400..=499 => (
            "This cannot be done",
            "The address or the form is not one of ours. Nothing was changed.",
        ),
        502..=504 => (
            "This page is not available right now",
            "Your credit and cards are safe. Before you repeat a payment, see on the Billing page \
             how the last one stands. Try again in a moment.",
        ),
        _ => (
            "Something went wrong on our side",
            "It was recorded. Your credit and cards are safe. Before you repeat a payment, see on \
             the Billing page how the last one stands.",
        ),
    }
}

fn page(status: StatusCode, again: &str, site: &LeptosOptions) -> Response {
    let styles = format!("/{}/{}.css", site.site_pkg_dir, site.output_name);
    let (heading, meaning) = words(status);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"dark light\">\n\
         <title>{heading} · ZeroGPU Billing</title>\n\
         <link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"{styles}\">\n</head>\n<body>\n\
         <main class=\"lone\">\n<h1>{heading}</h1>\n<p>{meaning}</p>\n\
         <a class=\"button\" href=\"{again}\">Try again</a>\n</main>\n</body>\n</html>\n",
    );
    let mut response = (status, Html(page)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::error::ApiError;

    fn asked(method: Method, path: &'static str, accept: &'static str) -> Asked {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        Asked::of(&method, &Uri::from_static(path), &headers)
    }

    #[test]
    fn people_get_a_page_and_scripts_and_machines_get_json() {
        for (method, path, accept, is_for_a_person) in [
            (Method::GET, "/billing", "text/html,*/*", true),
            (Method::GET, "/billing", "*/*", true),
            (Method::GET, "/billing", "application/json", false),
            (Method::POST, "/api/sign_in", "text/html,*/*", true),
            (Method::POST, "/api/viewer", "application/json", false),
            (Method::POST, "/api/v1/events", "text/html,*/*", false),
            (Method::GET, "/v1/balance", "text/html,*/*", false),
            (Method::GET, "/pkg/0/none.css", "*/*", false),
        ] {
            let asked = asked(method, path, accept);
            assert_eq!(asked.is_for_a_person, is_for_a_person, "{path} {accept}");
        }
    }

    /// What `asked` gets where a limit of ours was reached behind it.
    fn answered(asked: &Asked) -> Response {
        let site = LeptosOptions::builder().output_name("site").build();
        let code = StatusCode::SERVICE_UNAVAILABLE;
        let limit = ApiError::new(code, "timeout", "this took too long");
        readable(asked, limit.into_response(), &site)
    }

    #[test]
    fn a_person_whose_page_took_too_long_gets_a_page_and_a_script_the_error() {
        let page = answered(&asked(Method::GET, "/billing", "text/html"));
        assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(is_page(&page));
        assert!(page.headers().contains_key(RETRY_AFTER));
        let error = answered(&asked(Method::POST, "/api/viewer", "application/json"));
        assert_eq!(error.headers()[CONTENT_TYPE], "application/json");
    }

    #[test]
    fn a_person_whose_payment_took_too_long_is_led_to_its_fate() {
        let path = "/api/start_top_up?top_up=01932f6e-7c1a-7000-8000-0123456789ab";
        let led = answered(&asked(Method::POST, path, "text/html"));
        assert_eq!(led.status(), StatusCode::SEE_OTHER);
        assert_eq!(
            led.headers()[http::header::LOCATION],
            "/billing?top_up=01932f6e-7c1a-7000-8000-0123456789ab"
        );
    }

    #[test]
    fn trying_again_never_leads_to_where_a_form_was_posted() {
        assert_eq!(asked(Method::GET, "/billing/history", "*/*").again, "");
        assert_eq!(
            asked(Method::POST, "/api/sign_in", "text/html").again,
            "/billing"
        );
    }

    #[test]
    fn a_payment_that_broke_leads_to_where_its_fate_is_told() {
        let path = "/api/start_top_up?top_up=01932f6e-7c1a-7000-8000-0123456789ab";
        assert_eq!(
            asked(Method::POST, path, "text/html").outcome.as_deref(),
            Some("/billing?top_up=01932f6e-7c1a-7000-8000-0123456789ab")
        );
        assert_eq!(asked(Method::GET, path, "text/html").outcome, None);
        let path = "/api/start_top_up?top_up=//evil.example";
        assert_eq!(asked(Method::POST, path, "text/html").outcome, None);
    }
}

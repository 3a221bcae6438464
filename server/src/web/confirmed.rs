//! `/billing/confirmed`: where the bank's page leads back to.
//!
//! It stands in the frame that the bank's page stood in, and only tells the page around it to ask
//! how the payment stands. It knows nothing of the payment itself, so it needs no session.

use axum::response::{Html, IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};
use leptos::nonce::Nonce;

pub(crate) const PATH: &str = "/billing/confirmed";

/// In a frame it speaks to the page around it; in a tab of its own it goes on to Billing.
const SCRIPT: &str = "if (window.parent !== window) \
     window.parent.postMessage({ source: 'bank-answered' }, window.location.origin); \
     else window.location.replace('/billing');";

pub(super) async fn show() -> Response {
    let nonce = Nonce::new();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Back to Billing</title>\n</head>\n<body>\n\
         <p role=\"status\">Your bank has your answer. <a href=\"/billing\" target=\"_top\">Back to Billing</a></p>\n\
         <script nonce=\"{nonce}\">{SCRIPT}</script>\n</body>\n</html>\n"
    );
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self'"
    );
    let mut response = Html(page).into_response();
    let headers = response.headers_mut();
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    // A nonce is made of letters that every header takes; without it the script does not run.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

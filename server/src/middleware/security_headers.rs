//! What browsers may do with our answers.
//!
//! A page's own content policy carries its nonce and is set where the page is rendered
//! (`web::policy`), and the built-in bank's page, which is shown in a frame of ours, brings its
//! own; every other answer gets one that allows nothing.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};

use crate::parts::{Parts, SANDBOX_PATH};

const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
                       frame-ancestors 'none'";
const PERMISSIONS: &str =
    "camera=(), geolocation=(), microphone=(), usb=(), payment=(self), browsing-topics=()";
/// A year, for this host alone: others under the domain are not ours to decide for.
const TLS_ONLY: &str = "max-age=31536000";

pub(crate) async fn apply(State(parts): State<Parts>, request: Request, next: Next) -> Response {
    let is_framed = request
        .uri()
        .path()
        .starts_with(&format!("{SANDBOX_PATH}/3ds"));
    let mut response = next.run(request).await;
    let framing = if is_framed { "SAMEORIGIN" } else { "DENY" };
    let mut default = |name: HeaderName, value: &'static str| {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    default(CONTENT_SECURITY_POLICY, NOTHING);
    default(X_FRAME_OPTIONS, framing);
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(REFERRER_POLICY, "strict-origin-when-cross-origin");
    default(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    default(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    default(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    // What an organization sees must not stay in a shared cache; site files say otherwise.
    default(CACHE_CONTROL, "no-store");
    if parts.web.public_url.is_https() {
        default(STRICT_TRANSPORT_SECURITY, TLS_ONLY);
    }
    response
}

//! What a page may run, show and talk to.
//!
//! Where Stripe takes the cards, the pages that pay are widened by exactly what Stripe's script
//! needs, and no other page is.
//!
//! Source: docs.stripe.com/security/guide#content-security-policy.

use app::ssr::StripeScript;
use http::header::{CONTENT_SECURITY_POLICY, HeaderName};
use http::{HeaderMap, HeaderValue};
use leptos_axum::ResponseOptions;

/// Stripe's script comes in parts, from addresses below its own.
const STRIPE_SCRIPTS: &str = " https://js.stripe.com https://*.js.stripe.com";
const STRIPE_API: &str = " https://api.stripe.com";
/// The last: the bank's page of a 3-D Secure payment.
const STRIPE_FRAMES: &str =
    " https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com";

/// Gives a page its headers.
pub(super) fn of_page(nonce: &str, script: StripeScript, response: &ResponseOptions) {
    for (name, value) in headers(nonce, script).drain() {
        if let Some(name) = name {
            response.insert_header(name, value);
        }
    }
}

fn headers(nonce: &str, script: StripeScript) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // A nonce is made of letters that every header takes; without a policy of its own the page
    // gets the one that allows nothing.
    if let Ok(policy) = HeaderValue::from_str(&content_policy(nonce, script)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if script == StripeScript::Here {
        // Link and wallets open windows of their own, and answer to the one that opened them.
        headers.insert(
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin-allow-popups"),
        );
    }
    headers
}

/// Our own files and inline parts that carry this page's nonce, and WASM.
fn content_policy(nonce: &str, script: StripeScript) -> String {
    let (scripts, api, frames) = match script {
        StripeScript::Here => (STRIPE_SCRIPTS, STRIPE_API, STRIPE_FRAMES),
        StripeScript::Unused | StripeScript::Elsewhere => ("", "", ""),
    };
    format!(
        "default-src 'none'; \
         script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'{scripts}; \
         style-src 'self' 'nonce-{nonce}'; \
         img-src 'self'; \
         font-src 'self'; \
         connect-src 'self'{api}; \
         form-action 'self'; \
         frame-src 'self'{frames}; \
         frame-ancestors 'none'; \
         base-uri 'none'; \
         manifest-src 'self'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_runs_what_carries_its_nonce_and_nothing_inline_else() {
        let policy = content_policy("abc", StripeScript::Unused);
        let scripts = "script-src 'self' 'nonce-abc' 'wasm-unsafe-eval';";
        assert!(policy.contains(scripts), "{policy}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert!(!policy.contains("https:"), "{policy}");
    }

    #[test]
    fn stripe_is_let_into_a_page_that_pays_and_into_no_other() {
        let elsewhere = content_policy("abc", StripeScript::Elsewhere);
        assert_eq!(elsewhere, content_policy("abc", StripeScript::Unused));
        let here = content_policy("abc", StripeScript::Here);
        for part in [
            "'wasm-unsafe-eval' https://js.stripe.com https://*.js.stripe.com;",
            "connect-src 'self' https://api.stripe.com;",
            "frame-src 'self' https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com;",
        ] {
            assert!(here.contains(part), "{here}");
        }
        assert!(!here.contains("unsafe-inline"), "{here}");
    }
}

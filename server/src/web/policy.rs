//! The content security policy of a page.

use http::HeaderValue;

/// Our own files and inline parts that carry this page's nonce, WASM, and the gateway's origins.
pub(super) fn page(nonce: &str, gateway_origins: &[String]) -> Option<HeaderValue> {
    let gateway: String = gateway_origins
        .iter()
        .map(|origin| format!(" {origin}"))
        .collect();
    let policy = format!(
        "default-src 'none'; \
         script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self' 'nonce-{nonce}'; \
         img-src 'self'; \
         font-src 'self'; \
         connect-src 'self'{gateway}; \
         form-action 'self'; \
         frame-src 'self'{gateway}; \
         frame-ancestors 'none'; \
         base-uri 'none'; \
         manifest-src 'self'"
    );
    HeaderValue::from_str(&policy).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_runs_what_carries_its_nonce_and_nothing_inline_else() {
        let policy = page("abc", &["https://api.stripe.com".to_owned()]).unwrap();
        let policy = policy.to_str().unwrap();
        assert!(
            policy.contains("script-src 'self' 'nonce-abc' 'wasm-unsafe-eval';"),
            "{policy}"
        );
        assert!(
            policy.contains("connect-src 'self' https://api.stripe.com;"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe-inline"), "{policy}");
    }
}

//! What browsers may do with our answers.

use reqwest::header::{CONTENT_SECURITY_POLICY, HeaderMap};

use crate::support::{with_config, with_server};

fn value<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// The nonce that a policy allows.
fn nonce(policy: &str) -> &str {
    let start = policy.find("'nonce-").expect("a nonce") + "'nonce-".len();
    let length = policy[start..].find('\'').expect("its end");
    &policy[start..start + length]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pages_scripts_carry_the_nonce_that_its_policy_allows() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let mut nonces = Vec::new();
        for path in ["/billing", "/billing/history", "/models", "/no-such-page"] {
            let response = browser.get(path).await;
            let policy = value(response.headers(), "content-security-policy").to_owned();
            let html = response.text().await.unwrap();
            let allowed = nonce(&policy);
            assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
            assert!(
                policy.contains("frame-ancestors 'none'"),
                "{path}: {policy}"
            );
            assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
            assert!(!policy.contains("'unsafe-eval'"), "{path}: {policy}");
            for (index, tag) in html.match_indices("<script") {
                let whole = &html[index..index + html[index..].find('>').unwrap()];
                let carries = whole.contains(&format!("nonce=\"{allowed}\""))
                    || whole.contains(&format!("nonce={allowed}"));
                assert!(
                    carries || whole.contains("src="),
                    "{path}: {tag} without nonce: {whole}"
                );
            }
            assert!(
                !html.contains(" style=\""),
                "{path}: a style attribute, which is refused"
            );
            nonces.push(allowed.to_owned());
        }
        nonces.sort();
        nonces.dedup();
        assert_eq!(nonces.len(), 4, "every answer has a nonce of its own");
    })
    .await;
}

/// Stripe's keys, and an address at which nobody is.
fn with_stripe(config: &mut server::lifecycle::ServeConfig) {
    let gateway = &mut config.gateway;
    gateway.stripe_secret_key = Some("sk_test_none".to_owned().into());
    gateway.stripe_publishable_key = Some("pk_test_none".to_owned());
    gateway.stripe_webhook_secret = vec!["whsec_none".to_owned().into()];
    gateway.gateway_url = Some("http://127.0.0.1:9".to_owned());
}

/// One part of a policy, such as `script-src`.
fn part<'a>(policy: &'a str, name: &str) -> &'a str {
    let mut parts = policy.split("; ");
    parts
        .find_map(|part| part.strip_prefix(name)?.strip_prefix(' '))
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_stripes_keys_its_script_is_let_into_the_page_that_pays_alone() {
    with_config(with_stripe, async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let response = browser.get("/billing?add=1").await;
        let response = match response.headers().get("location") {
            // The form's id comes into its address.
            Some(page) => browser.get(page.to_str().unwrap()).await,
            None => response,
        };
        let headers = response.headers().clone();
        let policy = value(&headers, "content-security-policy");
        assert!(
            part(policy, "script-src")
                .ends_with("'wasm-unsafe-eval' https://js.stripe.com https://*.js.stripe.com"),
            "{policy}"
        );
        assert_eq!(
            part(policy, "connect-src"),
            "'self' https://api.stripe.com",
            "{policy}"
        );
        assert_eq!(
            part(policy, "frame-src"),
            "'self' https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
            "{policy}"
        );
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(
            value(&headers, "cross-origin-opener-policy"),
            "same-origin-allow-popups"
        );
        let html = response.text().await.unwrap();
        assert!(html.contains("data-stripe=\"here\""), "{html}");
        for path in ["/billing/history", "/models", "/login", "/no-such-page"] {
            let response = browser.get(path).await;
            let policy = value(response.headers(), "content-security-policy");
            assert!(!policy.contains("stripe"), "{path}: {policy}");
            assert_eq!(
                value(response.headers(), "cross-origin-opener-policy"),
                "same-origin"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_stripes_keys_no_page_lets_anything_of_stripes_in() {
    with_server(async |test| {
        let browser = test.tenant("Ada").await.browser().await;
        for path in ["/billing", "/billing/history", "/models"] {
            let response = browser.get(path).await;
            let policy = value(response.headers(), "content-security-policy").to_owned();
            assert!(!policy.contains("stripe"), "{path}: {policy}");
            assert!(!policy.contains("https:"), "{path}: {policy}");
            let html = response.text().await.unwrap();
            assert!(!html.contains("js.stripe.com"), "{path}");
            assert!(!html.contains("data-stripe"), "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers() {
    with_server(async |test| {
        for path in [
            "/login",
            "/v1/balance",
            "/healthz",
            "/favicon.svg",
            "/nowhere",
            "/api/nothing",
        ] {
            let response = test.browser().get(path).await;
            let headers = response.headers();
            assert!(headers.contains_key(CONTENT_SECURITY_POLICY), "{path}");
            assert_eq!(
                value(headers, "x-content-type-options"),
                "nosniff",
                "{path}"
            );
            assert_eq!(value(headers, "x-frame-options"), "DENY", "{path}");
            assert!(!value(headers, "referrer-policy").is_empty(), "{path}");
            assert!(!value(headers, "permissions-policy").is_empty(), "{path}");
            assert_eq!(value(headers, "x-request-id").len(), 36, "{path}");
            assert!(
                !headers.contains_key("strict-transport-security"),
                "{path}: plain http"
            );
        }
    })
    .await;
}

/// What goes wrong is answered as carefully as what goes well.
#[tokio::test(flavor = "multi_thread")]
async fn answers_to_what_is_refused_or_breaks_carry_them_too() {
    with_server(async |test| {
        let browser = test.tenant("Ada").await.browser().await;
        let huge = "x".repeat(200_000);
        let form = [("email", huge.as_str()), ("password", "x")];
        // Each on a connection of its own: what was not read whole ends it.
        let too_large = test.browser().call("sign_in", &form).await;
        let too_large_form = test.browser().post("sign_in", &form).await;
        let broken = browser.call("top_up_status", &[("id", "not-an-id")]).await;
        assert!(value(too_large_form.headers(), "content-type").starts_with("text/html"));
        for (response, status) in [(too_large, 413), (too_large_form, 413), (broken, 500)] {
            assert_eq!(response.status(), status);
            let headers = response.headers();
            assert!(headers.contains_key(CONTENT_SECURITY_POLICY), "{status}");
            assert_eq!(value(headers, "x-content-type-options"), "nosniff");
            assert_eq!(value(headers, "x-frame-options"), "DENY");
            assert_eq!(value(headers, "cache-control"), "no-store");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_browsers_are_told_to_stay_there() {
    let over_tls = |config: &mut server::lifecycle::ServeConfig| {
        config.listen.address.public_url = Some("https://billing.example.com".to_owned());
    };
    with_config(over_tls, async |test| {
        let response = test.browser().get("/login").await;
        let value = value(response.headers(), "strict-transport-security").to_owned();
        assert!(value.starts_with("max-age="), "{value}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_organization_sees_is_kept_in_no_cache() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let response = tenant.browser().await.get("/billing").await;
        assert_eq!(value(response.headers(), "cache-control"), "no-store");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_banks_page_may_be_shown_in_a_frame_and_only_in_ours() {
    with_server(async |test| {
        let response = test.browser().get("/sandbox/3ds/pi_none").await;
        assert_eq!(value(response.headers(), "x-frame-options"), "SAMEORIGIN");
        let policy = value(response.headers(), "content-security-policy").to_owned();
        assert!(!policy.contains("unsafe-inline"), "{policy}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_from_a_bank_needs_no_session_and_opens_in_our_frame() {
    with_server(async |test| {
        let response = test.browser().get("/billing/confirmed").await;
        assert_eq!(response.status(), 200);
        assert_eq!(value(response.headers(), "x-frame-options"), "SAMEORIGIN");
        let policy = value(response.headers(), "content-security-policy").to_owned();
        assert!(policy.contains("frame-ancestors 'self'"), "{policy}");
        let html = response.text().await.unwrap();
        assert!(
            html.contains(&format!("<script nonce=\"{}\">", nonce(&policy))),
            "{html}"
        );
    })
    .await;
}

//! The built site's files.

use reqwest::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use reqwest::{Method, StatusCode};

use crate::support::directory::{PKG, SCRIPT};
use crate::support::with_server;

#[tokio::test(flavor = "multi_thread")]
async fn hashed_files_are_kept_forever_and_come_in_the_smallest_form_that_is_taken() {
    with_server(async |test| {
        let path = format!("/{PKG}/zerogpu-billing.js");
        let cases = [
            ("br, gzip", Some("br"), "brotli of the script"),
            ("gzip", Some("gzip"), "gzip of the script"),
            ("br;q=0, gzip", Some("gzip"), "gzip of the script"),
            ("identity", None, SCRIPT),
        ];
        for (accepted, encoding, body) in cases {
            let request = test.browser().request(Method::GET, &path);
            let response = request
                .header(ACCEPT_ENCODING, accepted)
                .send()
                .await
                .unwrap();
            let headers = response.headers().clone();
            assert_eq!(
                headers[CACHE_CONTROL],
                "public, max-age=31536000, immutable"
            );
            assert_eq!(headers[CONTENT_TYPE], "text/javascript; charset=utf-8");
            assert_eq!(headers[VARY], "accept-encoding");
            let told = headers
                .get(CONTENT_ENCODING)
                .map(|value| value.to_str().unwrap());
            assert_eq!(told, encoding, "{accepted}");
            assert_eq!(response.text().await.unwrap(), body, "{accepted}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wasm_has_the_type_that_browsers_compile_while_it_loads() {
    with_server(async |test| {
        let response = test
            .browser()
            .get(&format!("/{PKG}/zerogpu-billing_bg.wasm"))
            .await;
        assert_eq!(response.headers()[CONTENT_TYPE], "application/wasm");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_icon_is_kept_for_a_day() {
    with_server(async |test| {
        let response = test.browser().get("/favicon.svg").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=86400");
        assert_eq!(response.headers()[CONTENT_TYPE], "image/svg+xml");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_site() {
    with_server(async |test| {
        let paths = [
            "/pkg/../site.json",
            "/pkg/%2e%2e/%2e%2e/data/billing.sqlite3",
            "/site.json",
            "/pkg/none.js",
            "/..%2fdata%2fbilling.sqlite3",
        ];
        for path in paths {
            let response = test.browser().get(path).await;
            assert_ne!(response.status(), StatusCode::OK, "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_refer_to_the_files_that_are_there() {
    with_server(async |test| {
        let html = test.browser().get("/login").await.text().await.unwrap();
        for file in [
            "zerogpu-billing.js",
            "zerogpu-billing_bg.wasm",
            "zerogpu-billing.css",
        ] {
            let path = format!("/{PKG}/{file}");
            assert!(html.contains(&path), "the page does not name {path}");
            assert_eq!(
                test.browser().get(&path).await.status(),
                StatusCode::OK,
                "{path}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_there_says_so_with_404() {
    with_server(async |test| {
        let response = test.browser().get("/no-such-page").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(
            response.headers()[CONTENT_TYPE]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
    })
    .await;
}

//! `/docs`: the description as a page.

use reqwest::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::support::{client, with_server};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_names_every_route_and_needs_neither_script_nor_session() {
    with_server(async |test| {
        let response = test.browser().get("/docs").await;
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers().clone();
        assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8");
        let html = response.text().await.unwrap();
        let api: Value = client()
            .get(test.at("/openapi.json"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        for path in api["paths"].as_object().unwrap().keys() {
            assert!(html.contains(&format!("<code>{path}</code>")), "{path}");
        }
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains(" style=\""), "{html}");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(!policy.contains("script-src"), "{policy}");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        let (_, rest) = policy.split_once("'nonce-").unwrap();
        let (nonce, _) = rest.split_once('\'').unwrap();
        assert!(html.contains(&format!("<style nonce=\"{nonce}\">")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_within_the_page_leads_somewhere() {
    with_server(async |test| {
        let html = test.browser().get("/docs").await.text().await.unwrap();
        let mut links = 0;
        for (start, mark) in html.match_indices("href=\"#") {
            let rest = &html[start + mark.len()..];
            let target = &rest[..rest.find('"').unwrap()];
            assert!(html.contains(&format!("id=\"{target}\"")), "{target}");
            links += 1;
        }
        assert!(links > 20, "{links}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_the_look_that_was_chosen() {
    with_server(async |test| {
        let page = async |cookie: &str| {
            let request = test.browser().request(Method::GET, "/docs");
            let response = request.header(COOKIE, cookie).send().await.unwrap();
            response.text().await.unwrap()
        };
        assert!(
            page("theme=dark")
                .await
                .contains("<html lang=\"en\" data-theme=\"dark\">")
        );
        assert!(page("theme=other").await.contains("<html lang=\"en\">"));
    })
    .await;
}

//! The database stops answering between a sign-in and the next page.

use std::sync::OnceLock;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use secrecy::ExposeSecret;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection, Executor};

use crate::support::tenant::told;
use crate::support::with_config;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_looked_up_is_a_page_to_people_and_json_to_scripts() {
    let url = OnceLock::new();
    let keep_url = |config: &mut server::lifecycle::ServeConfig| {
        url.get_or_init(|| config.database.url());
    };
    with_config(keep_url, async |test| {
        let browser = test.tenant("Ada").await.browser().await;
        install_default_drivers();
        let url = url.get().expect("the server has started");
        let mut database = AnyConnection::connect(url.expose_secret()).await.unwrap();
        database
            .execute("alter table sessions rename to mislaid")
            .await
            .unwrap();

        let page = browser.get("/billing").await;
        assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(page.headers()[RETRY_AFTER], "5");
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let text = page.text().await.unwrap();
        assert!(text.contains("Try again in a moment."), "{text}");
        assert!(!text.contains("sessions"), "{text}");

        let post = browser.request(reqwest::Method::POST, "/api/sign_out");
        let post = post.header(ACCEPT, "text/html").send().await.unwrap();
        let (status, body) = told(post).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.as_str().unwrap().contains("href=\"/billing\""));

        let (status, body) = told(browser.call("billing_page", &[]).await).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        // As the script reads the errors of every server function.
        let message = body["broken"]["message"].as_str().unwrap();
        assert!(message.contains("Try again in a moment."), "{body}");

        database
            .execute("alter table mislaid rename to sessions")
            .await
            .unwrap();
        assert_eq!(browser.get("/billing").await.status(), StatusCode::OK);
        database.close().await.unwrap();
    })
    .await;
}

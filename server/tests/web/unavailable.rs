//! The database stops answering between a sign-in and the next page.

use std::sync::OnceLock;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use secrecy::ExposeSecret;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use super::top_up::{answer_bank, start_asking};
use crate::support::browser::session_cookie;
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

        let (status, body) = told(browser.post("set_theme", &[]).await).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.as_str().unwrap().contains("href=\"/billing\""));

        let signed_out = browser.post("sign_out", &[]).await;
        assert_eq!(signed_out.status(), StatusCode::SEE_OTHER);
        let cleared = session_cookie(&signed_out).expect("the cookie is cleared");
        assert!(cleared.contains("Max-Age=0"), "{cleared}");

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

/// What is only noted about a session must not keep the person from a page.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_use_cannot_be_noted_is_a_session() {
    let url = OnceLock::new();
    let keep_url = |config: &mut server::lifecycle::ServeConfig| {
        url.get_or_init(|| config.database.url());
    };
    with_config(keep_url, async |test| {
        let browser = test.tenant("Ada").await.browser().await;
        install_default_drivers();
        let url = url.get().expect("the server has started").expose_secret();
        let mut database = AnyConnection::connect(url).await.unwrap();
        // Long enough ago to be noted again.
        let earlier = "update sessions set last_seen_at = last_seen_at - 600000000";
        database.execute(earlier).await.unwrap();
        refuse_updates(&mut database, url, "sessions").await;
        assert_eq!(browser.get("/billing").await.status(), StatusCode::OK);
        let noted = sqlx::query("update sessions set last_seen_at = 1");
        noted
            .execute(&mut database)
            .await
            .expect_err("it is refused");
        database.close().await.unwrap();
    })
    .await;
}

/// The page is more than the one payment that its address names.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_whose_standing_cannot_be_read_does_not_take_the_page_down() {
    let url = OnceLock::new();
    let keep_url = |config: &mut server::lifecycle::ServeConfig| {
        url.get_or_init(|| config.database.url());
    };
    with_config(keep_url, async |test| {
        let tenant = test.tenant("Ada").await;
        let browser = tenant.browser().await;
        let (id, bank) = start_asking(&tenant, &browser).await;
        install_default_drivers();
        let url = url.get().expect("the server has started").expose_secret();
        let mut database = AnyConnection::connect(url).await.unwrap();
        refuse_updates(&mut database, url, "top_ups").await;
        // Paid, and it cannot be written down.
        answer_bank(&bank, "approve").await;
        let response = browser.get(&format!("/billing?top_up={id}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        let page = response.text().await.unwrap();
        assert!(page.contains("We cannot say yet how your payment stands."));
        assert!(page.contains("Credit balance") && page.contains("Payment methods"));
        allow_updates(&mut database, url, "top_ups").await;
        database.close().await.unwrap();
        let status = browser.json("top_up_status", &[("id", &id)]).await;
        assert_eq!(status["state"]["state"], "succeeded", "{status}");
        assert_eq!(tenant.balance().await, "25.00");
    })
    .await;
}

/// Makes the database refuse every change of a table's rows.
async fn refuse_updates(database: &mut AnyConnection, url: &str, table: &str) {
    if url.starts_with("sqlite") {
        let trigger = format!(
            "create trigger stays before update on {table}
             begin select raise(abort, 'refused'); end"
        );
        run(database, trigger).await;
        return;
    }
    let function = "create function refuse() returns trigger language plpgsql
                    as $$ begin raise exception 'refused'; end $$";
    run(database, function.to_owned()).await;
    let trigger = format!(
        "create trigger stays before update on {table} for each row execute function refuse()"
    );
    run(database, trigger).await;
}

async fn allow_updates(database: &mut AnyConnection, url: &str, table: &str) {
    let drop = if url.starts_with("sqlite") {
        "drop trigger stays".to_owned()
    } else {
        format!("drop trigger stays on {table}")
    };
    run(database, drop).await;
}

async fn run(database: &mut AnyConnection, statement: String) {
    let query = sqlx::query(AssertSqlSafe(statement));
    query.execute(database).await.unwrap();
}

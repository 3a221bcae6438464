//! The operator's refund: typed once, sent by the server that runs.

use std::time::Duration;

use serde_json::Value;
use server::lifecycle::Server;

use super::Installation;
use crate::support::{Browser, TestDatabase, TestDirectory, config};

/// Ten seconds until the server asks for the first time, and a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_refund_is_typed_once_and_sent_by_the_server() {
    let installation = Installation {
        directory: TestDirectory::with_site(),
        database: TestDatabase::create().await,
    };
    let seed = ["seed", "--addr", "127.0.0.1:4321"];
    let demo = installation.json(&seed, "").await;
    let organization = demo["organization_id"].as_str().unwrap();
    let config = config(&installation.directory, &installation.database);
    let server = Server::start(&config).await.unwrap();
    let mut browser = Browser::new(&format!("http://{}", server.addr));
    let (email, password) = (&demo["email"], &demo["password"]);
    browser
        .sign_in(email.as_str().unwrap(), password.as_str().unwrap())
        .await;
    let top_up = refundable(&browser).await;
    let with = |amount| {
        [
            "refund",
            "--organization",
            organization,
            "--top-up",
            &top_up,
            "--amount",
            amount,
            "--key",
            "ticket-1",
            "--reason",
            "Goodwill",
        ]
    };
    let too_much = installation.run(&with("10000"), "").await;
    assert!(!too_much.is_success);
    assert!(
        too_much.errors.contains("can be refunded"),
        "{}",
        too_much.errors
    );
    let asked = installation.json(&with("1.00"), "").await;
    assert_eq!(asked["state"], "processing", "{asked}");
    let again = installation.json(&with("1"), "").await;
    assert_eq!(again["refund_id"], asked["refund_id"]);
    let other = installation.run(&with("2"), "").await;
    assert!(!other.is_success);
    assert!(other.errors.contains("another amount"), "{}", other.errors);

    let id = asked["refund_id"].as_str().unwrap();
    let sent = async {
        while browser.json("refund_status", &[("id", id)]).await["state"] != "succeeded" {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(PATIENCE, sent).await.unwrap();
    let none = installation
        .run(&["dispute", "list", "--organization", organization], "")
        .await;
    assert!(none.is_success && none.output.is_empty(), "{}", none.errors);
    server.stop().await;
    installation.proves().await;
    installation.database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn early_fraud_warnings_are_listed_after_the_disputes() {
    let installation = Installation::create().await;
    let demo = installation
        .json(&["seed", "--addr", "127.0.0.1:4321"], "")
        .await;
    installation
        .execute(
            "insert into fraud_warnings
                 (gateway_account, gateway_warning, organization_id, top_up_id, warned_at, received_at)
             select gateway_account, 'issfr_1', organization_id, top_up_id, 1000000, 2000000
             from payments where id = (select min(id) from payments where state = 'succeeded')",
        )
        .await;
    let organization = demo["organization_id"].as_str().unwrap();
    let words = ["dispute", "list", "--organization", organization];
    let listed = installation.run(&words, "").await;
    let last = listed.output.lines().last().unwrap();
    let warning: Value = serde_json::from_str(last).unwrap();
    assert_eq!(warning["gateway_warning"], "issfr_1", "{last}");
    assert_eq!(warning["warned_at"], "1970-01-01T00:00:01Z", "{last}");
    installation.database.drop().await;
}

/// The newest credit of which something can be refunded.
async fn refundable(browser: &Browser) -> String {
    let page = browser.json("history_page", &[("pages", "20")]).await;
    let rows = page["rows"].as_array().unwrap();
    let is_refundable = |row: &&Value| row["kind"]["refund"]["offer"] == "refundable";
    let row = rows.iter().find(is_refundable);
    row.unwrap_or_else(|| panic!("nothing to refund: {page}"))["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

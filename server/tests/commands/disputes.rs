//! What the operator sees of a dispute, and letting automatic charges go on after it.

use std::time::Duration;

use serde_json::Value;
use server::lifecycle::Server;
use types::ids::TopUpId;

use super::Installation;
use crate::support::{Browser, TestDatabase, TestDirectory, config};

/// The card's owner complains a second after the payment; and a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The dispute's lines, as soon as there is one.
async fn listed(installation: &Installation, organization: &str) -> Vec<Value> {
    let command = ["dispute", "list", "--organization", organization];
    let complained = async {
        loop {
            let ended = installation.run(&command, "").await;
            assert!(ended.is_success, "{}", ended.errors);
            let lines = ended.output.lines().map(serde_json::from_str::<Value>);
            let lines: Vec<Value> = lines.map(Result::unwrap).collect();
            if !lines.is_empty() {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(PATIENCE, complained).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_is_listed_and_released_once() {
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
    let id = TopUpId::generate().to_string();
    let fields = [
        ("id", id.as_str()),
        ("amount", "25"),
        ("method", ""),
        ("token", "pm_card_createDispute"),
    ];
    let top_up = browser.json("start_top_up", &fields).await;
    assert_eq!(top_up["state"]["state"], "succeeded", "{top_up}");

    let lines = listed(&installation, organization).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["top_up_id"], id.as_str());
    assert_eq!(lines[0]["stage"], "open");
    assert_eq!(lines[0]["withdrawn"], "25.00");
    assert_eq!(lines[0]["fee"], "15.00");
    assert_eq!(lines[0]["released_at"], Value::Null);

    let release = ["dispute", "release", "--organization", organization];
    for expected in [
        "1 disputes hold nothing back",
        "0 disputes hold nothing back",
    ] {
        let released = installation.run(&release, "").await;
        assert!(released.is_success, "{}", released.errors);
        let said = format!("{}{}", released.output, released.errors);
        assert!(said.contains(expected), "{said}");
    }
    let lines = listed(&installation, organization).await;
    assert!(lines[0]["released_at"].is_string(), "{lines:?}");

    let nobodys = "00000000-0000-7000-8000-000000000000";
    let refused = ["dispute", "release", "--organization", nobodys];
    assert!(!installation.run(&refused, "").await.is_success);
    server.stop().await;
    installation.proves().await;
    installation.database.drop().await;
}

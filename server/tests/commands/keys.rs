//! Keys, from being made to being refused.

use reqwest::StatusCode;
use serde_json::Value;
use server::lifecycle::Server;

use super::Installation;
use crate::support::{TestDatabase, TestDirectory, client, config};

/// Asks a server for the balance with a key.
async fn asked_with(server: &Server, key: &Value) -> StatusCode {
    let url = format!("http://{}/v1/balance", server.addr);
    let request = client().get(url).header("x-api-key", key.as_str().unwrap());
    request.send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_is_refused_at_once_and_stays_in_the_list() {
    let installation = Installation {
        directory: TestDirectory::with_site(),
        database: TestDatabase::create().await,
    };
    let demo = installation.json(&["seed", "--empty"], "").await;
    let text = |name: &str| demo[name].as_str().unwrap();
    let organization = ["--organization", text("organization_id")];
    let made = [
        &["key", "create", "--name", "second"],
        &organization[..],
        &["--project", text("project_id")],
    ];
    let second = installation.json(&made.concat(), "").await;
    let id = second["api_key_id"].as_str().unwrap();
    let config = config(&installation.directory, &installation.database);
    let server = Server::start(&config).await.unwrap();
    assert_eq!(
        asked_with(&server, &second["api_key"]).await,
        StatusCode::OK
    );

    let revoke = [&["key", "revoke", "--key", id], &organization[..]].concat();
    let revoked = installation.json(&revoke, "").await;
    assert_eq!(revoked["api_key_id"], id);
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    let refused = asked_with(&server, &second["api_key"]).await;
    assert_eq!(refused, StatusCode::UNAUTHORIZED);
    let other = asked_with(&server, &demo["api_key"]).await;
    assert_eq!(other, StatusCode::OK, "the other key is refused as well");
    server.stop().await;

    assert_eq!(installation.json(&revoke, "").await, revoked);
    let list = [&["key", "list"], &organization[..]].concat();
    let ended = installation.run(&list, "").await;
    let keys: Vec<Value> = ended
        .output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(keys.len(), 2, "{}", ended.output);
    assert_eq!(keys[0], revoked);
    assert_eq!(keys[1]["revoked_at"], Value::Null);
    for key in [&demo["api_key"], &second["api_key"]] {
        assert!(!ended.output.contains(key.as_str().unwrap()));
    }
    installation.database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_neither_listed_nor_revoked_for_another_organization() {
    let installation = Installation::create().await;
    let demo = installation.json(&["seed", "--empty"], "").await;
    let organization = demo["organization_id"].as_str().unwrap();
    let list = ["key", "list", "--organization", organization];
    let listed = installation.json(&list, "").await;
    let id = listed["api_key_id"].as_str().unwrap();
    let nowhere = "01a00000-0000-7000-8000-000000000000";
    let revoke = ["key", "revoke", "--key", id, "--organization", nowhere];
    let ended = installation.run(&revoke, "").await;
    assert!(!ended.is_success);
    let told = "error: there is no such key in this organization\n";
    assert_eq!(ended.errors, told);
    let list = ["key", "list", "--organization", nowhere];
    let ended = installation.run(&list, "").await;
    assert!(!ended.is_success);
    assert_eq!(ended.errors, "error: there is no such organization\n");
    let list = ["key", "list", "--organization", organization];
    assert_eq!(installation.json(&list, "").await, listed);
    installation.database.drop().await;
}

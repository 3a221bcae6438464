//! The binary's commands, as an operator types them.

mod descriptors;
mod disputes;
mod keys;
mod reconcile;
mod refunds;
mod signals;
mod trouble;

use std::process::Stdio;

use reqwest::StatusCode;
use serde_json::Value;
use server::lifecycle::Server;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection};
use tokio::io::AsyncWriteExt;

use crate::support::program::program;
use crate::support::{Browser, TestDatabase, TestDirectory, config};

/// A directory and a database that commands work on.
struct Installation {
    directory: TestDirectory,
    database: TestDatabase,
}

/// What a command printed and how it ended.
struct Ended {
    is_success: bool,
    output: String,
    errors: String,
}

impl Installation {
    async fn create() -> Self {
        Self {
            directory: TestDirectory::new(),
            database: TestDatabase::create().await,
        }
    }

    async fn run(&self, words: &[&str], input: &str) -> Ended {
        let mut command = program();
        command
            .args(words)
            .arg("--data")
            .arg(self.directory.path().join("data"));
        if let Some(url) = self.database.url() {
            command.args(["--database-url", &url]);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        Ended {
            is_success: output.status.success(),
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one line of JSON that a command prints.
    async fn json(&self, words: &[&str], input: &str) -> Value {
        let ended = self.run(words, input).await;
        assert!(ended.is_success, "{words:?}: {}", ended.errors);
        assert_eq!(ended.output.lines().count(), 1, "{}", ended.output);
        serde_json::from_str(&ended.output).unwrap()
    }

    async fn proves(&self) -> String {
        let ended = self.run(&["prove"], "").await;
        assert!(ended.is_success, "{}{}", ended.output, ended.errors);
        ended.output.lines().last().unwrap().to_owned()
    }

    fn url(&self) -> String {
        let file = self.directory.path().join("data/billing.sqlite3");
        self.database
            .url()
            .unwrap_or_else(|| format!("sqlite://{}", file.display()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_made_once_and_told_the_same_each_time() {
    let installation = Installation::create().await;
    let first = installation
        .json(&["seed", "--addr", "127.0.0.1:4321"], "")
        .await;
    assert_eq!(first["url"], "http://127.0.0.1:4321");
    for name in [
        "email",
        "password",
        "organization_id",
        "project_id",
        "api_key",
    ] {
        assert!(
            first[name].as_str().is_some_and(|text| !text.is_empty()),
            "{name}: {first}"
        );
    }
    let proved = installation.proves().await;
    let again = installation
        .json(&["seed", "--addr", "127.0.0.1:4321"], "")
        .await;
    assert_eq!(first, again);
    assert_eq!(proved, installation.proves().await);
    let events: u64 = proved.rsplit(' ').nth(1).unwrap().parse().unwrap();
    assert!((2_000..10_000).contains(&events), "{proved}");
    installation.database.drop().await;
}

/// Its clock is a month behind: to it the failures lie ahead, and would have to be waited for.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_found_after_its_password_was_mistyped_too_often() {
    let installation = Installation {
        directory: TestDirectory::with_site(),
        database: TestDatabase::create().await,
    };
    let seed = ["seed", "--empty", "--addr", "127.0.0.1:4321"];
    let first = installation.json(&seed, "").await;
    let config = config(&installation.directory, &installation.database);
    let server = Server::start(&config).await.unwrap();
    let email = first["email"].as_str().unwrap();
    let mut browser = Browser::new(&format!("http://{}", server.addr));
    for _ in 0..8 {
        browser.sign_in(email, "not-the-password").await;
    }
    let refused = browser.sign_in(email, first["password"].as_str().unwrap());
    assert_eq!(refused.await.status(), StatusCode::TOO_MANY_REQUESTS);
    server.stop().await;
    assert_eq!(installation.json(&seed, "").await, first);
    installation.database.drop().await;
}

/// Reading what is not there makes nothing, and says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn books_that_are_not_there_are_neither_proved_nor_made() {
    let directory = TestDirectory::new();
    let data = directory.path().join("mistyped");
    for command in [&["prove"][..], &["export", "beancount"]] {
        let output = program()
            .args(command)
            .arg("--data")
            .arg(&data)
            .output()
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{command:?}");
        assert!(told.contains("there are no books at"), "{told}");
        assert!(!data.exists(), "{command:?} made a directory");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_empty_demo_has_no_history() {
    let installation = Installation::create().await;
    installation.json(&["seed", "--empty"], "").await;
    let proved = installation.proves().await;
    assert!(proved.ends_with(" 0 transfers, 0 events"), "{proved}");
    installation.database.drop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_demos_key_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let installation = Installation::create().await;
    installation.json(&["seed", "--empty"], "").await;
    let data = installation.directory.path().join("data");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data.join("demo.json")), 0o600);
    assert_eq!(mode(&data), 0o700);
    installation.database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_an_organization_and_a_key_are_made_without_the_demo() {
    let installation = Installation::create().await;
    let add = [
        "user",
        "add",
        "--email",
        "owner@example.com",
        "--organization",
        "Northwind",
    ];
    let added = installation.json(&add, "a-password-of-some-length\n").await;
    let organization = added["organization_id"].as_str().unwrap();
    let project = added["project_id"].as_str().unwrap();
    let create = [
        "key",
        "create",
        "--organization",
        organization,
        "--project",
        project,
        "--name",
        "edge",
    ];
    let created = installation.json(&create, "").await;
    assert!(
        created["api_key"].as_str().unwrap().starts_with("zgpu-"),
        "{created}"
    );
    let join = [
        "user",
        "add",
        "--email",
        "b@example.com",
        "--organization",
        organization,
    ];
    let joined = installation.json(&join, "another-password-of-length").await;
    assert_eq!(joined["organization_id"], organization);
    installation.database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_too_short_or_missing_makes_nobody() {
    let installation = Installation::create().await;
    let add = [
        "user",
        "add",
        "--email",
        "owner@example.com",
        "--organization",
        "Northwind",
    ];
    for password in ["", "short", "password1234"] {
        let ended = installation.run(&add, password).await;
        assert!(!ended.is_success, "{password:?} was taken");
        assert!(ended.errors.starts_with("error: "), "{}", ended.errors);
        assert!(
            password.is_empty() || !ended.errors.contains(password),
            "{}",
            ended.errors
        );
    }
    installation.database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_are_loaded_from_a_file_and_a_wrong_file_changes_nothing() {
    let installation = Installation::create().await;
    let file = installation.directory.path().join("rates.json");
    let path = file.to_str().unwrap();
    std::fs::write(&file, billing::rates::SEED_JSON).unwrap();
    let load = [
        "rates",
        "load",
        path,
        "--effective-at",
        "2026-12-01T00:00:00Z",
    ];
    let ended = installation.run(&load, "").await;
    assert!(ended.is_success, "{}", ended.errors);
    let expected =
        "loaded 18 models and 11 for comparison, in force from 2026-12-01T00:00:00+00:00";
    assert_eq!(ended.output.trim_end(), expected);
    // A name that is mistyped must not make a model free.
    for (right, wrong) in [("0.15", "-0.15"), ("input_per_million", "input_per_milion")] {
        std::fs::write(&file, billing::rates::SEED_JSON.replace(right, wrong)).unwrap();
        let ended = installation.run(&load, "").await;
        assert!(!ended.is_success, "{wrong} was loaded");
        let told = format!("error: {path} was not loaded: ");
        assert!(ended.errors.starts_with(&told), "{}", ended.errors);
    }
    installation.database.drop().await;
}

/// What operators are told to write is what is read.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_file_of_rates_is_loaded() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATIONS.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let (_, rates) = manual.split_once("## Rates").unwrap();
    let (_, example) = rates.split_once("```json\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let installation = Installation::create().await;
    let file = installation.directory.path().join("rates.json");
    std::fs::write(&file, example).unwrap();
    let load = ["rates", "load", file.to_str().unwrap()];
    let ended = installation.run(&load, "").await;
    assert!(ended.is_success, "{}", ended.errors);
    let loaded = "loaded 1 models and 0 for comparison";
    assert!(ended.output.starts_with(loaded), "{}", ended.output);
    // It was the first command of all: what the file does not name has the built-in price.
    install_default_drivers();
    let mut connection = AnyConnection::connect(&installation.url()).await.unwrap();
    let models: i64 = sqlx::query_scalar("select count(*) from models")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    assert_eq!(models, 18);
    installation.database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn books_that_were_tampered_with_are_not_proved() {
    let installation = Installation::create().await;
    installation.json(&["seed"], "").await;
    install_default_drivers();
    let mut connection = AnyConnection::connect(&installation.url()).await.unwrap();
    sqlx::query("update accounts set balance_nano = balance_nano + 1 where kind = 'prepaid'")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let ended = installation.run(&["prove"], "").await;
    assert!(!ended.is_success);
    assert!(ended.output.contains("DIFFERS  "), "{}", ended.output);
    assert!(
        ended
            .output
            .lines()
            .last()
            .unwrap()
            .starts_with("not proved: "),
        "{}",
        ended.output
    );
    installation.database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_database_that_is_refused_is_not_repeated_with_its_password() {
    let directory = TestDirectory::new();
    let output = program()
        .args([
            "prove",
            "--database-url",
            "mysql://root:hunter2@db/billing",
            "--data",
        ])
        .arg(directory.path())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(told.contains("sqlite:// or postgres://"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_is_given_once_under_its_key() {
    let installation = Installation::create().await;
    let demo = installation.json(&["seed", "--empty"], "").await;
    let organization = demo["organization_id"].as_str().unwrap();
    let with = |amount| {
        [
            "grant",
            "--organization",
            organization,
            "--amount",
            amount,
            "--key",
            "welcome",
            "--reason",
            "Welcome",
        ]
    };
    let given = installation.json(&with("5.00"), "").await;
    assert_eq!(given["amount"], "5.00");
    assert!(given["expires_at"].is_string(), "{given}");
    let again = installation.run(&with("5"), "").await;
    assert!(again.is_success, "{}", again.errors);
    assert!(again.errors.contains("nothing has changed"));
    assert_eq!(serde_json::from_str::<Value>(&again.output).unwrap(), given);
    let other = installation.run(&with("6"), "").await;
    assert!(!other.is_success);
    assert!(other.errors.contains("this key was used for another grant"));
    let for_ever = [
        &with("1")[..5],
        &["--key", "gift", "--reason", "A gift", "--never-expires"],
        &["--priority", "-1"],
    ]
    .concat();
    let for_ever = installation.json(&for_ever, "").await;
    assert_eq!(for_ever["expires_at"], Value::Null);
    let proved = installation.proves().await;
    assert!(proved.contains(" 2 transfers, 0 events"), "{proved}");
    installation.database.drop().await;
}

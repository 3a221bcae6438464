//! What an operator reads when something is wrong: once, at once, and with what mends it.

use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, SqliteConnection};
use tokio::net::TcpListener;

use super::Installation;
use crate::support::TestDirectory;
use crate::support::program::program;

/// Far below what a pool of connections goes on trying for.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Runs a command that must fail, and returns what it says.
async fn fails(words: &[&str]) -> String {
    let began = Instant::now();
    let output = program().args(words).output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{words:?}: {told}");
    assert!(began.elapsed() < AT_ONCE, "it took {:?}", began.elapsed());
    assert_eq!(told.lines().count(), 1, "{told}");
    told
}

#[tokio::test]
async fn a_database_that_refuses_is_named_at_once_without_its_password() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    let directory = TestDirectory::new();
    let data = directory.path().to_str().unwrap();
    let url = format!("postgres://billing:hunter2@{addr}/billing");
    let told = fails(&["migrate", "--data", data, "--database-url", &url]).await;
    assert!(told.contains(&addr.to_string()), "{told}");
    assert_eq!(told.matches("refused").count(), 1, "{told}");
    assert!(told.contains("--database-url is right"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn a_file_that_is_no_database_of_ours_is_named_and_left_as_it_is() {
    let directory = TestDirectory::new();
    let data = directory.path().to_str().unwrap();
    let file = directory.path().join("billing.sqlite3");
    let expected = format!("this is not a database of ours: {}", file.display());
    std::fs::write(&file, "rubbish ".repeat(1_000)).unwrap();
    for command in ["migrate", "prove", "seed"] {
        let told = fails(&[command, "--data", data]).await;
        assert_eq!(told.matches(&expected).count(), 1, "{told}");
        assert!(told.contains("another directory with --data"), "{told}");
    }

    std::fs::remove_file(&file).unwrap();
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let mut theirs = SqliteConnection::connect(&url).await.unwrap();
    theirs
        .execute("create table notes (text text)")
        .await
        .unwrap();
    let told = fails(&["migrate", "--data", data]).await;
    assert!(told.contains(&expected), "{told}");
    let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_schema")
        .fetch_one(&mut theirs)
        .await
        .unwrap();
    assert_eq!(tables, 1);
    theirs.close().await.unwrap();
}

#[tokio::test]
async fn a_store_of_the_sandbox_that_is_none_is_named_with_the_option_for_another() {
    let directory = TestDirectory::new();
    let data = directory.path().to_str().unwrap();
    let file = directory.path().join("sandbox.sqlite3");
    std::fs::write(&file, "rubbish ".repeat(1_000)).unwrap();
    let told = fails(&["seed", "--data", data]).await;
    assert!(told.contains(file.to_str().unwrap()), "{told}");
    assert!(told.contains("another directory with --data"), "{told}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named_with_the_option_for_another() {
    let directory = TestDirectory::new();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let data = file.join("data");
    let data = data.to_str().unwrap();
    for command in ["seed", "migrate"] {
        let told = fails(&[command, "--data", data]).await;
        assert!(told.contains(data) && told.contains("--data"), "{told}");
    }
}

/// `%` and `?` mean something in an address, and nothing in a directory's name.
#[tokio::test]
async fn a_directory_is_the_one_that_was_named_whatever_letters_it_has() {
    let directory = TestDirectory::new();
    for name in ["a%20b", "what?", "with space#", "größer"] {
        let data = directory.path().join(name);
        for words in [&["migrate"][..], &["prove"]] {
            let output = program().args(words).arg("--data").arg(&data).output();
            let output = output.await.unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {told}");
        }
        assert!(data.join("billing.sqlite3").exists(), "{name}");
    }
    let made = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(made, 4, "another place was opened");
}

/// It keeps its own: a container that may write nowhere is enough for a command.
#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_no_directory_is_made_or_needed() {
    let installation = Installation::create().await;
    if installation.database.url().is_some() {
        let data = installation.directory.path().join("data");
        for words in [&["prove"][..], &["migrate"], &["prove"]] {
            let ended = installation.run(words, "").await;
            let is_new = ended.errors.contains("no books");
            assert!(ended.is_success || is_new, "{words:?}: {}", ended.errors);
            assert!(!data.exists(), "{words:?} made a directory");
        }
        std::fs::write(&data, "no directory").unwrap();
        installation.proves().await;
    }
    installation.database.drop().await;
}

/// On SQLite a file that was made and never written to, on PostgreSQL a new database.
#[tokio::test(flavor = "multi_thread")]
async fn books_that_nobody_began_are_neither_proved_nor_exported() {
    let installation = Installation::create().await;
    let data = installation.directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("billing.sqlite3"), "").unwrap();
    for command in [&["prove"][..], &["export", "beancount"]] {
        let ended = installation.run(command, "").await;
        assert!(!ended.is_success, "{command:?}");
        assert!(ended.errors.contains("no books"), "{}", ended.errors);
        for mends in ["zerogpu-billing migrate", "zerogpu-billing serve"] {
            assert!(ended.errors.contains(mends), "{}", ended.errors);
        }
    }
    installation.database.drop().await;
}

#[tokio::test]
async fn a_server_without_a_site_says_where_one_comes_from() {
    let directory = TestDirectory::new();
    let data = directory.path().to_str().unwrap();
    let told = fails(&["serve", "--addr", "127.0.0.1:0", "--data", data]).await;
    assert!(told.contains("--site target/site"), "{told}");
    assert!(told.contains("cargo xtask build"), "{told}");
}

#[tokio::test]
async fn a_port_that_is_in_use_is_named_with_the_option_for_another() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let directory = TestDirectory::with_site();
    let (data, site) = (directory.path().join("data"), directory.path().join("site"));
    let told = fails(&[
        "serve",
        "--addr",
        &addr,
        "--data",
        data.to_str().unwrap(),
        "--site",
        site.to_str().unwrap(),
    ])
    .await;
    assert!(told.contains(&addr) && told.contains("--addr"), "{told}");
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_with_an_example() {
    let output = program()
        .args(["serve", "--addr", "localhost"])
        .output()
        .await
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(told.contains("localhost:3000"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_person_does_not_get_a_second_organization_of_one_name() {
    let installation = Installation::create().await;
    let add = |name| {
        [
            "user",
            "add",
            "--email",
            "a@example.com",
            "--organization",
            name,
        ]
    };
    let password = "a-password-of-some-length";
    let first = installation.json(&add("Northwind"), password).await;
    let again = installation.run(&add(" Northwind "), password).await;
    assert!(!again.is_success, "{}", again.output);
    let id = first["organization_id"].as_str().unwrap();
    assert!(again.errors.contains(id), "{}", again.errors);
    assert!(
        again.errors.contains("the password stays"),
        "{}",
        again.errors
    );
    let other = installation.run(&add("Southwind"), "").await;
    assert!(other.is_success, "{}", other.errors);
    assert!(
        other.errors.contains("their password stays"),
        "{}",
        other.errors
    );
    installation.database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_made_for_an_organization_that_is_not_there() {
    let installation = Installation::create().await;
    let add = |organization| {
        [
            "user",
            "add",
            "--email",
            "a@example.com",
            "--organization",
            organization,
        ]
    };
    let password = "a-password-of-some-length";
    let nowhere = "01a00000-0000-7000-8000-000000000000";
    let refused = installation.run(&add(nowhere), password).await;
    assert!(!refused.is_success);
    assert_eq!(refused.errors, "error: there is no such organization\n");
    let made = installation.run(&add("Northwind"), password).await;
    assert!(made.is_success, "{}", made.errors);
    assert!(!made.errors.contains("is known"), "{}", made.errors);
    installation.database.drop().await;
}

/// Neither a name that nothing can have nor an id that was mistyped leaves a person behind.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_made_for_an_organization_that_cannot_be_made() {
    let installation = Installation::create().await;
    let long = "x".repeat(101);
    let names = [
        "",
        &long,
        "two\nlines",
        "01932f6e7c1a700080000123456789ab",
        "01932f6e-7c1a-7000-8000-0123456789a",
    ];
    let add = ["user", "add", "--email", "a@example.com", "--organization"];
    let password = "a-password-of-some-length";
    for name in names {
        let words = [&add[..], &[name]].concat();
        let refused = installation.run(&words, password).await;
        assert!(!refused.is_success, "{name:?} was made");
        let is_id = name.starts_with("01932f6e");
        assert_eq!(refused.errors.contains("is not an id"), is_id, "{name:?}");
    }
    let words = [&add[..], &["Northwind"]].concat();
    let made = installation.run(&words, password).await;
    assert!(made.is_success, "{}", made.errors);
    assert!(!made.errors.contains("is known"), "{}", made.errors);
    installation.database.drop().await;
}

//! How many files a server that was started as a program may have open.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::TestDirectory;
use crate::support::program::{BINARY, without_settings};

const PATIENCE: Duration = Duration::from_secs(30);

/// Starts a server behind a shell's `ulimit`. Returns what it logs until it answers, and the limit
/// that is in force then.
async fn start_with(ulimit: &str) -> (String, u64) {
    let directory = TestDirectory::with_site();
    let script = format!("ulimit {ulimit} && exec \"$0\" \"$@\"");
    let mut server = without_settings(Command::new("sh"))
        .args(["-c", &script, BINARY])
        .args(["serve", "--addr", "127.0.0.1:0", "--log-format", "json"])
        .arg("--data")
        .arg(directory.path().join("data"))
        .arg("--site")
        .arg(directory.path().join("site"))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let mut log = String::new();
    while !log.contains("answers at http://") {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        log += &line.expect("it answers").unwrap().expect(&log);
    }
    let id = server.id().expect("it runs");
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let limit = line.and_then(|line| line.split_whitespace().nth(3));
    let limit = limit.and_then(|limit| limit.parse().ok());
    server.kill().await.unwrap();
    (log, limit.expect("a number"))
}

#[tokio::test]
async fn the_limit_of_open_files_is_raised_as_far_as_it_may_be() {
    let (_, limit) = start_with("-Sn 300 && ulimit -Hn 900").await;
    assert_eq!(limit, 900);
}

#[tokio::test]
async fn a_limit_with_room_for_fewer_connections_is_told_with_what_mends_it() {
    let (log, _) = start_with("-n 900").await;
    for word in ["at most 450 connections", "900 files", "LimitNOFILE"] {
        assert!(log.contains(word), "{word}: {log}");
    }
}

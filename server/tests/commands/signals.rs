//! How a server that was started as a program ends.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::support::TestDirectory;
use crate::support::program::program;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server on SQLite with a request that it has taken and cannot answer yet.
struct Busy {
    server: Child,
    request: TcpStream,
    directory: TestDirectory,
}

impl Busy {
    async fn start() -> Self {
        let directory = TestDirectory::with_site();
        let mut server = program()
            .args(["serve", "--addr", "127.0.0.1:0", "--log-format", "json"])
            .arg("--data")
            .arg(directory.path().join("data"))
            .arg("--site")
            .arg(directory.path().join("site"))
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
        let addr = loop {
            let line = log.next_line().await.unwrap().expect("it starts");
            if let Some((_, addr)) = line.split_once("answers at http://") {
                break addr.split('"').next().unwrap().to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        let mut request = TcpStream::connect(&addr).await.unwrap();
        let head = format!("POST /webhooks/stripe HTTP/1.1\r\nHost: {addr}\r\n");
        request.write_all(head.as_bytes()).await.unwrap();
        let rest = b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
        request.write_all(rest).await.unwrap();
        // It asks for the body: somebody waits for it.
        let mut line = [0; 12];
        request.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"HTTP/1.1 100");
        Self {
            server,
            request,
            directory,
        }
    }

    /// Sends the signals, one right behind the other.
    async fn signal(&self, names: &[&str]) {
        let id = self.server.id().expect("it runs");
        let kills: Vec<_> = names
            .iter()
            .map(|name| format!("kill -s {name} {id}"))
            .collect();
        let sent = Command::new("sh").args(["-c", &kills.join("; ")]).status();
        assert!(sent.await.unwrap().success());
    }

    async fn ends_well(&mut self) -> bool {
        let ended = tokio::time::timeout(PATIENCE, self.server.wait()).await;
        ended.expect("it ends").unwrap().success()
    }

    /// Whether it has ended within this, and how.
    async fn ended(&mut self, within: Duration) -> Option<bool> {
        let ended = tokio::time::timeout(within, self.server.wait()).await;
        ended.ok().map(|status| status.unwrap().success())
    }
}

/// A terminal sends one, and the program that started the server passes its own on.
#[tokio::test]
async fn two_signals_of_one_instant_are_one_and_what_was_taken_is_answered() {
    let mut busy = Busy::start().await;
    busy.signal(&["INT", "TERM"]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    busy.request.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    busy.request.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("HTTP/1.1 400"), "{answer}");
    assert!(busy.ends_well().await);
    let mut left: Vec<_> = std::fs::read_dir(busy.directory.path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["billing.sqlite3", "sandbox.sqlite3"]);
}

#[tokio::test]
async fn a_second_signal_after_a_while_ends_it_at_once() {
    let mut busy = Busy::start().await;
    // How soon it has seen the first one is the machine's affair; the request that it still waits
    // for would keep it from ending for longer than this.
    let began = Instant::now();
    let ended_well = loop {
        busy.signal(&["TERM"]).await;
        if let Some(ended_well) = busy.ended(Duration::from_millis(700)).await {
            break ended_well;
        }
        assert!(began.elapsed() < PATIENCE, "it does not end");
    };
    assert!(!ended_well);
}

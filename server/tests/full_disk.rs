//! The disk is full, and then it is not: nothing is lost, and nobody has to start anything again.
//!
//! The real binary on a small file system of its own, in memory, which only it and this test see.
//! SQLite, whatever the other tests run on: a server of PostgreSQL watches its own disk.

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::program::{BINARY, program, without_settings};
use support::{Browser, TestDirectory, client};
use tokio::process::{Child, Command};

const DISK: &str = "16m";
/// Events of one report.
const A_REPORT: usize = 200;
/// 112 input and 44 output tokens of `gpt-oss-120b`, in pico-dollars.
const PRICE_PICO: u64 = 43_200_000;
const READY: Duration = Duration::from_secs(30);
/// A full disk is noticed long before so many reports are taken: they are larger than it.
const MOST_REPORTS: usize = 1_000;

/// Mounts the file system at `$1`, seeds, and becomes the server. `$2` is the binary, `$3` the
/// site, `$4` the address.
const SCRIPT: &str = r#"
    mount -t tmpfs -o size="$5" tmpfs "$1" || exit 77
    "$2" seed --empty --data "$1/data" --addr "$4" > "$1/seed.json" || exit 1
    exec "$2" serve --data "$1/data" --site "$3" --addr "$4"
"#;

/// What gives a process mounts of its own: anybody may have them where the system allows it, and
/// root without asking for a user of its own.
fn namespaces() -> &'static [&'static str] {
    const ANYBODYS: &[&str] = &["--user", "--map-root-user", "--mount"];
    let mut probe = std::process::Command::new("unshare");
    probe
        .args(ANYBODYS)
        .args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"]);
    let is_allowed = probe.output().is_ok_and(|output| output.status.success());
    if is_allowed { ANYBODYS } else { &["--mount"] }
}

struct OnSmallDisk {
    url: String,
    /// The small disk as the server sees it.
    disk: PathBuf,
    api_key: String,
    email: String,
    password: String,
    child: Child,
}

impl OnSmallDisk {
    async fn start(directory: &TestDirectory) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a free port")
            .port();
        let mount = directory.path().join("disk");
        fs::create_dir_all(&mount).expect("a directory");
        let mut child = without_settings(Command::new("unshare"))
            .args(namespaces())
            .args(["sh", "-c", SCRIPT, "sh"])
            .arg(&mount)
            .arg(BINARY)
            .arg(directory.path().join("site"))
            .args([&format!("127.0.0.1:{port}"), DISK])
            .stderr(fs::File::create(directory.path().join("log")).expect("a log"))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("`unshare` of util-linux is installed");
        let url = format!("http://127.0.0.1:{port}");
        wait_until_ready(&url, &mut child, directory).await;
        let process = child.id().expect("it runs");
        let inside = mount.strip_prefix("/").expect("it is absolute");
        let disk = Path::new("/proc")
            .join(process.to_string())
            .join("root")
            .join(inside);
        let seeded = fs::read_to_string(disk.join("seed.json")).expect("what was seeded");
        let seeded: Value = serde_json::from_str(&seeded).expect("JSON");
        let text = |name: &str| seeded[name].as_str().expect("a text").to_owned();
        Self {
            url,
            api_key: text("api_key"),
            email: text("email"),
            password: text("password"),
            disk,
            child,
        }
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut file = fs::File::create(self.disk.join("filler")).expect("a file");
        while file.write_all(&[0_u8; 4096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.disk.join("filler")).expect("it is there");
    }

    /// Stops it where it is, as losing power would: nothing of it runs on, and its disk is still
    /// there to be read.
    async fn halt(&self) {
        let id = self.child.id().expect("it runs");
        let told = Command::new("kill")
            .args(["-STOP", &id.to_string()])
            .status()
            .await
            .expect("kill runs");
        assert!(told.success());
        let deadline = Instant::now() + READY;
        while !all_threads_are_stopped(id) {
            assert!(Instant::now() < deadline, "it does not stop");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn report(&self, events: &[Value]) -> (StatusCode, Value) {
        let response = client()
            .post(format!("{}/v1/events", self.url))
            .header("x-api-key", &self.api_key)
            .json(events)
            .send()
            .await
            .expect("an answer, whatever happens");
        let status = response.status();
        let body = response.bytes().await.expect("a body");
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Whether a person can sign in, which writes a session.
    async fn lets_in(&self) -> bool {
        let mut browser = Browser::new(&self.url);
        browser.sign_in(&self.email, &self.password).await;
        browser.session.is_some()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = client()
            .get(format!("{}{path}", self.url))
            .header("x-api-key", &self.api_key)
            .send()
            .await
            .expect("an answer, whatever happens");
        let status = response.status();
        let body = response.bytes().await.expect("a body");
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_honest_answer_and_room_on_it_is_enough_to_go_on() {
    let directory = TestDirectory::with_site();
    let server = OnSmallDisk::start(&directory).await;
    let before = owed_pico(&server).await;
    let mut reports: Vec<Vec<Value>> = Vec::new();
    let mut acknowledged = 0;

    server.fill();
    // What SQLite's log still has room for is taken; then there is none.
    loop {
        reports.push(report());
        let (status, body) = server.report(reports.last().expect("one")).await;
        if status == StatusCode::NO_CONTENT {
            acknowledged += 1;
            assert!(acknowledged < MOST_REPORTS, "the disk is never full");
            continue;
        }
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        assert_eq!(body["error"]["code"], "unknown_outcome", "{body}");
        break;
    }
    let (status, body) = server.report(reports.last().expect("one")).await;
    assert_eq!(
        status,
        StatusCode::SERVICE_UNAVAILABLE,
        "still full: {body}"
    );
    let (status, balance) = server.get("/v1/balance").await;
    assert_eq!(status, StatusCode::OK, "reading needs no room: {balance}");
    assert_eq!(server.get("/healthz").await.0, StatusCode::OK);
    assert!(!server.lets_in().await, "a session that is not kept");

    server.free();
    for report in &reports {
        let (status, body) = server.report(report).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    }
    assert!(server.lets_in().await);
    let counted = u64::try_from(reports.len() * A_REPORT).expect("a few");
    assert_eq!(owed_pico(&server).await - before, counted * PRICE_PICO);
    prove(server, &directory).await;
}

/// What was used beyond what was bought: the organization never bought anything.
async fn owed_pico(server: &OnSmallDisk) -> u64 {
    let (status, body) = server.get("/v1/balance").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let text = body["balance"].as_str().expect("a decimal");
    let (whole, part) = text
        .trim_start_matches('-')
        .split_once('.')
        .unwrap_or((text, ""));
    let digits = format!("{}{part:0<12}", whole.trim_start_matches('-'));
    digits.parse().expect("digits")
}

/// A copy of the books proves: the server keeps its own to itself.
async fn prove(server: OnSmallDisk, directory: &TestDirectory) {
    server.halt().await;
    let copy = directory.path().join("copy");
    fs::create_dir_all(&copy).expect("a directory");
    for file in fs::read_dir(server.disk.join("data")).expect("the data") {
        let file = file.expect("a file");
        fs::copy(file.path(), copy.join(file.file_name())).expect("it is copied");
    }
    drop(server.child);
    let proved = program()
        .arg("prove")
        .arg("--data")
        .arg(&copy)
        .output()
        .await
        .expect("it runs");
    let printed = String::from_utf8_lossy(&proved.stdout);
    assert!(proved.status.success(), "{printed}");
}

/// A signal reaches the threads one after the other.
fn all_threads_are_stopped(process: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("its threads");
    tasks.flatten().all(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The state is the first letter behind the name, which is in brackets.
        let state = stat
            .rsplit_once(") ")
            .map(|(_, rest)| rest.starts_with('T'));
        state.unwrap_or(true)
    })
}

async fn wait_until_ready(url: &str, child: &mut Child, directory: &TestDirectory) {
    let deadline = Instant::now() + READY;
    loop {
        let answer = client().get(format!("{url}/readyz")).send().await;
        if answer.is_ok_and(|response| response.status().is_success()) {
            return;
        }
        let log = || fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        if let Some(ended) = child.try_wait().expect("its state") {
            panic!(
                "the server ended with {ended}; it needs leave to mount a file system in a \
                 namespace of its own (`unshare --user --mount`): {}",
                log()
            );
        }
        assert!(
            Instant::now() < deadline,
            "the server is not ready: {}",
            log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn report() -> Vec<Value> {
    (0..A_REPORT)
        .map(|_| {
            json!({
                "specversion": "1.0",
                "id": uuid::Uuid::now_v7(),
                "source": "/full-disk",
                "type": "inference.request",
                "data": { "model": "gpt-oss-120b", "input_tokens": 112, "output_tokens": 44 }
            })
        })
        .collect()
}

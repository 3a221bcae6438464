//! The binary as an operator runs it: commands, a server process, signals.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::support::program::program;
use crate::support::{TestDatabase, TestDirectory, client};

/// A start takes a fraction of a second; a busy machine may need more.
const START: Duration = Duration::from_secs(30);

/// A directory, a database and two ports.
pub struct Installation {
    pub directory: TestDirectory,
    database: TestDatabase,
    port: u16,
    port_beside: u16,
}

/// The line that `seed` prints.
#[derive(Debug, Deserialize)]
pub struct Seeded {
    pub email: String,
    pub password: String,
    pub api_key: String,
    pub organization_id: String,
}

/// A server process.
pub struct Running {
    pub url: String,
    child: Child,
}

impl Installation {
    pub async fn create() -> Self {
        // Free a moment ago, and they stay the same across restarts as they do for an operator.
        let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [port, port_beside] =
            sockets.map(|socket| socket.local_addr().expect("its address").port());
        let database = TestDatabase::create().await;
        Self {
            directory: TestDirectory::with_site(),
            database,
            port,
            port_beside,
        }
    }

    pub fn database_url(&self) -> String {
        let file = self.directory.path().join("data/billing.sqlite3");
        self.database
            .url()
            .unwrap_or_else(|| format!("sqlite://{}", file.display()))
    }

    fn command(&self, name: &str) -> Command {
        self.command_of(&[name])
    }

    fn command_of(&self, names: &[&str]) -> Command {
        let mut command = program();
        command
            .args(names)
            .arg("--data")
            .arg(self.directory.path().join("data"));
        if let Some(url) = self.database.url() {
            command.args(["--database-url", &url]);
        }
        command.kill_on_drop(true);
        command
    }

    pub async fn seed(&self) -> Seeded {
        let mut seed = self.command("seed");
        seed.arg("--empty")
            .args(["--addr", &format!("127.0.0.1:{}", self.port)]);
        let printed = success(seed.output().await.expect("it runs"));
        serde_json::from_str(printed.lines().last().expect("a line")).expect("JSON")
    }

    /// Gives credit, where nobody adds any.
    pub async fn grant(&self, organization: &str, dollars: &str) {
        let mut grant = self.command("grant");
        grant
            .args(["--organization", organization, "--amount", dollars])
            .args(["--key", "kills", "--reason", "So that holds are granted"]);
        success(grant.output().await.expect("it runs"));
    }

    /// Adds a person who owns a new organization, which the processor does not know yet.
    pub async fn add_owner(&self, email: &str, password: &str) {
        let mut add = self.command_of(&["user", "add"]);
        add.args(["--email", email, "--organization", email])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut adding = add.spawn().expect("it runs");
        let mut stdin = adding.stdin.take().expect("it reads the password");
        let line = format!("{password}\n");
        stdin.write_all(line.as_bytes()).await.expect("it is read");
        drop(stdin);
        success(adding.wait_with_output().await.expect("it ends"));
    }

    /// The last line of `reconcile`; the test fails when anything disagrees.
    pub async fn reconcile(&self) -> String {
        let mut reconcile = self.command("reconcile");
        reconcile.args(["--addr", &format!("127.0.0.1:{}", self.port)]);
        let printed = success(reconcile.output().await.expect("it runs"));
        let last = printed.lines().last().expect("a line").to_owned();
        assert!(last.starts_with("agreed: "), "{printed}");
        last
    }

    /// The server dies at this point, once.
    pub fn die_at(&self, point: &str) {
        std::fs::write(self.crash_file(), point).expect("the file is written");
    }

    /// Whether somebody died at the point that was named last.
    pub fn has_died(&self) -> bool {
        !self.crash_file().exists()
    }

    fn crash_file(&self) -> PathBuf {
        self.directory.path().join("crash")
    }

    /// The last line of `prove`; the test fails when it does not hold.
    pub async fn prove(&self) -> String {
        let printed = success(self.command("prove").output().await.expect("it runs"));
        let last = printed.lines().last().expect("a line").to_owned();
        assert!(last.starts_with("proved: "), "{printed}");
        last
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(&self) -> Running {
        self.start_at(self.port).await
    }

    /// Starts a second server on the same database.
    pub async fn start_beside(&self) -> Running {
        self.start_at(self.port_beside).await
    }

    async fn start_at(&self, port: u16) -> Running {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory.path().join("log"))
            .expect("a log");
        let mut serve = self.command("serve");
        serve.args(["--addr", &format!("127.0.0.1:{port}")]);
        serve.arg("--site").arg(self.directory.path().join("site"));
        serve.env("BILLING_CRASH_FILE", self.crash_file());
        let child = serve
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut running = Running {
            url: format!("http://127.0.0.1:{port}"),
            child,
        };
        running.wait_until_ready(self).await;
        running
    }

    pub async fn remove(self) {
        self.database.drop().await;
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Running {
    async fn wait_until_ready(&mut self, installation: &Installation) {
        let deadline = Instant::now() + START;
        let client = client();
        loop {
            let answer = client.get(format!("{}/readyz", self.url)).send().await;
            if answer.is_ok_and(|response| response.status().is_success()) {
                return;
            }
            let ended = self.child.try_wait().expect("its state");
            assert!(ended.is_none(), "the server ended: {}", installation.log());
            assert!(
                Instant::now() < deadline,
                "the server is not ready: {}",
                installation.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// `SIGKILL`: nothing of it runs on.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it is killed");
    }

    /// It ends by itself, at once and without a goodbye.
    pub async fn dies(mut self, within: Duration) {
        let ended = tokio::time::timeout(within, self.child.wait()).await;
        let status = ended.expect("it should die").expect("its state");
        // SIGABRT.
        assert_eq!(status.signal(), Some(6), "it ended with {status}");
    }

    /// `SIGTERM`, and it ends by itself.
    pub async fn terminate(mut self) {
        let id = self.child.id().expect("it runs").to_string();
        let told = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .await
            .expect("kill runs");
        assert!(told.success());
        let status = self.child.wait().await.expect("it ends");
        assert!(status.success(), "it ended with {status}");
    }
}

fn success(output: Output) -> String {
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    printed
}

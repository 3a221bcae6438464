//! A server to measure, and clients that keep their connections.

mod client;
pub mod figures;

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing::ApiKeyCaller;
use billing::credits::NewGrant;
use client::{Answers, Connection};
use server::lifecycle::Server;
use types::money::Money;
use types::usage::{Repeat, Tokens, UsageEvent};
use uuid::Uuid;

use crate::support::{Tenant, TestDatabase, TestDirectory, TestServer, config};

/// The most that one grant may be, and more than is used.
const CREDIT_NANOS: i64 = 100_000 * 1_000_000_000;

/// A hold that is asked for.
const HOLD: &str = r#"{"model":"gpt-oss-120b","input_tokens":112,"max_output_tokens":44}"#;

pub struct Bench {
    test: TestServer,
    tenant: Tenant,
    /// One that has no credit.
    poor: Tenant,
    caller: ApiKeyCaller,
    database: TestDatabase,
}

impl Bench {
    /// With SQLite, or a new database on the PostgreSQL server that is named.
    pub async fn open(postgres: Option<&str>) -> Self {
        let database = match postgres {
            Some(server) => TestDatabase::on(server.to_owned()).await,
            None => TestDatabase::Sqlite,
        };
        let directory = TestDirectory::with_site();
        let server = Server::start(&config(&directory, &database))
            .await
            .expect("the server starts");
        let test = TestServer {
            url: format!("http://{}", server.addr),
            server,
            directory,
            database_url: database.url(),
        };
        let tenant = test.tenant("Bench").await;
        let poor = test.tenant("Poor").await;
        let caller = test
            .server
            .billing
            .api_keys()
            .authenticate(&tenant.api_key)
            .await
            .expect("the database answers")
            .expect("the key is known");
        let amount = Money::from_nanos(CREDIT_NANOS);
        test.server
            .billing
            .credits()
            .grant(
                tenant.organization,
                NewGrant::new("bench".to_owned(), amount, "Measuring".to_owned()),
            )
            .await
            .expect("credit can be given");
        Self {
            test,
            tenant,
            poor,
            caller,
            database,
        }
    }

    /// Events a second without HTTP, `a_call` of them in each of `callers`' calls, and how long
    /// each call took, in milliseconds.
    pub async fn in_process(
        &self,
        a_call: usize,
        callers: usize,
        time: Duration,
    ) -> (f64, Vec<f64>) {
        let usage = self.test.server.billing.usage();
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            let (usage, caller) = (usage.clone(), self.caller);
            tasks.spawn(async move {
                let mut taken = Vec::new();
                while start.elapsed() < time {
                    let events = (0..a_call).map(|_| event()).collect();
                    let asked = Instant::now();
                    usage
                        .ingest(&caller, events)
                        .await
                        .expect("the events are taken");
                    taken.push(asked.elapsed().as_secs_f64() * 1e3);
                }
                taken
            });
        }
        let mut taken = Vec::new();
        while let Some(done) = tasks.join_next().await {
            taken.extend(done.expect("a caller ends well"));
        }
        let rate = (taken.len() * a_call) as f64 / start.elapsed().as_secs_f64();
        (rate, taken)
    }

    /// Reports of `a_request` events on so many connections.
    pub async fn report(&self, a_request: usize, connections: usize, time: Duration) -> Answers {
        let key = Arc::new(self.tenant.api_key.clone());
        self.load(connections, time, 204, move || {
            post(&key, "/v1/events", &events(a_request, "gpt-oss-120b"))
        })
        .await
    }

    /// The same request for a model that has no price: read, checked and looked up, and nothing
    /// more.
    pub async fn report_refused(&self, connections: usize, time: Duration) -> Answers {
        let key = Arc::new(self.tenant.api_key.clone());
        self.load(connections, time, 400, move || {
            post(&key, "/v1/events", &events(1, "gpt-oss-000b"))
        })
        .await
    }

    pub async fn get(&self, path: &str, connections: usize, time: Duration) -> Answers {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {}\r\n\r\n",
            self.tenant.api_key
        );
        self.load(connections, time, 200, move || request.clone())
            .await
    }

    /// Holds for one that has no credit: refused from memory, but for one in a quarter of a second.
    pub async fn holds_refused(&self, connections: usize, time: Duration) -> Answers {
        let request = post(&self.poor.api_key, "/v1/holds", HOLD);
        self.load(connections, time, 429, move || request.clone())
            .await
    }

    /// Holds, each opened and released: two answers.
    pub async fn holds(&self, connections: usize, time: Duration) -> Answers {
        let key = Arc::new(self.tenant.api_key.clone());
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            open.push(Connection::open(self.test.server.addr).await);
        }
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for mut connection in open {
            let key = Arc::clone(&key);
            tasks.spawn(async move {
                let mut taken = Vec::new();
                while start.elapsed() < time {
                    let asked = Instant::now();
                    let status = connection
                        .ask(post(&key, "/v1/holds", HOLD).as_bytes())
                        .await;
                    assert_eq!(status, 200);
                    taken.push(asked.elapsed().as_secs_f64() * 1e3);
                    let path = format!("/v1/holds/{}/release", connection.id());
                    let asked = Instant::now();
                    let status = connection.ask(post(&key, &path, "").as_bytes()).await;
                    assert_eq!(status, 200);
                    taken.push(asked.elapsed().as_secs_f64() * 1e3);
                }
                taken
            });
        }
        Answers::of(tasks, start).await
    }

    /// What `holds` sees while 16 callers report usage without a pause.
    pub async fn holds_under_ingest(&self, connections: usize, time: Duration) -> Answers {
        let (answers, _) = tokio::join!(
            self.holds(connections, time),
            self.in_process(500, 16, time)
        );
        answers
    }

    /// How long it takes to make 4 KiB durable beside the data, in milliseconds.
    pub fn fdatasync(&self, time: Duration) -> Vec<f64> {
        let path = self.test.directory.path().join("fdatasync");
        let mut file = File::create(path).expect("a file");
        let start = Instant::now();
        let mut taken = Vec::new();
        while start.elapsed() < time {
            let asked = Instant::now();
            file.write_all(&[7; 4096]).expect("it is written");
            file.sync_data().expect("it is durable");
            taken.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        taken
    }

    async fn load(
        &self,
        connections: usize,
        time: Duration,
        expected: u16,
        request: impl Fn() -> String + Clone + Send + 'static,
    ) -> Answers {
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            open.push(Connection::open(self.test.server.addr).await);
        }
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for mut connection in open {
            let request = request.clone();
            tasks.spawn(async move {
                let mut taken = Vec::new();
                while start.elapsed() < time {
                    let request = request();
                    let asked = Instant::now();
                    let status = connection.ask(request.as_bytes()).await;
                    assert_eq!(status, expected);
                    taken.push(asked.elapsed().as_secs_f64() * 1e3);
                }
                taken
            });
        }
        Answers::of(tasks, start).await
    }

    pub async fn close(self) {
        let proof = self.test.server.billing.prove().await;
        let proof = proof.expect("the books can be read");
        assert!(proof.holds(), "{proof:#?}");
        println!("proved: {} events", proof.events);
        self.test.server.stop().await;
        self.database.drop().await;
    }
}

fn post(key: &str, path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn events(count: usize, model: &str) -> String {
    let events: Vec<String> = (0..count)
        .map(|_| {
            format!(
                r#"{{"specversion":"1.0","id":"{}","source":"/gateway/eu-1","type":"inference.request","data":{{"model":"{model}","input_tokens":112,"output_tokens":44,"status":200,"latency_ms":231}}}}"#,
                Uuid::now_v7()
            )
        })
        .collect();
    if count == 1 {
        events.concat()
    } else {
        format!("[{}]", events.join(","))
    }
}

fn event() -> UsageEvent {
    UsageEvent {
        source: "/gateway/eu-1".to_owned(),
        id: Uuid::now_v7().to_string(),
        occurred_at: None,
        model: "gpt-oss-120b".to_owned(),
        tokens: Tokens {
            input: 112,
            cached_input: 0,
            output: 44,
        },
        status: Some(200),
        latency_ms: Some(231),
        project: None,
        api_key: None,
        request_id: None,
        subject: None,
        claimed_cost: None,
        repeat: Repeat::Everything,
    }
}

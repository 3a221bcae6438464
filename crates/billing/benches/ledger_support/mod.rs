//! A database with organizations to measure on, and the bare rows to measure against.

pub mod figures;
pub mod growth;
mod raw;
mod reading;

use std::sync::Arc;
use std::time::{Duration, Instant};

use billing::credits::NewGrant;
use billing::{ApiKeyCaller, Billing, BillingSettings, GatewaySettings, SystemClock};
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection, Executor};
use types::ids::UserId;
use types::money::Money;
use types::payment::TokenizerView;
use types::top_up::TopUpLimits;
use types::usage::{Repeat, Tokens, UsageEvent};
use uuid::Uuid;

/// What each organization has to spend: $100,000, more than is measured with.
const CREDIT_NANOS: i64 = 100_000_000_000_000;
/// How many events are on their way at once: half of what the queue holds.
const WAITING: usize = 32_768;

/// Ranks 0 to `count`-1, the first ones much more often: the weight of rank r is 1/(r+1).
pub fn zipf(count: usize) -> impl FnMut() -> usize {
    let mut sums = Vec::with_capacity(count);
    let mut sum = 0.0;
    for rank in 0..count {
        sum += 1.0 / (rank as f64 + 1.0);
        sums.push(sum);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        // xorshift64: the same draw in every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = (state >> 11) as f64 / (1_u64 << 53) as f64 * sum;
        sums.partition_point(|upto| *upto < at).min(count - 1)
    }
}

pub struct Bench {
    billing: Billing,
    callers: Vec<ApiKeyCaller>,
    url: String,
    directory: Option<std::path::PathBuf>,
}

impl Bench {
    /// `sqlite`, or a server of PostgreSQL's, with a new database and so many organizations in it.
    pub async fn open(url: &str, organizations: usize) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        install_default_drivers();
        let (url, directory) = if url == "sqlite" {
            let directory = std::env::current_dir()
                .expect("there is a current directory")
                .join(format!("bench-{}", Uuid::now_v7()));
            std::fs::create_dir_all(&directory).expect("a directory can be made");
            let url = format!("sqlite://{}/bench.db?mode=rwc", directory.display());
            (url, Some(directory))
        } else {
            let name = format!("bench_{}", Uuid::now_v7().simple());
            let mut connection = AnyConnection::connect(url)
                .await
                .expect("PostgreSQL answers");
            let create = sqlx::AssertSqlSafe(format!("create database {name}"));
            connection
                .execute(create)
                .await
                .expect("a database can be made");
            let base = url.rsplit_once('/').map_or(url, |(base, _)| base);
            (format!("{base}/{name}"), None)
        };
        let settings = settings(&url);
        let billing = Billing::open(settings, Arc::new(SystemClock))
            .await
            .expect("the database opens");
        billing.migrate().await.expect("the tables can be made");
        let since = "2026-01-01T00:00:00Z".parse().expect("a time");
        billing
            .rates()
            .load(billing::rates::SEED_JSON, since)
            .await
            .expect("the rates load");
        let owner = billing
            .tenancy()
            .create_user("owner@example.com", "a long enough passphrase")
            .await
            .expect("a person can be made");
        let mut callers = Vec::with_capacity(organizations);
        for number in 0..organizations {
            callers.push(caller(&billing, owner, number).await);
        }
        raw::create(&url).await;
        Self {
            billing,
            callers,
            url,
            directory,
        }
    }

    pub fn name(&self) -> &'static str {
        if self.directory.is_some() {
            "SQLite"
        } else {
            "PostgreSQL"
        }
    }

    pub fn organizations(&self) -> usize {
        self.callers.len()
    }

    /// The bare rows, written in the database's own bulk form and nothing else.
    pub async fn raw(&self, events: usize) -> f64 {
        raw::write(&self.url, events).await
    }

    /// Events with ids that rise with time, `a_call` of them in each call; `whose` draws the
    /// organization of a call.
    pub async fn ingest(
        &self,
        events: usize,
        a_call: usize,
        mut whose: impl FnMut(usize) -> usize,
    ) -> f64 {
        let calls = (0..events / a_call)
            .map(|call| {
                let events = (0..a_call).map(|_| event(Uuid::now_v7().to_string()));
                (whose(call), events.collect())
            })
            .collect();
        self.run(&self.billing, calls).await
    }

    /// One organization's events, counted by one writer instead of two; `None` where there is never
    /// more than one.
    pub async fn one_writer(&self, events: usize) -> Option<f64> {
        if self.directory.is_some() {
            return None;
        }
        let billing = Billing::open(settings(&self.url), Arc::new(SystemClock))
            .await
            .expect("the database opens");
        billing.usage().use_writers(1);
        let calls = (0..events / 500)
            .map(|_| {
                let events = (0..500).map(|_| event(Uuid::now_v7().to_string()));
                (0, events.collect())
            })
            .collect();
        let rate = self.run(&billing, calls).await;
        billing.close().await;
        Some(rate)
    }

    /// The same with ids whose keys are hashes, as good as random.
    pub async fn ingest_random(&self, events: usize) -> f64 {
        let calls = (0..events / 500)
            .map(|_| {
                (
                    0,
                    (0..500)
                        .map(|_| event(format!("req-{}", Uuid::now_v7())))
                        .collect(),
                )
            })
            .collect();
        self.run(&self.billing, calls).await
    }

    /// One caller that reports one event at a time: a transaction each.
    pub async fn one_at_a_time(&self, most: Duration) -> f64 {
        let usage = self.billing.usage();
        let (start, mut counted) = (Instant::now(), 0);
        while start.elapsed() < most {
            let events = vec![event(Uuid::now_v7().to_string())];
            usage
                .ingest(&self.callers[0], events)
                .await
                .expect("an event is taken");
            counted += 1;
        }
        f64::from(counted) / start.elapsed().as_secs_f64()
    }

    async fn run(&self, billing: &Billing, calls: Vec<(usize, Vec<UsageEvent>)>) -> f64 {
        let total: usize = calls.iter().map(|(_, events)| events.len()).sum();
        let calls = Arc::new(std::sync::Mutex::new(calls));
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        let a_call = total / calls.lock().expect("nobody has it yet").len().max(1);
        for _ in 0..WAITING / a_call {
            let (calls, callers) = (Arc::clone(&calls), self.callers.clone());
            let usage = billing.usage();
            tasks.spawn(async move {
                loop {
                    let next = calls.lock().expect("no call panics").pop();
                    let Some((whose, events)) = next else { break };
                    usage
                        .ingest(&callers[whose], events)
                        .await
                        .expect("the events are taken");
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("a caller ends well");
        }
        total as f64 / start.elapsed().as_secs_f64()
    }

    pub async fn close(self) {
        let proof = self.billing.prove().await.expect("the proof can be made");
        assert!(proof.holds(), "{proof:#?}");
        self.billing.close().await;
        println!("proved: {} events", proof.events);
        if let Some(directory) = self.directory {
            std::fs::remove_dir_all(directory).expect("the directory can be removed");
        } else if let Some((server, name)) = self.url.rsplit_once('/') {
            let mut connection = AnyConnection::connect(&format!("{server}/postgres"))
                .await
                .expect("PostgreSQL answers");
            let drop = sqlx::AssertSqlSafe(format!("drop database {name}"));
            connection
                .execute(drop)
                .await
                .expect("the database can be dropped");
        }
    }
}

fn settings(url: &str) -> BillingSettings {
    BillingSettings {
        database_url: url.to_owned(),
        top_up_limits: TopUpLimits::default(),
        refund_window: billing::USUAL_REFUND_WINDOW,
        gateway: GatewaySettings {
            base_url: "http://127.0.0.1:9".to_owned(),
            secret_key: "sk_test_unused".to_owned().into(),
            webhook_secrets: vec!["whsec_unused".to_owned().into()],
            tokenizer: TokenizerView {
                url: "http://127.0.0.1:9".to_owned(),
                publishable_key: "pk_test_unused".to_owned(),
                takes_link: false,
            },
            return_url: None,
            timeout: Duration::from_secs(1),
        },
    }
}

/// An organization with a project and a key.
async fn caller(billing: &Billing, owner: UserId, number: usize) -> ApiKeyCaller {
    let name = format!("Organization {number}");
    let organization = billing
        .tenancy()
        .create_organization(&name, owner)
        .await
        .expect("an organization can be made");
    // So that usage is paid from a lot of credit, as it is for whoever pays.
    let amount = Money::from_nanos(CREDIT_NANOS);
    let grant = NewGrant::new(format!("bench-{number}"), amount, "Measuring".to_owned());
    billing
        .credits()
        .grant(organization, grant)
        .await
        .expect("credit can be given");
    let operator = billing.operator();
    let project = operator
        .create_project(organization, "Production")
        .await
        .expect("a project can be made");
    let (_, secret) = operator
        .create_key(organization, project, "Gateway")
        .await
        .expect("a key can be made");
    billing
        .api_keys()
        .authenticate(&secret)
        .await
        .expect("the database answers")
        .expect("the key is known")
}

pub fn event(id: String) -> UsageEvent {
    UsageEvent {
        source: "/gateway/eu-1".to_owned(),
        id,
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

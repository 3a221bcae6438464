//! What every story starts from: a database of its own, a clock that stands still, the sandbox on
//! a port of its own, and an organization with an owner, a project and a key.

use std::sync::Arc;
use std::time::Duration;

use billing::{ApiKeyCaller, Billing, BillingSettings, GatewaySettings, ManualClock, StartTopUp};
use sandbox::{Sandbox, SandboxConfig};
use types::ids::{OrganizationId, TopUpId};
use types::money::Cents;
use types::payment::TokenizerView;
use types::tenancy::{Role, Viewer};
use types::top_up::{PayWith, TopUpLimits, TopUpView};
use types::usage::{Repeat, Tokens, UsageEvent};

use crate::database::TestDatabase;

pub const PASSWORD: &str = "a long enough passphrase";

pub struct World {
    pub billing: Billing,
    pub clock: ManualClock,
    pub owner: Viewer,
    pub caller: ApiKeyCaller,
    pub secret: String,
    /// What another process would be started with.
    pub settings: BillingSettings,
    pub gateway_url: String,
    pub gateway_key: String,
    publishable_key: String,
    http: reqwest::Client,
    server: tokio::task::JoinHandle<()>,
    store: std::path::PathBuf,
    database: TestDatabase,
}

impl World {
    pub async fn new() -> Self {
        // Long: a busy machine must not look like a silent gateway.
        Self::with_gateway_timeout(Duration::from_secs(30)).await
    }

    pub async fn with_gateway_timeout(timeout: Duration) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let database = TestDatabase::create().await;
        let clock = ManualClock::new("2026-03-11T12:00:00Z".parse().unwrap());
        let (sandbox, gateway_url, store, server) = serve_sandbox().await;
        let publishable_key = sandbox.publishable_key().to_owned();
        let settings = BillingSettings {
            database_url: database.url.clone(),
            top_up_limits: TopUpLimits::default(),
            refund_window: billing::USUAL_REFUND_WINDOW,
            gateway: gateway_settings(&sandbox, &gateway_url, timeout),
        };
        let billing = Billing::open(settings.clone(), Arc::new(clock.clone()))
            .await
            .unwrap();
        billing.migrate().await.unwrap();
        let effective_at = "2026-01-01T00:00:00Z".parse().unwrap();
        billing
            .rates()
            .load(billing::rates::SEED_JSON, effective_at)
            .await
            .unwrap();
        let (owner, caller, secret) = organization(&billing, "owner@example.com").await;
        Self {
            billing,
            clock,
            owner,
            caller,
            secret,
            settings,
            gateway_url,
            gateway_key: sandbox.secret_key().to_owned(),
            publishable_key,
            http: reqwest::Client::new(),
            server,
            store,
            database,
        }
    }

    /// A second organization, with people, project and key of its own.
    pub async fn another(&self) -> (Viewer, ApiKeyCaller, String) {
        organization(&self.billing, "other@example.com").await
    }

    /// The owner's organization as somebody in another role sees it.
    pub async fn viewer_with(&self, role: Role) -> Viewer {
        let email = format!("{}@example.com", role.as_str());
        let user = self
            .billing
            .tenancy()
            .create_user(&email, PASSWORD)
            .await
            .unwrap();
        let organization = self.owner.organization;
        self.billing
            .operator()
            .add_member(organization, user, role)
            .await
            .unwrap();
        self.billing
            .tenancy()
            .viewer(user, organization)
            .await
            .unwrap()
            .unwrap()
    }

    /// Gives a card to the gateway, as the browser does.
    pub async fn token(&self, number: &str) -> String {
        let answer = self
            .http
            .post(format!("{}/v1/payment_methods", self.gateway_url))
            .bearer_auth(&self.publishable_key)
            .form(&[
                ("type", "card"),
                ("card[number]", number),
                ("card[exp_month]", "4"),
                ("card[exp_year]", "2031"),
                ("card[cvc]", "123"),
                ("billing_details[address][country]", "US"),
            ])
            .send()
            .await
            .unwrap();
        let body: serde_json::Value = answer.json().await.unwrap();
        body["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no token for {number}: {body}"))
            .to_owned()
    }

    pub async fn top_up(&self, cents: i64, number: &str) -> TopUpView {
        self.top_up_with(cents, &self.token(number).await).await
    }

    pub async fn top_up_with(&self, cents: i64, token: &str) -> TopUpView {
        let pay_with = PayWith::NewCard(token.to_owned());
        let request = StartTopUp {
            id: TopUpId::generate(),
            amount: Cents::new(cents),
            pay_with,
        };
        self.billing
            .top_ups()
            .start(&self.owner, request)
            .await
            .unwrap()
    }

    /// Every charge that the gateway made, in cents: the other side's own books.
    pub async fn charged_cents(&self) -> Vec<i64> {
        let answer = self
            .http
            .get(format!("{}/v1/charges?limit=100", self.gateway_url))
            .bearer_auth(&self.gateway_key)
            .send()
            .await
            .unwrap();
        let body: serde_json::Value = answer.json().await.unwrap();
        let charges = body["data"]
            .as_array()
            .unwrap_or_else(|| panic!("no charges: {body}"));
        let paid = charges
            .iter()
            .filter(|charge| charge["status"] == "succeeded");
        paid.map(|charge| charge["amount"].as_i64().unwrap())
            .collect()
    }

    pub async fn post_to_gateway(&self, path: &str, form: &[(&str, &str)]) -> serde_json::Value {
        let answer = self
            .http
            .post(format!("{}{path}", self.gateway_url))
            .bearer_auth(&self.gateway_key)
            .form(form)
            .send()
            .await
            .unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub async fn delete_at_gateway(&self, path: &str) {
        let url = format!("{}{path}", self.gateway_url);
        let answer = self
            .http
            .delete(url)
            .bearer_auth(&self.gateway_key)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    pub async fn balance(&self) -> String {
        self.balance_of(self.owner.organization).await
    }

    pub async fn balance_of(&self, organization: OrganizationId) -> String {
        let balance = self.billing.prepaid().balance(organization).await.unwrap();
        balance.posted().unwrap().dollars().exact()
    }

    /// Cuts the wire to the gateway.
    pub fn stop_gateway(&self) {
        self.server.abort();
    }

    /// The books must prove after every story.
    pub async fn finish(self) {
        let proof = self.billing.prove().await.unwrap();
        for check in &proof.checks {
            assert!(check.holds(), "{}: {:#?}", check.name, check.differences);
        }
        self.server.abort();
        self.billing.close().await;
        self.database.remove().await;
        let _ = std::fs::remove_dir_all(self.store);
    }

    /// For a story that broke the books on purpose.
    pub async fn finish_broken(self) {
        self.server.abort();
        self.billing.close().await;
        self.database.remove().await;
        let _ = std::fs::remove_dir_all(self.store);
    }

    /// Where the gateway keeps what it knows.
    pub fn gateway_store(&self) -> &std::path::Path {
        &self.store
    }

    pub fn database_url(&self) -> &str {
        &self.database.url
    }

    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    pub fn is_postgres(&self) -> bool {
        self.database.is_postgres()
    }
}

/// How a process reaches a sandbox.
pub fn gateway_settings(sandbox: &Sandbox, url: &str, timeout: Duration) -> GatewaySettings {
    GatewaySettings {
        base_url: url.to_owned(),
        secret_key: sandbox.secret_key().to_owned().into(),
        webhook_secrets: vec![sandbox.webhook_secret().to_owned().into()],
        tokenizer: TokenizerView {
            url: format!("{url}/v1/payment_methods"),
            publishable_key: sandbox.publishable_key().to_owned(),
            takes_link: false,
        },
        return_url: Some("http://127.0.0.1/billing/confirmed".to_owned()),
        timeout,
    }
}

pub async fn serve_sandbox() -> (
    Sandbox,
    String,
    std::path::PathBuf,
    tokio::task::JoinHandle<()>,
) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let store = std::env::temp_dir().join(format!("sandbox_{}", TopUpId::generate()));
    std::fs::create_dir(&store).unwrap();
    let config = SandboxConfig {
        store: store.join("sandbox.sqlite3"),
        webhook_url: None,
        base_path: String::new(),
        public_url: url.clone(),
    };
    let sandbox = Sandbox::open(config).await.unwrap();
    let router = sandbox.router();
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (sandbox, url, store, server)
}

async fn organization(billing: &Billing, email: &str) -> (Viewer, ApiKeyCaller, String) {
    let tenancy = billing.tenancy();
    let user = tenancy.create_user(email, PASSWORD).await.unwrap();
    let organization = tenancy.create_organization("Acme", user).await.unwrap();
    let viewer = tenancy.viewer(user, organization).await.unwrap().unwrap();
    let project = tenancy.create_project(&viewer, "Production").await.unwrap();
    let (_, secret) = billing
        .api_keys()
        .create(&viewer, project, "Gateway")
        .await
        .unwrap();
    let caller = billing
        .api_keys()
        .authenticate(&secret)
        .await
        .unwrap()
        .unwrap();
    (viewer, caller, secret)
}

/// 112 input and 44 output tokens of `gpt-oss-120b`: $0.0000432.
pub fn event(id: &str) -> UsageEvent {
    UsageEvent {
        source: "/gateway".to_owned(),
        id: id.to_owned(),
        occurred_at: None,
        model: "gpt-oss-120b".to_owned(),
        tokens: Tokens {
            input: 112,
            cached_input: 0,
            output: 44,
        },
        status: Some(200),
        latency_ms: Some(120),
        project: None,
        api_key: None,
        request_id: None,
        subject: None,
        claimed_cost: None,
        repeat: Repeat::Everything,
    }
}

/// Presses a button on the bank's page.
pub async fn confirm(url: &str, result: &str) {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let (_, secret) = url.split_once("client_secret=").unwrap();
    let form = [("client_secret", secret), ("outcome", result)];
    let answer = client.unwrap().post(url).form(&form).send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success() || status.is_redirection(), "{status}");
}

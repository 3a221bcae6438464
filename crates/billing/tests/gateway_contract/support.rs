//! Where the suite runs, and how a card gets there.

use std::path::PathBuf;
use std::time::Duration;

use billing::GatewaySettings;
use billing::payments::gateway::{
    ChargeRequest, Gateway, GatewayCustomer, GatewayIntent, GatewayMethod, Outcome, Presence,
    Settled,
};
use chrono::{TimeDelta, Utc};
use sandbox::{Sandbox, SandboxConfig};
use secrecy::SecretString;
use serde_json::Value;
use types::ids::{OrganizationId, PaymentId, TopUpId};
use types::money::Cents;
use types::payment::TokenizerView;
use types::time::Timestamp;

pub const AMOUNT: Cents = Cents::new(2_500);

/// A test card: by number where numbers are taken, by Stripe's fixed token elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct TestCard {
    pub number: &'static str,
    pub token: &'static str,
}

pub const GOOD: TestCard = TestCard {
    number: "4242424242424242",
    token: "pm_card_visa",
};
pub const ASKS: TestCard = TestCard {
    number: "4000002760003184",
    token: "pm_card_authenticationRequired",
};
pub const DECLINED: TestCard = TestCard {
    number: "4000000000000002",
    token: "pm_card_visa_chargeDeclined",
};

pub const DISPUTED: TestCard = TestCard {
    number: "4000000000000259",
    token: "pm_card_createDispute",
};
pub const INQUIRED: TestCard = TestCard {
    number: "4000000000001976",
    token: "pm_card_createDisputeInquiry",
};
pub const REFUND_SETTLES_LATER: TestCard = TestCard {
    number: "4000000000007726",
    token: "pm_card_pendingRefund",
};
pub const REFUND_FAILS_LATER: TestCard = TestCard {
    number: "4000000000005126",
    token: "pm_card_refundFail",
};

#[expect(clippy::disallowed_methods, reason = "the other side has a real clock")]
pub fn an_hour_ago() -> Timestamp {
    Utc::now() - TimeDelta::hours(1)
}

/// Whom the gateway speaks to, and a customer there.
pub struct Counterpart {
    pub gateway: Gateway,
    pub customer: GatewayCustomer,
    pub organization: OrganizationId,
    url: String,
    key: String,
    is_sandbox: bool,
    http: reqwest::Client,
    store: Option<PathBuf>,
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        if let Some(store) = &self.store {
            let _ = std::fs::remove_dir_all(store);
        }
    }
}

pub fn settings(url: &str, key: &str, timeout: Duration) -> GatewaySettings {
    GatewaySettings {
        base_url: url.to_owned(),
        secret_key: SecretString::from(key),
        webhook_secrets: Vec::new(),
        tokenizer: TokenizerView {
            url: String::new(),
            publishable_key: String::new(),
            takes_link: false,
        },
        return_url: None,
        timeout,
    }
}

impl Counterpart {
    /// What the environment names; else a sandbox of this test's own.
    pub async fn open() -> Self {
        match (
            setting("GATEWAY_CONTRACT_URL"),
            setting("GATEWAY_CONTRACT_KEY"),
        ) {
            (Some(url), Some(key)) => Self::connect(url, key, None).await,
            (Some(_), None) => panic!("GATEWAY_CONTRACT_URL is set without GATEWAY_CONTRACT_KEY"),
            (None, _) => Self::sandbox().await,
        }
    }

    /// A sandbox of this test's own, on a free port.
    pub async fn sandbox() -> Self {
        let folder =
            std::env::temp_dir().join(format!("gateway-contract-{}", PaymentId::generate()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/sandbox", listener.local_addr().unwrap());
        let sandbox = Sandbox::open(SandboxConfig {
            store: folder.join("sandbox.db"),
            webhook_url: None,
            base_path: "/sandbox".to_owned(),
            public_url: url.clone(),
        });
        let sandbox = sandbox.await.unwrap();
        let key = sandbox.secret_key().to_owned();
        let router = axum::Router::new().nest("/sandbox", sandbox.router());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self::connect(url, key, Some(folder)).await
    }

    async fn connect(url: String, key: String, store: Option<PathBuf>) -> Self {
        // reqwest takes the process's provider; another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let gateway = Gateway::new(&settings(&url, &key, Duration::from_secs(30))).unwrap();
        let organization = OrganizationId::generate();
        let customer =
            gateway.create_customer(organization, "Contract suite", "contract@example.com", None);
        let customer = customer.await.unwrap();
        let no_redirects = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder()
            .redirect(no_redirects)
            .build()
            .unwrap();
        let is_sandbox = store.is_some();
        Self {
            gateway,
            customer,
            organization,
            url,
            key,
            is_sandbox,
            http,
            store,
        }
    }

    /// The same counterpart through a gateway with another time-out or key.
    pub fn gateway_with(&self, key: Option<&str>, timeout: Duration) -> Gateway {
        Gateway::new(&settings(&self.url, key.unwrap_or(&self.key), timeout)).unwrap()
    }

    /// The same counterpart through a gateway whose fields offer Link beside cards.
    pub fn gateway_with_link(&self) -> Gateway {
        let mut settings = settings(&self.url, &self.key, Duration::from_secs(30));
        settings.tokenizer.takes_link = true;
        Gateway::new(&settings).unwrap()
    }

    /// The card as a browser would have handed it over.
    pub async fn method(&self, card: TestCard) -> GatewayMethod {
        if !self.is_sandbox {
            return card.token.parse().unwrap();
        }
        let form = [
            ("type", "card"),
            ("card[number]", card.number),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2040"),
            ("card[cvc]", "123"),
        ];
        let method = self.post("v1/payment_methods", &form).await;
        method["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no method: {method}"))
            .parse()
            .unwrap()
    }

    /// A new top-up's charge, by someone who is there, with a card that is not kept.
    pub async fn request(&self, card: TestCard) -> ChargeRequest {
        self.request_with(self.method(card).await)
    }

    pub fn request_with(&self, payment_method: GatewayMethod) -> ChargeRequest {
        ChargeRequest {
            key: PaymentId::generate().to_string(),
            customer: self.customer.clone(),
            payment_method,
            amount: AMOUNT,
            top_up: TopUpId::generate(),
            organization: self.organization,
            save_card: false,
            presence: Presence::OnSession,
            return_url: Some("https://billing.example/billing/confirmed".to_owned()),
        }
    }

    /// A charge that is paid.
    pub async fn paid(&self, card: TestCard) -> Settled {
        let request = self.request(card).await;
        settled(self.gateway.charge(&request).await.unwrap())
    }

    /// Asks until there is an answer: what the gateway does of its own accord takes its time. In the
    /// sandbox that time goes by at once.
    pub async fn eventually<T>(&self, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        /// Two minutes of questions; Stripe's test mode takes seconds.
        const QUESTIONS: u32 = 60;
        if self.is_sandbox {
            self.advance("86400").await;
        }
        for _ in 0..QUESTIONS {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        panic!("it did not happen in two minutes");
    }

    /// How many payments the customer has there, of whatever outcome.
    pub async fn payments(&self) -> usize {
        let url = format!("{}/v1/payment_intents", self.url);
        let query = format!("customer={}&limit=100", self.customer);
        let answer = self
            .http
            .get(format!("{url}?{query}"))
            .bearer_auth(&self.key)
            .send()
            .await;
        let page: Value = answer.unwrap().json().await.unwrap();
        page["data"].as_array().unwrap().len()
    }

    /// Orders `fault` for the next `count` charges.
    pub async fn order_fault(&self, fault: &str, count: &str, seconds: &str) {
        let target = "/v1/payment_intents";
        let form = [
            ("fault", fault),
            ("count", count),
            ("seconds", seconds),
            ("target", target),
        ];
        let ordered = self.post("_control/faults", &form).await;
        assert_eq!(ordered["fault"], fault, "{ordered}");
    }

    /// Lets the sandbox's time go on.
    pub async fn advance(&self, seconds: &str) {
        let moved = self.post("_control/clock", &[("advance", seconds)]).await;
        assert!(moved["now"].is_number(), "{moved}");
    }

    /// The owner answers on the bank's page: `approve` or `fail`.
    pub async fn answer_bank(&self, page: &str, outcome: &str) {
        let (address, query) = page.split_once('?').unwrap();
        let (_, secret) = query.split_once("client_secret=").unwrap();
        let form = [("client_secret", secret), ("outcome", outcome)];
        let answer = self.http.post(address).form(&form).send().await.unwrap();
        assert!(answer.status().is_redirection(), "{}", answer.status());
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let url = format!("{}/{path}", self.url);
        let answer = self
            .http
            .post(url)
            .bearer_auth(&self.key)
            .form(form)
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }
}

fn setting(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "an operator points the suite elsewhere"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[track_caller]
pub fn settled(outcome: Outcome) -> Settled {
    let Outcome::Succeeded(settled) = outcome else {
        panic!("it was to succeed: {outcome:?}");
    };
    settled
}

#[track_caller]
pub fn bank_page(outcome: Outcome) -> (GatewayIntent, String) {
    let Outcome::RequiresAction {
        intent,
        url: Some(url),
    } = outcome
    else {
        panic!("the bank was to ask: {outcome:?}");
    };
    (intent, url)
}

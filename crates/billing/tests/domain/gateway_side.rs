//! The far side of the wire, as stories need it: what the gateway keeps, what it tells of its own
//! accord, and a second gateway beside the first.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use billing::{Billing, BillingSettings, GatewayEventError, Received};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::Sha256;

use crate::world::{World, gateway_settings, serve_sandbox};

pub const VISA: &str = "4242424242424242";
pub const MASTERCARD: &str = "5555555555554444";
/// The bank asks its owner each time.
pub const ASKS: &str = "4000002760003184";
/// Attaching works; every charge is declined.
pub const DECLINES_CHARGES: &str = "4000000000000341";

/// Everything that the gateway has told or would tell, oldest first.
pub async fn notices(world: &World) -> Vec<Value> {
    let mut told = list(&world.gateway_url, &world.gateway_key, "/v1/events").await;
    told.reverse();
    told
}

/// Those of one kind, oldest first.
pub async fn notices_of(world: &World, kind: &str) -> Vec<Value> {
    let mut told = notices(world).await;
    told.retain(|notice| notice["type"] == kind);
    told
}

/// The one notice of a kind.
pub async fn notice_of(world: &World, kind: &str) -> Value {
    let mut told = notices_of(world, kind).await;
    assert_eq!(told.len(), 1, "{kind}: {told:#?}");
    told.remove(0)
}

/// Signs a body as the gateway of `settings` does, at the story's time, and hands it over.
pub async fn deliver(
    world: &World,
    billing: &Billing,
    settings: &BillingSettings,
    body: &[u8],
) -> Result<Received, GatewayEventError> {
    let secret = settings.gateway.webhook_secrets[0].expose_secret();
    let time = world.billing.now().timestamp();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    let signature = hex::encode(mac.finalize().into_bytes());
    let header = format!("t={time},v1={signature}");
    billing.gateway_events().receive(body, &header).await
}

/// [`deliver`] to the world's own process.
pub async fn tell(world: &World, notice: &Value) -> Result<Received, GatewayEventError> {
    let body = notice.to_string();
    deliver(world, &world.billing, &world.settings, body.as_bytes()).await
}

/// The tokens of all cards that are attached to a customer, oldest first.
pub async fn attached(world: &World) -> Vec<String> {
    let (url, key) = (&world.gateway_url, &world.gateway_key);
    let mut tokens = Vec::new();
    for customer in list(url, key, "/v1/customers").await {
        let path = format!(
            "/v1/customers/{}/payment_methods",
            customer["id"].as_str().unwrap()
        );
        for method in list(url, key, &path).await {
            tokens.push(method["id"].as_str().unwrap().to_owned());
        }
    }
    tokens.reverse();
    tokens
}

/// The names of all customers, newest first.
pub async fn customers(world: &World) -> Vec<String> {
    let listed = list(&world.gateway_url, &world.gateway_key, "/v1/customers").await;
    let name = |customer: &Value| customer["id"].as_str().unwrap().to_owned();
    listed.iter().map(name).collect()
}

/// The status of every payment at the gateway, newest first.
pub async fn statuses(world: &World) -> Vec<String> {
    let (url, key) = (&world.gateway_url, &world.gateway_key);
    let intents = list(url, key, "/v1/payment_intents").await;
    let status = |intent: &Value| intent["status"].as_str().unwrap().to_owned();
    intents.iter().map(status).collect()
}

/// From now on answers on these paths go wrong, until [`heal`].
pub async fn break_answers(world: &World, fault: &str, target: &str) {
    let seconds = if fault == "answer_slow" { "30" } else { "0" };
    let order = [
        ("fault", fault),
        ("count", "1000"),
        ("seconds", seconds),
        ("target", target),
    ];
    world.post_to_gateway("/_control/faults", &order).await;
}

pub async fn heal(world: &World) {
    world.delete_at_gateway("/_control/faults").await;
}

/// Another process on the same database, clock and gateway.
pub async fn another_process(world: &World) -> Billing {
    let clock = Arc::new(world.clock.clone());
    Billing::open(world.settings.clone(), clock).await.unwrap()
}

/// A process on the same database and clock that pays through another gateway.
pub struct Elsewhere {
    pub billing: Billing,
    pub settings: BillingSettings,
    server: tokio::task::JoinHandle<()>,
    store: PathBuf,
}

impl Elsewhere {
    pub async fn open(world: &World) -> Self {
        let (sandbox, url, store, server) = serve_sandbox().await;
        let gateway = gateway_settings(&sandbox, &url, Duration::from_secs(30));
        let settings = BillingSettings {
            gateway,
            ..world.settings.clone()
        };
        let clock = Arc::new(world.clock.clone());
        let billing = Billing::open(settings.clone(), clock).await.unwrap();
        Self {
            billing,
            settings,
            server,
            store,
        }
    }

    pub async fn token(&self, number: &str) -> String {
        let tokenizer = &self.settings.gateway.tokenizer;
        let card = [
            ("type", "card"),
            ("card[number]", number),
            ("card[exp_month]", "4"),
            ("card[exp_year]", "2031"),
            ("card[cvc]", "123"),
        ];
        let answer = reqwest::Client::new()
            .post(&tokenizer.url)
            .bearer_auth(&tokenizer.publishable_key)
            .form(&card)
            .send()
            .await
            .unwrap();
        let method: Value = answer.json().await.unwrap();
        method["id"].as_str().unwrap().to_owned()
    }

    /// How many payments this gateway knows.
    pub async fn payments(&self) -> usize {
        let gateway = &self.settings.gateway;
        let key = gateway.secret_key.expose_secret();
        list(&gateway.base_url, key, "/v1/payment_intents")
            .await
            .len()
    }

    pub async fn close(self) {
        self.server.abort();
        self.billing.close().await;
        let _ = std::fs::remove_dir_all(self.store);
    }
}

async fn list(url: &str, key: &str, path: &str) -> Vec<Value> {
    let answer = reqwest::Client::new()
        .get(format!("{url}{path}?limit=100"))
        .bearer_auth(key)
        .send()
        .await
        .unwrap();
    let page: Value = answer.json().await.unwrap();
    let found = page["data"].as_array();
    found.unwrap_or_else(|| panic!("{path}: {page}")).clone()
}

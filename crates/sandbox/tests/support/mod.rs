//! A sandbox in a folder of its own and a client that speaks to its router.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod receiver;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use tower::ServiceExt;

pub const CARD: &str = "4242424242424242";

/// Removed when dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sandbox-test-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub fn config(&self) -> SandboxConfig {
        SandboxConfig {
            store: self.0.join("sandbox.db"),
            webhook_url: None,
            base_path: "/sandbox".into(),
            public_url: "http://127.0.0.1:3000/sandbox".into(),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The object of a call that must have succeeded.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }

    /// The `error` of a call that must have failed with this status.
    #[track_caller]
    pub fn error(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()["error"].clone()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

#[derive(Clone)]
pub struct Api {
    pub sandbox: Sandbox,
    key: String,
}

impl Api {
    pub async fn open(config: SandboxConfig) -> Self {
        let sandbox = Sandbox::open(config).await.expect("a sandbox");
        let key = sandbox.secret_key().to_owned();
        Self { sandbox, key }
    }

    pub fn with_key(&self, key: &str) -> Self {
        Self {
            sandbox: self.sandbox.clone(),
            key: key.into(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], String::new()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], String::new()).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send("POST", path, &[], encoded(form)).await
    }

    pub async fn post_with(
        &self,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        self.send("POST", path, headers, encoded(form)).await
    }

    pub async fn post_keyed(&self, key: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(path, form, &[("idempotency-key", key)])
            .await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !self.key.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).expect("a request");
        let response = self
            .sandbox
            .router()
            .oneshot(request)
            .await
            .expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    /// A payment method made from a card number.
    pub async fn card(&self, number: &str) -> String {
        id(&self
            .post("/v1/payment_methods", &card_form(number))
            .await
            .ok())
    }

    pub async fn customer(&self) -> String {
        id(&self
            .post("/v1/customers", &[("email", "ada@example.com")])
            .await
            .ok())
    }

    /// A customer with the card attached: (customer, payment method).
    pub async fn customer_with(&self, number: &str) -> (String, String) {
        let customer = self.customer().await;
        let method = self.card(number).await;
        self.attach(&method, &customer).await.ok();
        (customer, method)
    }

    pub async fn attach(&self, method: &str, customer: &str) -> Answer {
        let path = format!("/v1/payment_methods/{method}/attach");
        self.post(&path, &[("customer", customer)]).await
    }

    /// Charges 25 dollars on-session.
    pub async fn charge(&self, customer: &str, method: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = charge_form(customer, method);
        form.extend_from_slice(more);
        self.post("/v1/payment_intents", &form).await
    }

    /// The types of all events, oldest first.
    pub async fn event_types(&self) -> Vec<String> {
        let events = self.get("/v1/events?limit=100").await.ok();
        let mut types: Vec<String> = events["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|event| event["type"].as_str().expect("a type").to_owned())
            .collect();
        types.reverse();
        types
    }

    pub async fn advance(&self, seconds: i64) -> Value {
        self.post("/_control/clock", &[("advance", &seconds.to_string())])
            .await
            .ok()
    }
}

pub fn card_form(number: &str) -> Vec<(&str, &str)> {
    // A security code of the length that the brand has.
    let code = if number.starts_with("37") {
        "1234"
    } else {
        "123"
    };
    vec![
        ("type", "card"),
        ("card[number]", number),
        ("card[exp_month]", "12"),
        ("card[exp_year]", "2034"),
        ("card[cvc]", code),
        ("billing_details[address][country]", "US"),
    ]
}

pub fn charge_form<'a>(customer: &'a str, method: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("amount", "2500"),
        ("currency", "usd"),
        ("payment_method", method),
        ("payment_method_types[]", "card"),
        ("confirm", "true"),
    ];
    if !customer.is_empty() {
        form.push(("customer", customer));
    }
    form
}

fn encoded(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish()
}

pub fn id(object: &Value) -> String {
    object["id"].as_str().expect("an id").to_owned()
}

pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or("")
}

/// Runs of 13 to 19 digits that pass the check of card numbers, anywhere in the bytes.
pub fn card_numbers_in(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|byte| !byte.is_ascii_digit())
        .filter(|run| (13..=19).contains(&run.len()))
        .filter(|run| {
            let sum: u32 = run
                .iter()
                .rev()
                .enumerate()
                .map(|(place, byte)| {
                    let digit = u32::from(byte - b'0') * if place % 2 == 1 { 2 } else { 1 };
                    if digit > 9 { digit - 9 } else { digit }
                })
                .sum();
            sum.is_multiple_of(10)
        })
        .map(|run| String::from_utf8_lossy(run).into_owned())
        .collect()
}

//! A webhook receiver on a port of its own, which can be told to refuse.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;

#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    state: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    deliveries: Vec<Delivery>,
    /// Statuses for the next deliveries; 200 when there is none.
    answers: VecDeque<u16>,
}

#[derive(Clone)]
pub struct Delivery {
    pub signature: String,
    pub body: String,
    pub answered: u16,
}

impl Delivery {
    pub fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("an event")
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(Received::default()));
        let router = Router::new()
            .route("/hook", post(receive))
            .with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    pub fn answer_next(&self, statuses: &[u16]) {
        self.state.lock().expect("a lock").answers.extend(statuses);
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state.lock().expect("a lock").deliveries.clone()
    }

    /// The types of the accepted events in the order of their arrival.
    pub fn accepted(&self) -> Vec<String> {
        let deliveries = self
            .deliveries()
            .into_iter()
            .filter(|delivery| delivery.answered < 300);
        deliveries
            .map(|delivery| {
                delivery.event()["type"]
                    .as_str()
                    .expect("a type")
                    .to_owned()
            })
            .collect()
    }

    pub async fn wait_for(&self, count: usize) {
        for _ in 0..400 {
            if self.deliveries().len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!(
            "{count} deliveries were awaited, {} came",
            self.deliveries().len()
        );
    }
}

async fn receive(
    State(state): State<Arc<Mutex<Received>>>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let signature = headers["stripe-signature"]
        .to_str()
        .expect("a header")
        .to_owned();
    let mut received = state.lock().expect("a lock");
    let answered = received.answers.pop_front().unwrap_or(200);
    received.deliveries.push(Delivery {
        signature,
        body,
        answered,
    });
    StatusCode::from_u16(answered).expect("a status")
}

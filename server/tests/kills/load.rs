//! Gateways that report usage, others that hold credit before, and a person who adds it, while the server comes and goes.
//!
//! What was not answered is sent again under the same id after the restart, as real clients do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use types::ids::TopUpId;

use super::holders::{HoldRecord, hold};
use super::process::{Installation, Running, Seeded};
use crate::support::{Browser, client};

/// So many that a commit is never without the next one waiting.
const REPORTERS: usize = 6;
/// Events in one report.
const A_REPORT: u32 = 100;
const BUYERS: usize = 2;
const HOLDERS: usize = 4;
/// Every so many top-ups that got no answer, one is left to reconciliation and never sent again.
const LEFT_ALONE: usize = 3;

/// What was sent and what was acknowledged.
#[derive(Debug, Default, Clone)]
pub struct Record {
    pub sent_events: HashSet<String>,
    pub acknowledged_events: HashSet<String>,
    pub sent_top_ups: HashSet<String>,
    pub acknowledged_top_ups: HashSet<String>,
    pub holds: HoldRecord,
}

pub struct Load {
    api_key: String,
    session: Option<String>,
    method: String,
    record: Arc<Mutex<Record>>,
    /// What each worker was sending when the server went away.
    unanswered: Unanswered,
}

#[derive(Debug, Default, Clone)]
struct Unanswered {
    batches: Vec<Value>,
    top_ups: Vec<String>,
    holds: Vec<String>,
    lost_top_ups: usize,
}

/// Who is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Everyone,
    /// Nobody adds credit.
    Reporters,
}

/// Workers that end when the server does.
pub struct Work {
    reporters: Vec<JoinHandle<Option<Value>>>,
    buyers: Vec<JoinHandle<Option<String>>>,
    holders: Vec<JoinHandle<Option<String>>>,
}

impl Load {
    /// Signs in and finds the saved card.
    pub async fn prepare(installation: &Installation, seeded: &Seeded) -> Self {
        let running = installation.start().await;
        let mut browser = Browser::new(&running.url);
        browser.sign_in(&seeded.email, &seeded.password).await;
        let page = browser.json("billing_page", &[]).await;
        let method = page["payment_methods"][0]["id"]
            .as_str()
            .expect("a saved card")
            .to_owned();
        running.terminate().await;
        Self {
            api_key: seeded.api_key.clone(),
            session: browser.session,
            method,
            record: Arc::default(),
            unanswered: Unanswered::default(),
        }
    }

    pub fn record(&self) -> Record {
        self.record.lock().expect("no worker panicked").clone()
    }

    /// Sends until the servers are gone; each worker keeps to one of them.
    pub fn start(&mut self, running: &[&Running], who: Who) -> Work {
        let mut batches = std::mem::take(&mut self.unanswered.batches);
        let mut top_ups = std::mem::take(&mut self.unanswered.top_ups);
        let mut holds = std::mem::take(&mut self.unanswered.holds);
        let reporters = (0..REPORTERS).map(|worker| {
            let url = &running[worker % running.len()].url;
            let (url, key) = (format!("{url}/v1/events"), self.api_key.clone());
            tokio::spawn(report(url, key, batches.pop(), Arc::clone(&self.record)))
        });
        let reporters = reporters.collect();
        let buyers = if who == Who::Everyone { BUYERS } else { 0 };
        let buyers = (0..buyers).map(|_| {
            let browser = self.browser(running[0]);
            let (method, record) = (self.method.clone(), Arc::clone(&self.record));
            tokio::spawn(buy(browser, method, top_ups.pop(), record))
        });
        let holders = (0..HOLDERS).map(|worker| {
            let url = running[worker % running.len()].url.clone();
            let (key, record) = (self.api_key.clone(), Arc::clone(&self.record));
            tokio::spawn(hold(url, key, holds.pop(), record))
        });
        Work {
            reporters,
            buyers: buyers.collect(),
            holders: holders.collect(),
        }
    }

    /// Keeps what got no answer, to be sent again.
    pub async fn finish(&mut self, work: Work) {
        for reporter in work.reporters {
            let left = reporter.await.expect("no reporter panicked");
            self.unanswered.batches.extend(left);
        }
        for holder in work.holders {
            let left = holder.await.expect("no holder panicked");
            self.unanswered.holds.extend(left);
        }
        for buyer in work.buyers {
            let Some(left) = buyer.await.expect("no buyer panicked") else {
                continue;
            };
            self.unanswered.lost_top_ups += 1;
            if !self.unanswered.lost_top_ups.is_multiple_of(LEFT_ALONE) {
                self.unanswered.top_ups.push(left);
            }
        }
    }

    /// Sends once more every report that got no answer, and gets one.
    pub async fn send_again(&mut self, running: &Running) {
        for batch in std::mem::take(&mut self.unanswered.batches) {
            let sent = client()
                .post(format!("{}/v1/events", running.url))
                .header("x-api-key", &self.api_key)
                .json(&batch)
                .send()
                .await
                .expect("an answer");
            assert_eq!(sent.status(), StatusCode::NO_CONTENT);
            let mut record = self.record.lock().expect("no worker panicked");
            record.acknowledged_events.extend(ids(&batch));
        }
    }

    /// Those of `top_ups` that still wait for an answer. One that was never started is not open.
    pub async fn open_top_ups(&self, running: &Running, top_ups: &HashSet<String>) -> Vec<String> {
        let browser = self.browser(running);
        let mut open = Vec::new();
        for id in top_ups {
            let top_up = browser.json("top_up_status", &[("id", id)]).await;
            match top_up["state"]["state"].as_str() {
                None | Some("succeeded") => {}
                Some("processing") => open.push(id.clone()),
                Some(state) => panic!("{id} is {state}"),
            }
        }
        open
    }

    fn browser(&self, running: &Running) -> Browser {
        let mut browser = Browser::new(&running.url);
        browser.session.clone_from(&self.session);
        browser
    }
}

/// Reports batch after batch; returns the one that got no answer.
async fn report(
    url: String,
    key: String,
    mut again: Option<Value>,
    record: Arc<Mutex<Record>>,
) -> Option<Value> {
    let client = client();
    loop {
        let batch = again.take().unwrap_or_else(new_batch);
        let ids: Vec<String> = ids(&batch);
        record
            .lock()
            .expect("no panic")
            .sent_events
            .extend(ids.iter().cloned());
        match client
            .post(&url)
            .header("x-api-key", &key)
            .json(&batch)
            .send()
            .await
        {
            Ok(response) => {
                assert_eq!(response.status(), StatusCode::NO_CONTENT);
                record
                    .lock()
                    .expect("no panic")
                    .acknowledged_events
                    .extend(ids);
            }
            Err(_) => return Some(batch),
        }
    }
}

fn new_batch() -> Value {
    (0..A_REPORT)
        .map(|tokens| {
            json!({
                "specversion": "1.0",
                "id": uuid::Uuid::now_v7(),
                "source": "/kills",
                "type": "inference.request",
                "data": {
                    "model": "gpt-oss-120b", "input_tokens": 112 + tokens, "output_tokens": 44
                }
            })
        })
        .collect()
}

fn ids(batch: &Value) -> Vec<String> {
    let events = batch.as_array().expect("a list");
    events
        .iter()
        .map(|event| event["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// Adds $5 after $5 with the saved card; returns the top-up that got no answer.
async fn buy(
    browser: Browser,
    method: String,
    mut again: Option<String>,
    record: Arc<Mutex<Record>>,
) -> Option<String> {
    loop {
        let id = again
            .take()
            .unwrap_or_else(|| TopUpId::generate().to_string());
        record
            .lock()
            .expect("no panic")
            .sent_top_ups
            .insert(id.clone());
        let fields = [
            ("id", id.as_str()),
            ("amount", "5"),
            ("method", &method),
            ("token", ""),
        ];
        let Some(top_up) = try_call(&browser, &fields).await else {
            return Some(id);
        };
        match top_up["state"]["state"].as_str() {
            Some("succeeded") => {
                record
                    .lock()
                    .expect("no panic")
                    .acknowledged_top_ups
                    .insert(id);
            }
            // The gateway's answer was lost: the page would wait, and reconciliation asks.
            Some("processing") => {}
            other => panic!("{id}: {other:?} {top_up}"),
        }
    }
}

/// The answer, or nothing when the connection broke before it was whole.
async fn try_call(browser: &Browser, fields: &[(&str, &str)]) -> Option<Value> {
    let request = browser
        .request(reqwest::Method::POST, "/api/start_top_up")
        .header("accept", "application/json")
        .form(fields);
    let response = request.send().await.ok()?;
    let status = response.status();
    let body = response.text().await.ok()?;
    // The sandbox dies with the server: "nobody knows, ask again" is an honest answer then.
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    assert_eq!(status, StatusCode::OK, "{body}");
    Some(serde_json::from_str(&body).expect("JSON"))
}

//! Gateways that set credit aside before each request and settle it after, while the server comes
//! and goes. What was not answered is asked again under the same id.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::load::Record;
use crate::support::client;

/// Where there is no credit, others must add some first.
const NO_CREDIT: Duration = Duration::from_millis(50);

/// What was answered about holds, by the ids that they were asked for with.
#[derive(Debug, Default, Clone)]
pub struct HoldRecord {
    pub sent: HashSet<String>,
    pub captured: HashSet<String>,
}

/// Opens and captures hold after hold; returns the id of the one that got no answer.
pub async fn hold(
    url: String,
    key: String,
    mut again: Option<String>,
    record: Arc<Mutex<Record>>,
) -> Option<String> {
    let gateway = Gateway {
        client: client(),
        url,
        key,
    };
    loop {
        let id = again
            .take()
            .unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        record
            .lock()
            .expect("no panic")
            .holds
            .sent
            .insert(id.clone());
        let asked = json!({
            "id": id, "model": "gpt-oss-120b", "input_tokens": 112, "max_output_tokens": 44
        });
        let Some((status, opened)) = gateway.post("", &asked).await else {
            return Some(id);
        };
        if status == StatusCode::TOO_MANY_REQUESTS {
            tokio::time::sleep(NO_CREDIT).await;
            continue;
        }
        assert_eq!(status, StatusCode::OK, "{opened}");
        let path = format!("/{}/capture", opened["id"].as_str().expect("an id"));
        let used = json!({ "input_tokens": 112, "output_tokens": 44 });
        let Some((status, captured)) = gateway.post(&path, &used).await else {
            return Some(id);
        };
        assert_eq!(status, StatusCode::OK, "{captured}");
        let mut record = record.lock().expect("no panic");
        record.holds.captured.insert(id);
    }
}

struct Gateway {
    client: Client,
    url: String,
    key: String,
}

impl Gateway {
    /// `None` when the connection broke before there was an answer.
    async fn post(&self, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        let request = self
            .client
            .post(format!("{}/v1/holds{path}", self.url))
            .header("x-api-key", &self.key)
            .json(body);
        let response = request.send().await.ok()?;
        // An answer that is cut off is none.
        let status = response.status();
        let text = response.text().await.ok()?;
        Some((status, serde_json::from_str(&text).ok()?))
    }
}

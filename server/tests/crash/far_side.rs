//! What the processor has, over its own API and, for its key alone, from its store.

use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

use crate::process::Installation;
use crate::support::client;

pub struct FarSide {
    base: String,
    secret_key: String,
    publishable_key: String,
}

/// Whether notices arrive.
#[derive(Debug, Clone, Copy)]
pub enum Hearing {
    Well,
    Nothing,
}

impl FarSide {
    pub async fn of(installation: &Installation, url: &str) -> Self {
        let store = installation.directory.path().join("data/sandbox.sqlite3");
        let store = format!("sqlite://{}", store.display());
        let mut connection = SqliteConnection::connect(&store).await.expect("a store");
        let mut keys = Vec::new();
        for name in ["sk_test", "pk_test"] {
            let key: String = sqlx::query_scalar("select value from settings where name = $1")
                .bind(name)
                .fetch_one(&mut connection)
                .await
                .expect("a key");
            keys.push(key);
        }
        connection.close().await.expect("it closes");
        let [secret_key, publishable_key] = keys.try_into().expect("two keys");
        Self {
            base: format!("{url}/sandbox"),
            secret_key,
            publishable_key,
        }
    }

    /// Gives a card to the processor, as the page does.
    pub async fn token(&self, number: &str) -> String {
        let card = [
            ("type", "card"),
            ("card[number]", number),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2034"),
            ("card[cvc]", "123"),
        ];
        let asked = client()
            .post(format!("{}/v1/payment_methods", self.base))
            .bearer_auth(&self.publishable_key)
            .form(&card);
        let answer = asked.send().await.expect("an answer");
        let method: Value = answer.json().await.expect("JSON");
        method["id"].as_str().expect("a token").to_owned()
    }

    /// Confirms at the bank's page. The processor lives in the server, so it may die of it.
    pub async fn confirm(&self, page: &str) {
        let (_, secret) = page.split_once("client_secret=").expect("a secret");
        let form = [("client_secret", secret), ("outcome", "approve")];
        let _ = client().post(page).form(&form).send().await;
    }

    /// The attempts to be paid for a top-up, by their states.
    pub async fn payments(&self, top_up: &str) -> Vec<String> {
        let intents = self.list("/v1/payment_intents").await;
        let of_it = intents
            .iter()
            .filter(|intent| intent["metadata"]["top_up_id"] == *top_up);
        of_it.map(|intent| text(&intent["status"])).collect()
    }

    /// What was taken for a top-up, charge by charge, in cents.
    pub async fn charged_cents(&self, top_up: &str) -> Vec<i64> {
        let charges = self.list("/v1/charges").await;
        let paid = charges
            .iter()
            .filter(|charge| charge["metadata"]["top_up_id"] == *top_up && charge["paid"] == true);
        paid.map(|charge| charge["amount"].as_i64().expect("cents"))
            .collect()
    }

    /// What went back of a top-up, refund by refund, in cents.
    pub async fn refunded_cents(&self, top_up: &str) -> Vec<i64> {
        let intents = self.list("/v1/payment_intents").await;
        let of_it = |id: &Value| {
            intents
                .iter()
                .any(|intent| intent["id"] == *id && intent["metadata"]["top_up_id"] == *top_up)
        };
        let refunds = self.list("/v1/refunds").await;
        let of_it = refunds
            .iter()
            .filter(|refund| of_it(&refund["payment_intent"]) && refund["status"] == "succeeded");
        of_it
            .map(|refund| refund["amount"].as_i64().expect("cents"))
            .collect()
    }

    /// From now on no notice arrives; with `Hearing::Well` they do again.
    pub async fn hear(&self, hearing: Hearing) {
        let address = format!("{}/_control/faults", self.base);
        let request = match hearing {
            Hearing::Well => client().delete(address),
            Hearing::Nothing => client()
                .post(address)
                .form(&[("fault", "webhook_lost"), ("count", "1000")]),
        };
        let answer = request.bearer_auth(&self.secret_key).send().await;
        assert!(answer.expect("an answer").status().is_success());
    }

    /// Whether a card belongs to a customer.
    pub async fn is_attached(&self, token: &str) -> bool {
        let path = format!("/v1/payment_methods/{token}");
        !self.get(&path).await["customer"].is_null()
    }

    /// Whether everything that the processor has to tell is told.
    pub async fn has_told_everything(&self) -> bool {
        let deliveries = self.get("/_control/deliveries").await;
        let deliveries = deliveries["data"].as_array().expect("a list");
        deliveries
            .iter()
            .all(|delivery| delivery["state"] != "waiting")
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let page = self.get(&format!("{path}?limit=100")).await;
        assert_eq!(page["has_more"], false, "one page holds a lane's: {path}");
        page["data"].as_array().expect("a list").clone()
    }

    async fn get(&self, path: &str) -> Value {
        let asked = client()
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.secret_key);
        let answer = asked.send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

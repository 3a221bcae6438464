//! What both sides wrote down: our books, row by row, and the processor's charges.

use std::collections::HashSet;

use sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection, Row};
use tokio::net::TcpListener;
use types::money::Cost;

use super::process::Installation;
use crate::support::client;

pub struct Books {
    pub events: Vec<Event>,
    /// The usage that settled holds.
    pub captures: Vec<Event>,
    /// The ids that captured holds were asked for with.
    pub captured: HashSet<String>,
    pub credits: Vec<Credit>,
    pub charges: Vec<Charge>,
    pub balance_nano: i64,
}

pub struct Event {
    pub id: String,
    pub cost_pico: i64,
}

pub struct Credit {
    pub top_up: String,
    pub amount_nano: i64,
}

pub struct Charge {
    pub top_up: String,
    pub cents: i64,
}

impl Books {
    pub async fn read(installation: &Installation) -> Self {
        install_default_drivers();
        let url = installation.database_url();
        let mut connection = AnyConnection::connect(&url)
            .await
            .expect("the database opens");
        let events = read_events(&mut connection, "/kills").await;
        let captures = read_events(&mut connection, "hold").await;
        let captured = read_captured(&mut connection).await;
        let credits = read_credits(&mut connection).await;
        let balance_nano = read_balance(&mut connection).await;
        connection.close().await.expect("it closes");
        Self {
            events,
            captures,
            captured,
            credits,
            charges: read_charges(installation).await,
            balance_nano,
        }
    }

    pub fn credited_nano(&self) -> i64 {
        self.credits.iter().map(|credit| credit.amount_nano).sum()
    }

    /// Whole nano-dollars; the rest, below one, is carried.
    pub fn used_nano(&self) -> i64 {
        let events = self.events.iter().chain(&self.captures);
        let picos = events.map(|event| event.cost_pico).sum();
        let (posted, _) = Cost::from_picos(picos)
            .into_money_and_carry()
            .expect("not negative");
        posted.nanos()
    }
}

async fn read_captured(connection: &mut AnyConnection) -> HashSet<String> {
    let ids: Vec<String> =
        sqlx::query_scalar("select client_id from holds where state = 'captured'")
            .fetch_all(connection)
            .await
            .expect("holds");
    ids.into_iter().collect()
}

async fn read_events(connection: &mut AnyConnection, source: &str) -> Vec<Event> {
    let rows = sqlx::query(
        "select event_key, cost_pico from usage_events
         join usage_sources on usage_sources.no = source_no where source = $1",
    )
    .bind(source)
    .fetch_all(connection)
    .await
    .expect("events");
    let event = |row: &sqlx::any::AnyRow| {
        let key: Vec<u8> = row.get("event_key");
        // The ids of the load are UUIDs, which are kept as they are.
        let id = uuid::Uuid::from_slice(&key).expect("a UUID");
        Event {
            id: id.to_string(),
            cost_pico: row.get("cost_pico"),
        }
    };
    rows.iter().map(event).collect()
}

/// Every batch that a top-up caused, with what it brought the organization. Its other transfers
/// are between the platform's own accounts: the gateway's fee.
async fn read_credits(connection: &mut AnyConnection) -> Vec<Credit> {
    let rows = sqlx::query(
        "select batches.source, cast(sum(transfers.amount_nano) as bigint) as amount_nano
         from batches
         join transfers on transfers.batch_id = batches.id
         join accounts on accounts.id = transfers.credit_account_id
             and accounts.organization_id = batches.organization_id
         where batches.source like 'topup:%' group by batches.id, batches.source",
    )
    .fetch_all(connection)
    .await
    .expect("credits");
    let credit = |row: &sqlx::any::AnyRow| {
        let source: String = row.get("source");
        let top_up = source
            .strip_prefix("topup:")
            .expect("its source")
            .to_owned();
        Credit {
            top_up,
            amount_nano: row.get("amount_nano"),
        }
    };
    rows.iter().map(credit).collect()
}

async fn read_balance(connection: &mut AnyConnection) -> i64 {
    sqlx::query_scalar("select balance_nano from books")
        .fetch_one(connection)
        .await
        .expect("books")
}

/// Every payment that the processor took money for, over its own API.
async fn read_charges(installation: &Installation) -> Vec<Charge> {
    let sandbox = Sandbox::open(SandboxConfig {
        store: installation.directory.path().join("data/sandbox.sqlite3"),
        webhook_url: None,
        base_path: String::new(),
        public_url: String::new(),
    })
    .await
    .expect("the sandbox opens");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let serving = tokio::spawn(axum::serve(listener, sandbox.router()).into_future());
    let mut charges = Vec::new();
    let mut after = String::new();
    loop {
        let page: Value = client()
            .get(format!("{url}/v1/charges?limit=100{after}"))
            .bearer_auth(sandbox.secret_key())
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let rows = page["data"]
            .as_array()
            .unwrap_or_else(|| panic!("no list: {page}"));
        charges.extend(rows.iter().filter(|row| row["paid"] == true).map(charge));
        if page["has_more"] != true {
            break;
        }
        let last = rows.last().expect("more than none")["id"]
            .as_str()
            .expect("an id");
        after = format!("&starting_after={last}");
    }
    serving.abort();
    charges
}

fn charge(row: &Value) -> Charge {
    let top_up = row["metadata"]["top_up_id"].as_str();
    let top_up = top_up
        .unwrap_or_else(|| panic!("no top-up in {row}"))
        .to_owned();
    Charge {
        top_up,
        cents: row["amount"].as_i64().expect("cents"),
    }
}

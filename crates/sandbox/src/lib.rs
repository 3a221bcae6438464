//! A payment processor for development and tests: the subset of Stripe's HTTP API that a billing
//! system with cards needs, with its objects, errors, idempotency keys, test cards, 3-D Secure page
//! and signed webhooks.
//!
//! Owns: everything on the far side of the wire, in a store of its own. Does not own and does not
//! know: whoever calls it. It never sees real money, and refuses every card number that is not a
//! published test number, so it never holds a real one either.
//!
//! Ways in, in reading order: `routes` (HTTP) → `pipeline` (idempotency, one transaction, faults)
//! → the noun's module → `store`. What happens later by itself is in `outcomes`; what is told to
//! the other side is in `webhooks`.

mod balance_transactions;
mod behaviour;
mod call;
mod cards;
mod charges;
mod clock;
mod control;
mod customers;
mod declines;
mod disputes;
mod early_fraud_warnings;
mod errors;
mod expand;
mod faults;
mod form;
mod idempotency;
mod ids;
mod lists;
mod outcomes;
mod payment_intents;
mod payment_methods;
mod pipeline;
mod refunds;
mod routes;
mod setup_intents;
mod store;
mod three_d_secure;
mod webhooks;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, Notify};

use clock::Clock;
use idempotency::KeyLocks;
use store::Store;

/// The API version whose shapes are answered; any `Stripe-Version` is accepted and echoed.
pub const API_VERSION: &str = "2025-09-30.clover";

#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The SQLite file; its folder is created.
    pub store: PathBuf,
    /// Where signed events are POSTed; without it, events are only listed.
    pub webhook_url: Option<String>,
    /// The path under which `router` is mounted, such as `/sandbox`; empty for the root.
    pub base_path: String,
    /// The address of the same place from outside, such as `http://127.0.0.1:3000/sandbox`.
    pub public_url: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox's folder cannot be made: {0}")]
    Folder(#[from] std::io::Error),
    #[error("the sandbox's store cannot be opened: {0}")]
    Store(#[from] sqlx::Error),
    #[error("the sandbox's store cannot be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// A handle on the processor; clones share one store.
#[derive(Clone)]
pub struct Sandbox {
    processor: Arc<Processor>,
}

pub(crate) struct Processor {
    config: SandboxConfig,
    store: Store,
    clock: Clock,
    keys: Keys,
    key_locks: KeyLocks,
    /// Rung when there may be something to deliver.
    work: Notify,
    /// Held while deliveries are sent, so that the worker and a control call never send the same.
    sending: Mutex<()>,
}

/// Made once and kept in the store, so that they outlive a restart.
struct Keys {
    secret: String,
    publishable: String,
    webhook: String,
    /// Keys the hashes of card numbers and of parameters that may hold one.
    hash: String,
}

impl Sandbox {
    /// Opens the store, creating and migrating it as needed.
    pub async fn open(config: SandboxConfig) -> Result<Self, SandboxError> {
        let store = Store::open(&config.store).await?;
        let (keys, ahead_seconds) = {
            let mut writer = store.writer.acquire().await?;
            let keys = Keys {
                secret: stored_secret(&mut writer, "sk_test").await?,
                publishable: stored_secret(&mut writer, "pk_test").await?,
                webhook: stored_secret(&mut writer, "whsec").await?,
                hash: stored_secret(&mut writer, "hash").await?,
            };
            let ahead = store::setting(&mut writer, control::CLOCK_SETTING).await?;
            (
                keys,
                ahead.and_then(|seconds| seconds.parse().ok()).unwrap_or(0),
            )
        };
        let clock = Clock::new(ahead_seconds);
        let key_locks = KeyLocks::default();
        let (work, sending) = (Notify::new(), Mutex::new(()));
        let processor = Processor {
            config,
            store,
            clock,
            keys,
            key_locks,
            work,
            sending,
        };
        Ok(Self {
            processor: Arc::new(processor),
        })
    }

    /// `sk_test_…`: may do everything.
    pub fn secret_key(&self) -> &str {
        &self.processor.keys.secret
    }

    /// `pk_test_…`: may make payment methods, and read an intent whose client secret it knows.
    pub fn publishable_key(&self) -> &str {
        &self.processor.keys.publishable
    }

    /// `whsec_…`: signs events.
    pub fn webhook_secret(&self) -> &str {
        &self.processor.keys.webhook
    }

    /// `/v1/…` (the API), `/3ds/…` (the bank's page) and `/_control/…` (faults and time).
    pub fn router(&self) -> axum::Router {
        routes::router(self.clone())
    }

    /// Sends due events, and lets happen what is due, until `shutdown` resolves. A delivery in
    /// progress is finished first; what is left is in the store.
    pub async fn deliver_webhooks(&self, shutdown: impl Future<Output = ()>) {
        webhooks::worker::run(&self.processor, shutdown).await;
    }

    /// Waits until no connection to the store is in use and closes them: its file is whole then.
    pub async fn close(&self) {
        self.processor.store.close().await;
    }
}

async fn stored_secret(
    writer: &mut sqlx::sqlite::SqliteConnection,
    prefix: &str,
) -> Result<String, sqlx::Error> {
    if let Some(secret) = store::setting(writer, prefix).await? {
        return Ok(secret);
    }
    let secret = ids::new_secret(prefix);
    store::set_setting(writer, prefix, &secret).await?;
    Ok(secret)
}

impl Processor {
    /// The keyed hash by which the same card number is recognised again.
    fn fingerprint(&self, number: &str) -> String {
        let hash = idempotency::parameters_hash(self.keys.hash.as_bytes(), number.as_bytes());
        ids::letters(&hash[..8])
    }
}

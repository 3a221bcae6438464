//! Owns idempotency keys: the first result of a key is kept for a day and given again; the same
//! key with other content is refused; two calls with one key at once run one after the other.
//! Does not own which results are kept (`Reach`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex as PlainMutex, PoisonError, Weak};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::errors::ApiError;

/// Stripe's limit on a key's length.
pub(crate) const MAX_KEY_LENGTH: usize = 255;
/// Stripe may forget a key after a day; the sandbox does, so that nobody builds on more.
pub(crate) const KEPT_SECONDS: i64 = 24 * 60 * 60;
/// How long a call waits for another one with its key before it is told to try again.
const WAIT: Duration = Duration::from_secs(2);
/// Finished keys are swept out of the map when it has grown to this.
const MAX_KNOWN_LOCKS: usize = 1_024;

/// The first result of a key.
pub(crate) struct Kept {
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// One lock a key, for as long as somebody holds or wants it.
#[derive(Default)]
pub(crate) struct KeyLocks {
    locks: PlainMutex<HashMap<String, Weak<Mutex<()>>>>,
}

impl KeyLocks {
    /// Waits a moment for a call with the same key, then answers 409 as Stripe does.
    pub(crate) async fn lock(&self, key: &str) -> Result<OwnedMutexGuard<()>, ApiError> {
        let lock = self.lock_of(key);
        tokio::time::timeout(WAIT, lock.lock_owned()).await.map_err(|_| {
            let message = "There is currently another in-progress request using this Idempotent \
                           Key (that probably means you submitted twice, and the other request is \
                           still going through). Please try again later.";
            ApiError::idempotency(409, message).with_code("idempotency_key_in_use")
        })
    }

    fn lock_of(&self, key: &str) -> Arc<Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(key).and_then(Weak::upgrade) {
            return lock;
        }
        if locks.len() >= MAX_KNOWN_LOCKS {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::new(Mutex::new(()));
        locks.insert(key.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

/// What a call is recognised by. Keyed, because the parameters may hold a card number.
pub(crate) fn parameters_hash(hash_key: &[u8], canonical: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(hash_key).expect("HMAC takes any key length");
    mac.update(canonical);
    mac.finalize().into_bytes().to_vec()
}

/// The kept result of this key; an error if the key was used for something else.
pub(crate) async fn find(
    db: &mut SqliteConnection,
    key: &str,
    path: &str,
    parameters: &[u8],
    now: i64,
) -> Result<Option<Kept>, ApiError> {
    sqlx::query("delete from idempotency_keys where created <= $1")
        .bind(now - KEPT_SECONDS)
        .execute(&mut *db)
        .await?;
    let row: Option<(String, Vec<u8>, String, i64, String)> = sqlx::query_as(
        "select path, parameters, request, status, body from idempotency_keys where key = $1",
    )
    .bind(key)
    .fetch_optional(db)
    .await?;
    let Some((first_path, first_parameters, request, status, body)) = row else {
        return Ok(None);
    };
    if first_path != path {
        let message = format!(
            "Keys for idempotent requests can only be used for the same endpoint they were first \
             used for ('{path}' vs '{first_path}'). Try using a different key if you meant to \
             execute a different request."
        );
        return Err(ApiError::idempotency(400, message));
    }
    if first_parameters != parameters {
        let message = "Keys for idempotent requests can only be used with the same parameters \
                       they were first used with. Try using a different key if you meant to \
                       execute a different request.";
        return Err(ApiError::idempotency(400, message));
    }
    let status = u16::try_from(status).unwrap_or(500);
    Ok(Some(Kept {
        request,
        status,
        body,
    }))
}

pub(crate) async fn keep(
    db: &mut SqliteConnection,
    key: &str,
    path: &str,
    parameters: &[u8],
    kept: &Kept,
    now: i64,
) -> Result<(), ApiError> {
    sqlx::query(
        "insert into idempotency_keys (key, path, parameters, request, status, body, created)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(key)
    .bind(path)
    .bind(parameters)
    .bind(&kept.request)
    .bind(i64::from(kept.status))
    .bind(&kept.body)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

//! Looking keys up: every request of a machine is asked whose it is.
//!
//! A key that was found is taken for valid for a moment longer, `LEASE` from when the look began.
//! Whoever revokes one waits that long after it is written (`api_keys::revoke`), so that once they
//! are told that it is revoked, every process refuses it. Requests whose key was not found lately
//! wait side by side and share a look: the more come, the less each costs. What is not found is not
//! remembered.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Row};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::api_keys::{ApiKeyCaller, caller};
use crate::StoreError;
use crate::db::Db;
use crate::metering::rollup::marks;

/// For how long a key that was found counts as valid.
pub(super) const LEASE: Duration = Duration::from_millis(250);
/// The most keys that are remembered; beyond it they are looked up again.
const MOST_KNOWN: usize = 100_000;
/// Looks that are under way at a time: one that is slow does not keep everybody waiting.
const MOST_LOOKS: usize = 2;
/// The most requests that share one.
const MOST_TOGETHER: usize = 64;

/// A key's hash, and who waits for whom it stands for.
type Asked = (String, oneshot::Sender<Option<ApiKeyCaller>>);

#[derive(Default)]
struct Desk {
    waiting: Vec<Asked>,
    looks: usize,
}

/// Whom keys stand for, by their hashes, and when the look began that found it.
type Known = HashMap<String, (ApiKeyCaller, Instant)>;

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct KeyLookups {
    desk: Arc<Mutex<Desk>>,
    known: Arc<RwLock<Known>>,
}

impl KeyLookups {
    /// Whom a key stands for that is not revoked, told by its hash.
    pub(super) async fn find(
        &self,
        db: &Db,
        hash: String,
    ) -> Result<Option<ApiKeyCaller>, StoreError> {
        if let Some(caller) = self.known(&hash) {
            return Ok(Some(caller));
        }
        let (answer, answered) = oneshot::channel();
        let begins = {
            let mut desk = self.lock();
            desk.waiting.push((hash.clone(), answer));
            let begins = desk.looks < MOST_LOOKS;
            desk.looks += usize::from(begins);
            begins
        };
        if begins {
            // In a task of its own: whoever began it may go away, and the others still wait.
            let look = Look {
                lookups: self.clone(),
                is_counted: true,
            };
            tokio::spawn(look.run(db.clone()).in_current_span());
        }
        match answered.await {
            Ok(found) => Ok(found),
            // Together it did not work; alone it tells why.
            Err(_) => Ok(find_all(db, &BTreeSet::from([hash]))
                .await?
                .into_values()
                .next()),
        }
    }

    fn known(&self, hash: &str) -> Option<ApiKeyCaller> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (caller, began) = known.get(hash)?;
        (began.elapsed() < LEASE).then_some(*caller)
    }

    fn remember(&self, found: &HashMap<String, ApiKeyCaller>, began: Instant) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        for (hash, caller) in found {
            known.insert(hash.clone(), (*caller, began));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One look after the other, for as long as somebody waits.
struct Look {
    lookups: KeyLookups,
    /// Whether it is among those that are under way.
    is_counted: bool,
}

impl Look {
    async fn run(mut self, db: Db) {
        while let Some(asked) = self.take() {
            let hashes: BTreeSet<String> = asked.iter().map(|(hash, _)| hash.clone()).collect();
            let began = Instant::now();
            // On an error nobody is answered, and everybody asks alone.
            let Ok(found) = find_all(&db, &hashes).await else {
                continue;
            };
            self.lookups.remember(&found, began);
            for (hash, answer) in asked {
                // Whoever went away meanwhile needs no answer.
                let _ = answer.send(found.get(&hash).copied());
            }
        }
    }

    /// Those who wait, some of them if there are many; nobody: it ends, under the lock under which
    /// others see that they must begin one.
    fn take(&mut self) -> Option<Vec<Asked>> {
        let mut desk = self.lookups.lock();
        let count = desk.waiting.len().min(MOST_TOGETHER);
        if count == 0 {
            desk.looks -= 1;
            self.is_counted = false;
            return None;
        }
        Some(desk.waiting.drain(..count).collect())
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        if self.is_counted {
            // It has panicked, or the process ends: those who wait ask alone.
            let mut desk = self.lookups.lock();
            desk.looks -= 1;
            desk.waiting.clear();
        }
    }
}

async fn find_all(
    db: &Db,
    hashes: &BTreeSet<String>,
) -> Result<HashMap<String, ApiKeyCaller>, StoreError> {
    let hashes: Vec<&String> = hashes.iter().collect();
    let mut found = HashMap::with_capacity(hashes.len());
    for run in ledger::bulk::runs(hashes.len(), MOST_TOGETHER) {
        let text = format!(
            "select id, organization_id, project_id, secret_hash from api_keys
             where secret_hash in {} and revoked_at is null",
            marks(1, run.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(text));
        for hash in &hashes[run] {
            query = query.bind((*hash).clone());
        }
        for row in query.fetch_all(db.readers()).await? {
            found.insert(row.try_get("secret_hash")?, caller(&row)?);
        }
    }
    Ok(found)
}

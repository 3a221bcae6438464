//! One request at a time for each top-up, within this process: a repeat waits for the first one's end
//! and then says the same.
//!
//! It makes answers alike and nothing else. That a top-up is charged once is kept by its row and its
//! key, whichever process or moment a repeat comes from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;
use types::ids::{OrganizationId, TopUpId};

/// Another organization's request with the same id waits for nobody.
type Key = (OrganizationId, TopUpId);

/// Those whose turn it is, or who wait for it.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    /// Waits until nobody else is at it; over when the guard is dropped.
    pub(super) async fn take(&self, key: Key) -> OwnedMutexGuard<()> {
        let turn = self.turn(key);
        turn.lock_owned().await
    }

    fn turn(&self, key: Key) -> Arc<tokio::sync::Mutex<()>> {
        // Nothing in here panics half-way, so a poisoned map is a whole one.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // Few at any time: as many as people wait for.
        taken.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = taken.get(&key).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        taken.insert(key, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_same_top_up_waits_others_do_not_and_nothing_is_left_behind() {
        let turns = Turns::default();
        let key = (OrganizationId::generate(), TopUpId::generate());
        let first = turns.take(key).await;
        assert!(turns.take(key).now_or_never().is_none());
        let others = [
            (key.0, TopUpId::generate()),
            (OrganizationId::generate(), key.1),
        ];
        for other in others {
            assert!(turns.take(other).now_or_never().is_some());
        }
        drop(first);
        drop(turns.take(key).now_or_never().unwrap());
        turns.take(others[0]).await;
        assert_eq!(turns.taken.lock().unwrap().len(), 1);
    }
}

//! The sums of batches that were just committed by this process and are not in the tables yet.
//!
//! It only saves work: what is not here, because there was no room or another process committed
//! it, is computed from the rows of the events. So nothing rests on it being complete, and a sum,
//! once here, is right for ever.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use types::ids::OrganizationId;
use types::time::Timestamp;

use super::sums::BatchSums;

/// The most sums of an hour that are kept: about 20 MB. Far more than is committed between two
/// flushes while the database keeps up.
const MOST_SUMS: usize = 32_768;
/// Commits after which what waits is written into the tables.
const COMMITS: usize = 64;
/// How long it waits at most, when there are fewer.
const WAIT: TimeDelta = TimeDelta::seconds(1);

/// See the module.
#[derive(Default)]
pub(crate) struct Tail(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    batches: HashMap<OrganizationId, BTreeMap<i64, Arc<BatchSums>>>,
    /// How many sums there are in `batches`.
    sums: usize,
    /// Who has batches that are not in the tables.
    behind: BTreeSet<OrganizationId>,
    /// Since when there has been somebody behind.
    since: Option<Timestamp>,
    commits: usize,
    closing: bool,
}

impl Tail {
    /// Takes the sums of one commit.
    pub(crate) fn add(&self, batches: Vec<BatchSums>, now: Timestamp) {
        if batches.is_empty() {
            return;
        }
        let mut inner = self.inner();
        inner.commits += 1;
        inner.since.get_or_insert(now);
        for batch in batches {
            inner.behind.insert(batch.organization);
            if inner.sums + batch.hours.len() > MOST_SUMS {
                continue;
            }
            inner.sums += batch.hours.len();
            let of_organization = inner.batches.entry(batch.organization).or_default();
            of_organization.insert(batch.sequence, Arc::new(batch));
        }
    }

    pub(super) fn find(
        &self,
        organization: OrganizationId,
        sequence: i64,
    ) -> Option<Arc<BatchSums>> {
        let inner = self.inner();
        inner.batches.get(&organization)?.get(&sequence).cloned()
    }

    /// Forgets what is in the tables: an organization's batches up to its watermark.
    pub(super) fn forget(&self, organization: OrganizationId, watermark: i64) {
        let mut inner = self.inner();
        let Some(of_organization) = inner.batches.get_mut(&organization) else {
            return;
        };
        let above = of_organization.split_off(&(watermark + 1));
        let forgotten = std::mem::replace(of_organization, above);
        let is_empty = of_organization.is_empty();
        inner.sums -= forgotten
            .values()
            .map(|batch| batch.hours.len())
            .sum::<usize>();
        if is_empty {
            inner.batches.remove(&organization);
        }
    }

    /// Somebody's batches could not be written into the tables, or not all of them.
    pub(super) fn is_behind(&self, organization: OrganizationId, now: Timestamp) {
        let mut inner = self.inner();
        inner.behind.insert(organization);
        inner.since.get_or_insert(now);
    }

    /// Those who are behind, if it is time to do something about it.
    pub(super) fn take_due(&self, now: Timestamp) -> Vec<OrganizationId> {
        let mut inner = self.inner();
        // A clock that was set back must not keep them waiting.
        let waited = inner.since.is_some_and(|since| (now - since).abs() >= WAIT);
        if waited || inner.commits >= COMMITS {
            inner.take_behind()
        } else {
            Vec::new()
        }
    }

    /// Those who are behind.
    pub(super) fn take_behind(&self) -> Vec<OrganizationId> {
        self.inner().take_behind()
    }

    /// Nothing more will be added.
    pub(crate) fn close(&self) {
        self.inner().closing = true;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.inner().closing
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// In the order of their ids.
    fn take_behind(&mut self) -> Vec<OrganizationId> {
        self.since = None;
        self.commits = 0;
        std::mem::take(&mut self.behind).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sums::{HourKey, Sums};
    use super::*;

    fn batch(organization: OrganizationId, sequence: i64, sums: usize) -> BatchSums {
        let key = |hour| HourKey {
            hour,
            project: types::ids::ProjectId::generate(),
            api_key: types::ids::ApiKeyId::generate(),
            model: "gpt-oss-120b".into(),
        };
        let hours = (0..sums).map(|hour| (key(hour as i64), Sums::default()));
        BatchSums {
            organization,
            sequence,
            booked_at: 0,
            hours: hours.collect(),
        }
    }

    #[test]
    fn it_is_time_after_a_second_or_after_64_commits() {
        let tail = Tail::default();
        let now = Timestamp::UNIX_EPOCH;
        let organization = OrganizationId::generate();
        tail.add(vec![batch(organization, 1, 1)], now);
        assert!(tail.take_due(now + TimeDelta::milliseconds(999)).is_empty());
        assert_eq!(tail.take_due(now + WAIT), [organization]);
        assert!(tail.take_due(now + WAIT).is_empty());
        for sequence in 0..64 {
            assert!(tail.take_due(now).is_empty());
            tail.add(vec![batch(organization, sequence, 1)], now);
        }
        assert_eq!(tail.take_due(now), [organization]);
    }

    #[test]
    fn what_has_no_room_is_left_out_but_its_owner_is_known_to_be_behind() {
        let tail = Tail::default();
        let (one, two) = (OrganizationId::generate(), OrganizationId::generate());
        tail.add(vec![batch(one, 1, MOST_SUMS)], Timestamp::UNIX_EPOCH);
        tail.add(vec![batch(two, 2, 1)], Timestamp::UNIX_EPOCH);
        assert!(tail.find(one, 1).is_some());
        assert!(tail.find(two, 2).is_none());
        assert_eq!(tail.take_behind().len(), 2);
        tail.forget(one, 1);
        tail.add(vec![batch(two, 3, 1)], Timestamp::UNIX_EPOCH);
        assert!(tail.find(two, 3).is_some());
        assert_eq!(tail.inner().sums, 1);
    }
}

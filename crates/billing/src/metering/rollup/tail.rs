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

/// How long whoever could not be summed up is left alone after the first time; each time in a row
/// doubles it.
const BACK_OFF: TimeDelta = TimeDelta::seconds(1);
/// The longest that it is left alone.
const LONGEST_BACK_OFF: TimeDelta = TimeDelta::minutes(5);

/// See the module.
#[derive(Default)]
pub(crate) struct Tail(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    kept: HashMap<OrganizationId, Kept>,
    /// How many sums there are in `kept`.
    sums: usize,
    /// Who could not be summed up. Nothing of theirs is kept, and they are never in `behind`.
    failing: HashMap<OrganizationId, Failing>,
    /// Who has batches that are not in the tables.
    behind: BTreeSet<OrganizationId>,
    /// Since when there has been somebody behind.
    since: Option<Timestamp>,
    commits: usize,
    closing: bool,
}

/// What is kept of one organization.
#[derive(Default)]
struct Kept {
    /// By their places.
    batches: BTreeMap<i64, Arc<BatchSums>>,
    sums: usize,
}

struct Failing {
    /// How often in a row.
    times: u32,
    /// When it is tried again.
    until: Timestamp,
}

impl Failing {
    fn is_due(&self, now: Timestamp) -> bool {
        // A clock that was set back must not keep it waiting.
        now >= self.until || self.until - now > LONGEST_BACK_OFF
    }
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
            if inner.failing.contains_key(&batch.organization) {
                continue;
            }
            inner.behind.insert(batch.organization);
            let sums = batch.hours.len();
            let kept = inner.kept.get(&batch.organization);
            let theirs = kept.map_or(0, |kept| kept.sums) + sums;
            // Nobody has more than is left for all others: one alone fills half of it, and whoever
            // comes next half of the rest.
            if theirs > MOST_SUMS.saturating_sub(inner.sums + sums) {
                continue;
            }
            let kept = inner.kept.entry(batch.organization).or_default();
            kept.sums = theirs;
            kept.batches.insert(batch.sequence, Arc::new(batch));
            inner.sums += sums;
        }
    }

    pub(super) fn find(
        &self,
        organization: OrganizationId,
        sequence: i64,
    ) -> Option<Arc<BatchSums>> {
        let inner = self.inner();
        let kept = inner.kept.get(&organization)?;
        kept.batches.get(&sequence).cloned()
    }

    /// Forgets what is in the tables: an organization's batches up to its watermark.
    pub(super) fn forget(&self, organization: OrganizationId, watermark: i64) {
        let mut inner = self.inner();
        let Some(kept) = inner.kept.get_mut(&organization) else {
            return;
        };
        let above = kept.batches.split_off(&watermark.saturating_add(1));
        let forgotten = std::mem::replace(&mut kept.batches, above);
        let forgotten: usize = forgotten.values().map(|batch| batch.hours.len()).sum();
        kept.sums -= forgotten;
        let is_empty = kept.batches.is_empty();
        inner.sums -= forgotten;
        if is_empty {
            inner.kept.remove(&organization);
        }
    }

    /// Somebody's batches cannot be written into the tables: it is left alone for a while, and makes
    /// room for the others.
    pub(super) fn fails(&self, organization: OrganizationId, now: Timestamp) {
        let mut inner = self.inner();
        inner.behind.remove(&organization);
        if let Some(kept) = inner.kept.remove(&organization) {
            inner.sums -= kept.sums;
        }
        let failing = inner.failing.entry(organization).or_insert(Failing {
            times: 0,
            until: now,
        });
        let doubled = 1_i32.checked_shl(failing.times).unwrap_or(i32::MAX);
        let wait = BACK_OFF.checked_mul(doubled).unwrap_or(LONGEST_BACK_OFF);
        failing.until = now + wait.min(LONGEST_BACK_OFF);
        // Far past the longest wait there is nothing left to double.
        failing.times = (failing.times + 1).min(16);
    }

    /// Somebody's batches were written.
    pub(super) fn succeeds(&self, organization: OrganizationId) {
        self.inner().failing.remove(&organization);
    }

    /// Whether the last time that somebody's batches were to be written they could not be.
    pub(super) fn is_failing(&self, organization: OrganizationId) -> bool {
        self.inner().failing.contains_key(&organization)
    }

    /// Whether it is to be left alone.
    pub(super) fn is_left_alone(&self, organization: OrganizationId, now: Timestamp) -> bool {
        let inner = self.inner();
        let failing = inner.failing.get(&organization);
        failing.is_some_and(|failing| !failing.is_due(now))
    }

    /// Not all of somebody's batches were written into the tables yet.
    pub(super) fn is_behind(&self, organization: OrganizationId, now: Timestamp) {
        let mut inner = self.inner();
        if !inner.failing.contains_key(&organization) {
            inner.behind.insert(organization);
            inner.since.get_or_insert(now);
        }
    }

    /// Those who are behind, if it is time to do something about it, in the order of their ids.
    pub(super) fn take_due(&self, now: Timestamp) -> Vec<OrganizationId> {
        let mut inner = self.inner();
        // A clock that was set back must not keep them waiting.
        let waited = inner.since.is_some_and(|since| (now - since).abs() >= WAIT);
        let mut due = if waited || inner.commits >= COMMITS {
            inner.take_behind()
        } else {
            BTreeSet::new()
        };
        let failing = inner.failing.iter();
        due.extend(failing.filter_map(|(id, failing)| failing.is_due(now).then_some(*id)));
        due.into_iter().collect()
    }

    /// Those who are behind, whether they failed before or not.
    pub(super) fn take_behind(&self) -> Vec<OrganizationId> {
        let mut inner = self.inner();
        let mut behind = inner.take_behind();
        behind.extend(inner.failing.keys());
        behind.into_iter().collect()
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
    fn take_behind(&mut self) -> BTreeSet<OrganizationId> {
        self.since = None;
        self.commits = 0;
        std::mem::take(&mut self.behind)
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
        let now = Timestamp::UNIX_EPOCH;
        tail.add(vec![batch(one, 1, MOST_SUMS / 2)], now);
        tail.add(vec![batch(one, 2, 1), batch(two, 1, MOST_SUMS / 2)], now);
        assert!(tail.find(one, 1).is_some());
        assert!(tail.find(one, 2).is_none());
        assert!(tail.find(two, 1).is_none());
        assert_eq!(tail.take_behind().len(), 2);
        tail.forget(one, 1);
        tail.add(vec![batch(one, 3, 1)], now);
        assert!(tail.find(one, 3).is_some());
        assert_eq!(tail.inner().sums, 1);
    }

    #[test]
    fn whoever_comes_finds_room_however_much_the_others_send() {
        let tail = Tail::default();
        let now = Timestamp::UNIX_EPOCH;
        let kept = |organization, sequences: std::ops::Range<i64>| {
            for sequence in sequences.clone() {
                tail.add(vec![batch(organization, sequence, 64)], now);
            }
            let found = sequences.filter(|sequence| tail.find(organization, *sequence).is_some());
            found.count() * 64
        };
        let greedy = OrganizationId::generate();
        assert_eq!(kept(greedy, 0..600), MOST_SUMS / 2);
        let second = OrganizationId::generate();
        assert_eq!(kept(second, 0..600), MOST_SUMS / 4);
        assert_eq!(kept(greedy, 600..1_200), 0);
        assert_eq!(kept(OrganizationId::generate(), 0..10), 640);
    }

    #[test]
    fn whoever_cannot_be_summed_up_is_tried_again_later_and_later_and_keeps_nothing() {
        let tail = Tail::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let (bad, good) = (OrganizationId::generate(), OrganizationId::generate());
        tail.add(vec![batch(bad, 1, 9)], now);
        let mut waits = Vec::new();
        for _ in 0..20 {
            tail.fails(bad, now);
            assert_eq!(tail.inner().sums, 0);
            tail.add(vec![batch(bad, 2, 9)], now);
            tail.is_behind(bad, now);
            assert_eq!(tail.inner().sums, 0);
            let failed = now;
            while tail.take_due(now) != [bad] {
                assert!(tail.is_left_alone(bad, now));
                now += TimeDelta::seconds(1);
            }
            waits.push((now - failed).num_seconds());
        }
        assert_eq!(&waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(waits[10..].iter().all(|wait| *wait == 300), "{waits:?}");

        // Nobody else waits for it, and a clock that is set back does not stop it.
        tail.fails(bad, now);
        tail.add(vec![batch(good, 1, 1)], now);
        assert_eq!(tail.take_due(now + WAIT), [good]);
        assert_eq!(tail.take_due(now - LONGEST_BACK_OFF), [bad]);
        tail.succeeds(bad);
        assert!(!tail.is_failing(bad));
        tail.add(vec![batch(bad, 3, 9)], now);
        assert_eq!(tail.inner().sums, 10);
    }
}

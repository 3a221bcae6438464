//! Whose usage commits go without for the moment: one organization that cannot be committed, or
//! whose books somebody holds locked, must not keep all the others waiting.
//!
//! Owns who that is and for how long; the writers of a process share it. Does not own their jobs,
//! which wait with a writer or are refused.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;
use types::ids::OrganizationId;

/// How long an organization is refused at once whose jobs were tried without all others' and could
/// not be committed: to find out which one it is costs the others a few commits.
const FAILED: Duration = Duration::from_secs(3);
/// How long jobs wait for books that one transaction holds locked. Longer than our own writers hold
/// some organization's while they wait for another's.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked at who still holds books locked.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// Who holds an organization's books locked, as its database tells one transaction from the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder(pub(super) String);

/// Whether an organization's jobs are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Now,
    Later,
    Never,
}

#[derive(Debug)]
struct Locked {
    by: Holder,
    /// When the same holder was seen first.
    since: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// Until when.
    failed: HashMap<OrganizationId, Instant>,
    locked: BTreeMap<OrganizationId, Locked>,
    looked: Option<Instant>,
}

impl Aside {
    pub(super) fn turn(&mut self, organization: OrganizationId, now: Instant) -> Turn {
        if let Some(until) = self.failed.get(&organization) {
            if now < *until {
                return Turn::Never;
            }
            self.failed.remove(&organization);
        }
        match self.locked.get(&organization) {
            None => Turn::Now,
            Some(locked) if now.duration_since(locked.since) < PATIENCE => Turn::Later,
            Some(_) => Turn::Never,
        }
    }

    /// Its jobs alone could not be committed.
    pub(super) fn has_failed(&mut self, organization: OrganizationId, now: Instant) {
        self.failed.retain(|_, until| now < *until);
        self.failed.insert(organization, now + FAILED);
    }

    /// Whose books were locked when a commit had waited for some of them in vain: not all of these
    /// are what it waited for.
    pub(super) fn are_locked(&mut self, locked: BTreeMap<OrganizationId, Holder>, now: Instant) {
        for (organization, by) in locked {
            if self
                .locked
                .get(&organization)
                .is_none_or(|known| known.by != by)
            {
                let locked = Locked { by, since: now };
                self.locked.insert(organization, locked);
            }
        }
    }

    /// Whose books are to be looked at again, if any are and it is time to.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<BTreeSet<OrganizationId>> {
        let is_early = self
            .looked
            .is_some_and(|looked| now.duration_since(looked) < LOOK);
        if self.locked.is_empty() || is_early {
            return None;
        }
        self.looked = Some(now);
        Some(self.locked.keys().copied().collect())
    }

    /// What a look at the books of `looked` has shown. Somebody else's lock is nobody's fault:
    /// whoever held them before has let go.
    pub(super) fn are_still_locked(
        &mut self,
        looked: &BTreeSet<OrganizationId>,
        locked: &BTreeMap<OrganizationId, Holder>,
    ) {
        self.locked.retain(|organization, known| {
            !looked.contains(organization) || locked.get(organization) == Some(&known.by)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(organization: OrganizationId, holder: &str) -> BTreeMap<OrganizationId, Holder> {
        BTreeMap::from([(organization, Holder(holder.to_owned()))])
    }

    #[test]
    fn books_are_given_up_only_while_one_and_the_same_holder_keeps_them() {
        let (mut aside, now) = (Aside::default(), Instant::now());
        let ours = OrganizationId::generate();
        let looked = BTreeSet::from([ours]);
        aside.are_locked(by(ours, "1"), now);
        assert_eq!(aside.turn(ours, now), Turn::Later);
        assert_eq!(aside.take_due(now), Some(looked.clone()));
        assert_eq!(aside.take_due(now + LOOK / 2), None);

        aside.are_still_locked(&looked, &by(ours, "1"));
        assert_eq!(aside.turn(ours, now + PATIENCE / 2), Turn::Later);
        assert_eq!(aside.turn(ours, now + PATIENCE), Turn::Never);
        // Another waits for it: that changes nothing.
        aside.are_locked(by(ours, "1"), now + PATIENCE);
        assert_eq!(aside.turn(ours, now + PATIENCE), Turn::Never);

        aside.are_still_locked(&looked, &by(ours, "2"));
        assert_eq!(aside.turn(ours, now + PATIENCE), Turn::Now);
        aside.are_locked(by(ours, "3"), now + PATIENCE);
        assert_eq!(aside.turn(ours, now + PATIENCE), Turn::Later);
        aside.are_still_locked(&looked, &BTreeMap::new());
        assert_eq!(aside.turn(ours, now + PATIENCE), Turn::Now);
    }

    #[test]
    fn who_failed_alone_is_tried_again_after_moments_and_nobody_else_is_concerned() {
        let (mut aside, now) = (Aside::default(), Instant::now());
        let (ours, theirs) = (OrganizationId::generate(), OrganizationId::generate());
        aside.has_failed(ours, now);
        assert_eq!(aside.turn(ours, now), Turn::Never);
        assert_eq!(aside.turn(theirs, now), Turn::Now);
        assert_eq!(aside.turn(ours, now + FAILED), Turn::Now);
    }
}

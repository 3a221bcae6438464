//! The gate in memory: what each organization had available when it was last seen.
//!
//! Owns a guess that is never wrong for long. It only says no, and only where the commit would say
//! no a moment later: a hold that it does not rule out is decided under the lock of the books. So
//! an organization without credit costs no commit, however often its requests come.
//!
//! Who looks takes a turn while it has the lock of the books. So turns are in the order of what
//! happened to them, whoever tells first: credit that was added, or given back and then told to its
//! owner, is not hidden by what another commit of this process had seen before.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use chrono::TimeDelta;
use types::ids::OrganizationId;
use types::money::Money;
use types::time::Timestamp;

use super::credit::Quote;
use super::error::Shortfall;

/// For how long it counts what was seen: another process may have added credit since.
const FRESH: TimeDelta = TimeDelta::milliseconds(250);
/// The most organizations that are remembered; beyond it all are seen anew.
const MOST: usize = 100_000;

/// When somebody had the lock of books, in the order of all who had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn(u64);

/// What a commit left available, of the organizations of which it knows.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) turn: Turn,
    pub(crate) available: Vec<(OrganizationId, Money)>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    turn: Turn,
    /// How much at what time; `None`: it has got credit since.
    available: Option<(Money, Timestamp)>,
}

#[derive(Debug, Default)]
pub(crate) struct Gate {
    turns: AtomicU64,
    seen: RwLock<HashMap<OrganizationId, Seen, BuildHasherDefault<IdHasher>>>,
}

/// An id's own random bits: we make the ids, so nobody can choose them to collide.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            self.0 = u64::from_ne_bytes(*last);
        }
    }

    // The length of an id, which all share.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Gate {
    /// Takes a turn. To be called under the lock of the books that are looked at.
    pub(crate) fn take_turn(&self) -> Turn {
        Turn(self.turns.fetch_add(1, Ordering::SeqCst))
    }

    /// Remembers what a commit that began at `at` left available. What was seen later stays.
    pub(crate) fn remember(&self, sight: Sight, at: Timestamp) {
        let Sight { turn, available } = sight;
        let available = available
            .into_iter()
            .map(|(organization, available)| (organization, Some((available, at))));
        self.see(turn, available);
    }

    /// Forgets an organization: it has got credit. To be called when it has, or under the lock
    /// under which it gets it.
    pub(crate) fn forget(&self, organization: OrganizationId) {
        self.see(self.take_turn(), [(organization, None)]);
    }

    fn see(
        &self,
        turn: Turn,
        all: impl IntoIterator<Item = (OrganizationId, Option<(Money, Timestamp)>)>,
    ) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() > MOST {
            seen.clear();
        }
        for (organization, available) in all {
            let is_later = seen.get(&organization).is_some_and(|seen| seen.turn > turn);
            if !is_later {
                seen.insert(organization, Seen { turn, available });
            }
        }
    }

    /// Why a hold would be refused, as far as that was seen within the last moments.
    pub(crate) fn rules_out(
        &self,
        organization: OrganizationId,
        quote: &Quote,
        now: Timestamp,
    ) -> Option<Shortfall> {
        let available = {
            let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
            let (available, at) = seen.get(&organization)?.available?;
            let age = now - at;
            // A clock that was set back makes it older than time itself.
            if age < TimeDelta::zero() || age >= FRESH {
                return None;
            }
            available
        };
        quote.grant(available).ok()?.err()
    }
}

#[cfg(test)]
mod tests {
    use types::pricing::{ModelRates, Rate};

    use super::*;

    #[test]
    fn ids_that_differ_in_any_of_their_random_bits_are_kept_apart() {
        use std::hash::BuildHasher;

        let hasher = BuildHasherDefault::<IdHasher>::default();
        let hashes: std::collections::HashSet<u64> = (0..1_000)
            .map(|_| hasher.hash_one(OrganizationId::generate()))
            .collect();
        assert_eq!(hashes.len(), 1_000);
    }

    #[test]
    fn only_what_was_seen_within_the_last_moments_rules_a_hold_out() {
        let gate = Gate::default();
        let (organization, other) = (OrganizationId::generate(), OrganizationId::generate());
        let rates = ModelRates {
            input: Some(Rate::from_picos_a_token(1_000)),
            cached_input: None,
            output: None,
        };
        let quote = Quote::new(&rates, 1_000, 1).unwrap();
        let at: Timestamp = "2026-03-11T12:00:00Z".parse().unwrap();
        let after = |milliseconds| at + TimeDelta::milliseconds(milliseconds);
        let ruled_out = |organization, at| gate.rules_out(organization, &quote, at).is_some();

        let remember = |turn, available, at| {
            let available = vec![(organization, Money::from_nanos(available))];
            gate.remember(Sight { turn, available }, at);
        };
        assert!(!ruled_out(organization, at), "nothing was seen");
        remember(gate.take_turn(), 0, at);
        assert!(ruled_out(organization, at));
        assert!(ruled_out(organization, after(249)));
        assert!(!ruled_out(organization, after(250)));
        assert!(!ruled_out(organization, after(-1)));
        assert!(!ruled_out(other, at));
        remember(gate.take_turn(), 1, after(5));
        assert!(!ruled_out(organization, after(5)));
    }

    #[test]
    fn what_was_seen_before_is_forgotten_however_late_it_is_told() {
        let gate = Gate::default();
        let organization = OrganizationId::generate();
        let rates = ModelRates {
            input: Some(Rate::from_picos_a_token(1_000)),
            cached_input: None,
            output: None,
        };
        let quote = Quote::new(&rates, 1_000, 1).unwrap();
        let at: Timestamp = "2026-03-11T12:00:00Z".parse().unwrap();
        let remember = |turn, available| {
            let available = vec![(organization, Money::from_nanos(available))];
            gate.remember(Sight { turn, available }, at);
        };
        let is_ruled_out = || gate.rules_out(organization, &quote, at).is_some();

        let (first, second) = (gate.take_turn(), gate.take_turn());
        remember(second, 1_000);
        remember(first, 0);
        assert!(!is_ruled_out(), "the second gave something back");

        let before = gate.take_turn();
        gate.forget(organization);
        remember(before, 0);
        assert!(!is_ruled_out(), "credit was added after it was looked");
        remember(gate.take_turn(), 0);
        assert!(is_ruled_out());
    }
}

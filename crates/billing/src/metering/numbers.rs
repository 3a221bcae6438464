//! The numbers by which events name their source and their series.
//!
//! Owns which of them are remembered, and how many an organization may have: neither is ever
//! deleted, and both are the sender's choice. Whoever has as many as there may be goes on with
//! those. What is captured of a hold is always counted: it has run. Several writers may count at the
//! same time, so a few more than the most may slip in.
//!
//! A commit asks for all that it does not know in a few statements, however many there are. Who has
//! as many as there may be is not counted again for some seconds, and what was refused not looked for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use types::ids::{ApiKeyId, OrganizationId, ProjectId};

use super::bulk::NumberTx;
use super::check::{EventFault, MOST_SERIES, MOST_SOURCES};
use super::priced::{Priced, SeriesKey, SourceKey};
use super::queue::{Job, Task};
use crate::StoreError;
use crate::holds::HOLD_SOURCE;

/// The most numbers that are remembered; beyond it they are looked up again.
const MOST_NUMBERS: usize = 100_000;
/// The most refusals that are remembered.
const MOST_REFUSALS: usize = 10_000;
/// How long it is believed that there is no room.
const BELIEVED: Duration = Duration::from_secs(10);

/// What has a number.
trait Numbered: Clone + Eq + Hash + Ord + Send + Sync {
    /// What an organization has only so many of: some of one name may have a number each.
    type Name: Eq + Hash + Send;
    const MOST: i64;

    fn organization(&self) -> OrganizationId;
    fn name(&self) -> Self::Name;

    fn find_in(
        tx: &mut impl NumberTx,
        keys: &[&Self],
    ) -> impl Future<Output = Result<HashMap<Self, i64>, StoreError>> + Send;

    fn count_in(
        tx: &mut impl NumberTx,
        organizations: &[OrganizationId],
    ) -> impl Future<Output = Result<HashMap<OrganizationId, i64>, StoreError>> + Send;

    fn make_in(
        tx: &mut impl NumberTx,
        keys: &[&Self],
    ) -> impl Future<Output = Result<HashMap<Self, i64>, StoreError>> + Send;
}

impl Numbered for SourceKey {
    type Name = (OrganizationId, String);
    const MOST: i64 = MOST_SOURCES;

    fn organization(&self) -> OrganizationId {
        self.organization
    }

    fn name(&self) -> Self::Name {
        (self.organization, self.source.clone())
    }

    async fn find_in(
        tx: &mut impl NumberTx,
        keys: &[&Self],
    ) -> Result<HashMap<Self, i64>, StoreError> {
        tx.find_sources(keys).await
    }

    async fn count_in(
        tx: &mut impl NumberTx,
        organizations: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, i64>, StoreError> {
        tx.count_sources(organizations).await
    }

    async fn make_in(
        tx: &mut impl NumberTx,
        keys: &[&Self],
    ) -> Result<HashMap<Self, i64>, StoreError> {
        tx.make_sources(keys).await
    }
}

impl Numbered for SeriesKey {
    /// Without the version of the rate, which is not the sender's.
    type Name = (OrganizationId, ProjectId, ApiKeyId, Arc<str>);
    const MOST: i64 = MOST_SERIES;

    fn organization(&self) -> OrganizationId {
        self.organization
    }

    fn name(&self) -> Self::Name {
        let model = Arc::clone(&self.model);
        (self.organization, self.project, self.api_key, model)
    }

    async fn find_in(
        tx: &mut impl NumberTx,
        keys: &[&Self],
    ) -> Result<HashMap<Self, i64>, StoreError> {
        tx.find_series(keys).await
    }

    async fn count_in(
        tx: &mut impl NumberTx,
        organizations: &[OrganizationId],
    ) -> Result<HashMap<OrganizationId, i64>, StoreError> {
        tx.count_series(organizations).await
    }

    async fn make_in(
        tx: &mut impl NumberTx,
        keys: &[&Self],
    ) -> Result<HashMap<Self, i64>, StoreError> {
        tx.make_series(keys).await
    }
}

/// The numbers of sources and series, as committed.
#[derive(Default)]
pub(super) struct Numbers {
    sources: Remembered<SourceKey>,
    series: Remembered<SeriesKey>,
}

/// What a commit has found and made.
pub(super) struct Found {
    sources: Looked<SourceKey>,
    series: Looked<SeriesKey>,
}

impl Numbers {
    /// The numbers that are not remembered yet; new ones are made for those that have none.
    pub(super) async fn find_in(
        &mut self,
        tx: &mut impl NumberTx,
        jobs: &[Job],
    ) -> Result<Found, StoreError> {
        let mut sources = BTreeMap::new();
        let mut series = BTreeMap::new();
        for job in jobs {
            let of_job = match &job.task {
                Task::Usage { .. } => Room::IfThereIs,
                Task::Hold { .. } => Room::Always,
            };
            for priced in job.events() {
                let of_source = if priced.source.source == HOLD_SOURCE {
                    Room::Always
                } else {
                    of_job
                };
                self.sources.ask(&mut sources, &priced.source, of_source);
                self.series.ask(&mut series, &priced.series, of_job);
            }
        }
        Ok(Found {
            sources: self.sources.find_in(tx, &sources).await?,
            series: self.series.find_in(tx, &series).await?,
        })
    }

    /// What was found is committed.
    pub(super) fn learn(&mut self, found: Found) {
        if self.sources.nos.len() + self.series.nos.len() > MOST_NUMBERS {
            *self = Self::default();
        }
        self.sources.learn(found.sources);
        self.series.learn(found.series);
    }
}

impl Found {
    /// Why an event is not counted: its source or series got no number.
    pub(super) fn fault(&self, priced: &Priced) -> Option<EventFault> {
        if self.sources.refused.contains(&priced.source) {
            Some(EventFault::TooManySources)
        } else if self.series.refused.contains(&priced.series) {
            Some(EventFault::TooManySeries)
        } else {
            None
        }
    }
}

/// The numbers that a commit has: those that were remembered, and those that it has found.
#[derive(Clone, Copy)]
pub(super) struct Given<'n> {
    pub(super) known: &'n Numbers,
    pub(super) found: &'n Found,
}

impl Given<'_> {
    pub(super) fn source_no(self, priced: &Priced) -> Result<i64, StoreError> {
        let known = self.known.sources.nos.get(&priced.source);
        known
            .or_else(|| self.found.sources.nos.get(&priced.source))
            .copied()
            .ok_or_else(|| StoreError::Inconsistent("a source without number".to_owned()))
    }

    pub(super) fn series_no(self, priced: &Priced) -> Result<i64, StoreError> {
        let known = self.known.series.nos.get(&priced.series);
        known
            .or_else(|| self.found.series.nos.get(&priced.series))
            .copied()
            .ok_or_else(|| StoreError::Inconsistent("a series without number".to_owned()))
    }
}

/// When something gets a new number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    IfThereIs,
    Always,
}

struct Remembered<K> {
    nos: HashMap<K, i64>,
    /// Who has as many names as there may be, and until when that is believed.
    full: HashMap<OrganizationId, Instant>,
    /// What got no number, and until when it gets none.
    refused: HashMap<K, Instant>,
}

impl<K> Default for Remembered<K> {
    fn default() -> Self {
        Self {
            nos: HashMap::new(),
            full: HashMap::new(),
            refused: HashMap::new(),
        }
    }
}

struct Looked<K> {
    nos: HashMap<K, i64>,
    refused: HashSet<K>,
}

impl<K> Default for Looked<K> {
    fn default() -> Self {
        Self {
            nos: HashMap::new(),
            refused: HashSet::new(),
        }
    }
}

impl<K: Numbered> Remembered<K> {
    fn ask<'k>(&self, asked: &mut BTreeMap<&'k K, Room>, key: &'k K, room: Room) {
        if self.nos.contains_key(key) {
            return;
        }
        let found = asked.entry(key).or_insert(room);
        if room == Room::Always {
            *found = room;
        }
    }

    async fn find_in(
        &mut self,
        tx: &mut impl NumberTx,
        asked: &BTreeMap<&K, Room>,
    ) -> Result<Looked<K>, StoreError> {
        let mut looked = Looked::default();
        if asked.is_empty() {
            return Ok(looked);
        }
        self.doubt(Instant::now());
        let is_refused =
            |(key, room): &(&&K, &Room)| **room != Room::Always && self.refused.contains_key(*key);
        let (refused, keys): (Vec<_>, Vec<_>) = asked.iter().partition(is_refused);
        looked.refused = refused.into_iter().map(|(key, _)| (*key).clone()).collect();
        if keys.is_empty() {
            return Ok(looked);
        }
        let wanted: Vec<&K> = keys.iter().map(|(key, _)| **key).collect();
        looked.nos = K::find_in(tx, &wanted).await?;
        let new: Vec<(&K, Room)> = keys
            .into_iter()
            .map(|(key, room)| (*key, *room))
            .filter(|(key, _)| !looked.nos.contains_key(*key))
            .collect();
        let mut names: HashSet<K::Name> = looked.nos.keys().map(K::name).collect();
        let mut room = self.room_in(tx, &new, &names).await?;
        let mut made = Vec::with_capacity(new.len());
        for (key, of_key) in new {
            let name = key.name();
            if names.contains(&name) || of_key == Room::Always || take(&mut room, key) {
                names.insert(name);
                made.push(key);
            } else {
                self.refuse(key);
                looked.refused.insert(key.clone());
            }
        }
        if !made.is_empty() {
            looked.nos.extend(K::make_in(tx, &made).await?);
        }
        Ok(looked)
    }

    /// For how many more names those have room that have a new one: they are counted once each.
    async fn room_in(
        &mut self,
        tx: &mut impl NumberTx,
        new: &[(&K, Room)],
        names: &HashSet<K::Name>,
    ) -> Result<HashMap<OrganizationId, i64>, StoreError> {
        let uncounted: BTreeSet<OrganizationId> = new
            .iter()
            .filter(|(key, room)| *room == Room::IfThereIs && !names.contains(&key.name()))
            .map(|(key, _)| key.organization())
            .filter(|organization| !self.full.contains_key(organization))
            .collect();
        if uncounted.is_empty() {
            return Ok(HashMap::new());
        }
        let uncounted: Vec<OrganizationId> = uncounted.into_iter().collect();
        let counts = K::count_in(tx, &uncounted).await?;
        let until = Instant::now() + BELIEVED;
        let mut room = HashMap::with_capacity(uncounted.len());
        for organization in uncounted {
            let count = counts.get(&organization).copied().unwrap_or(0);
            room.insert(organization, K::MOST - count);
            if count >= K::MOST {
                self.full.insert(organization, until);
            }
        }
        Ok(room)
    }

    /// Remembers what was refused, unless this commit itself fills the room: it may come to nothing.
    fn refuse(&mut self, key: &K) {
        if let Some(until) = self.full.get(&key.organization())
            && self.refused.len() < MOST_REFUSALS
        {
            self.refused.insert(key.clone(), *until);
        }
    }

    fn learn(&mut self, looked: Looked<K>) {
        self.nos.extend(looked.nos);
    }

    /// Forgets what has been believed for long enough.
    fn doubt(&mut self, now: Instant) {
        self.full.retain(|_, until| *until > now);
        self.refused.retain(|_, until| *until > now);
    }
}

/// Whether there is room for a new name, which takes it.
fn take(room: &mut HashMap<OrganizationId, i64>, key: &impl Numbered) -> bool {
    match room.get_mut(&key.organization()) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        Some(_) | None => false,
    }
}

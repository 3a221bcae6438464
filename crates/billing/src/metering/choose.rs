//! Which of the reported events are new.
//!
//! Owns the rule of replays: the same source and id with the same content counts once, with other
//! content it is refused. What becomes of holds is `hold_jobs`'s.

use std::collections::{BTreeMap, HashMap};

use types::ids::OrganizationId;
use types::time::Timestamp;

use super::bulk::{Known, UniqueKey};
use super::content::ContentHash;
use super::numbers::Found;
use super::priced::Priced;
use super::queue::{Job, Outcome, Task};
use super::{FirstUse, IngestError, Ingested};
use crate::StoreError;

/// New events of each organization, with the numbers of their sources.
pub(super) type NewEvents<'e> = BTreeMap<OrganizationId, Vec<(&'e Priced, i64)>>;

/// Which events are new, and what each job is answered.
pub(super) struct Chosen<'e> {
    pub(super) new: NewEvents<'e>,
    /// Nothing yet for what is asked about holds.
    pub(super) outcomes: Vec<Option<Outcome>>,
}

/// Job by job, in the order in which they came: all of a job's new events are counted, or none.
/// `found` knows whose sources or series are too many.
pub(super) fn choose<'e>(
    jobs: &'e [Job],
    known: &HashMap<UniqueKey, Known>,
    found: &Found,
    now: Timestamp,
    source_no: impl Fn(&Priced) -> Result<i64, StoreError>,
) -> Result<Chosen<'e>, StoreError> {
    let mut chosen = Chosen {
        new: BTreeMap::new(),
        outcomes: Vec::with_capacity(jobs.len()),
    };
    let mut taken: HashMap<UniqueKey, ContentHash> = HashMap::new();
    for job in jobs {
        let Task::Usage { events, sent, .. } = &job.task else {
            chosen.outcomes.push(None);
            continue;
        };
        let mut too_many = events
            .iter()
            .filter_map(|(index, priced)| Some((*index, found.fault(priced)?)));
        if let Some((index, fault)) = too_many.next() {
            let outcome = Outcome::Usage(Err(IngestError::Event { index, fault }));
            chosen.outcomes.push(Some(outcome));
            continue;
        }
        let events = events
            .iter()
            .map(|(index, priced)| Ok((*index, (priced, source_no(priced)?))))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let outcome = match new_of(&events, known, &mut taken, now) {
            Ok(new) => {
                let ingested = Ingested {
                    counted: new.len(),
                    already_counted: sent - new.len(),
                };
                if !new.is_empty() {
                    chosen.new.entry(job.organization).or_default().extend(new);
                }
                Ok(ingested)
            }
            Err(conflict) => Err(conflict),
        };
        chosen.outcomes.push(Some(Outcome::Usage(outcome)));
    }
    Ok(chosen)
}

/// Those of a call's events that were not counted before.
fn new_of<'e>(
    events: &[(usize, (&'e Priced, i64))],
    known: &HashMap<UniqueKey, Known>,
    taken: &mut HashMap<UniqueKey, ContentHash>,
    now: Timestamp,
) -> Result<Vec<(&'e Priced, i64)>, IngestError> {
    let mut new = Vec::with_capacity(events.len());
    for (index, (priced, source_no)) in events {
        let unique = (priced.key, *source_no);
        let earlier = known
            .get(&unique)
            .map(|known| (known.content_hash, known.received_at))
            .or_else(|| taken.get(&unique).map(|hash| (*hash, now)));
        match earlier {
            None => new.push((*priced, *source_no)),
            Some((content_hash, _)) if content_hash.says_the_same(priced.content_hash) => {}
            Some((_, received_at)) => {
                let (index, first) = (*index, FirstUse::Received(received_at));
                return Err(IngestError::Conflict { index, first });
            }
        }
    }
    taken.extend(
        new.iter()
            .map(|(priced, no)| ((priced.key, *no), priced.content_hash)),
    );
    Ok(new)
}

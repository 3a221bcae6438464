//! Holds within one commit: what each job does to them, worked out in memory under the locks of
//! the books and written at the end.
//!
//! The jobs of a commit wait side by side, so any order of them is right. What gives credit back
//! comes first, then what was used is charged, then new holds are granted from what is left.
//!
//! However many holds of an organization are due, one commit writes down a bounded number of them:
//! everybody waits for it. Nothing is set aside for the others either; that they expired is written
//! by later commits, which the sweeper asks for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ledger::Held;
use ledger::bulk::Head;
use types::ids::{ApiKeyId, HoldId, OrganizationId, ProjectId};
use types::money::{Cost, Money};
use types::time::Timestamp;
use uuid::Uuid;

use super::credit::Quote;
use super::hold::{HOLD_LIFETIME, Hold, HoldState};
use super::{HoldError, HoldFault, MOST_OPEN_HOLDS};
use crate::StoreError;
use crate::pricing::book::{ModelVersions, RateBook};

/// A hold to be opened, checked. What it costs is said by the prices in force when it is opened,
/// which those of its capture are: a new version may take effect while it waits.
#[derive(Debug)]
pub(crate) struct NewHold {
    pub(crate) project: ProjectId,
    pub(crate) api_key: ApiKeyId,
    pub(crate) client_id: Option<String>,
    pub(crate) model: Arc<ModelVersions>,
    pub(crate) input_tokens: i64,
    pub(crate) requested: Option<i64>,
    /// The most output that is asked for.
    pub(crate) wanted: i64,
}

impl NewHold {
    /// Gives it the prices of another book.
    pub(crate) fn reprice(&mut self, book: &RateBook) -> Result<(), HoldFault> {
        let model = book.model(&self.model.name());
        self.model = Arc::clone(model.ok_or(HoldFault::UnknownModel)?);
        Ok(())
    }

    /// What such a request costs by the prices in force at an instant.
    pub(crate) fn quote(&self, at: Timestamp) -> Result<Quote, HoldFault> {
        quote(&self.model, at, self.input_tokens, self.wanted)
    }

    /// Whether a hold was opened by the same request.
    pub(crate) fn is(&self, hold: &Hold) -> bool {
        self.project == hold.project
            && self.api_key == hold.api_key
            && *self.model.name() == hold.model
            && self.input_tokens == hold.input_tokens
            && self.requested == hold.requested_output_tokens
    }
}

impl HoldWrites {
    pub(crate) const fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.changed.is_empty()
    }
}

/// Which rows a commit needs: none of organizations whose books it has not locked.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) organizations: Vec<OrganizationId>,
    pub(crate) ids: Vec<(OrganizationId, HoldId)>,
    pub(crate) client_ids: Vec<(OrganizationId, String)>,
}

/// A hold as it was found, with the content of the event that settled it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) hold: Hold,
    pub(crate) content_hash: Option<[u8; 16]>,
}

/// What a commit has looked up.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    pub(crate) found: Vec<Found>,
    /// What is due and not among them.
    pub(crate) left_due: LeftDue,
}

/// Holds of organizations whose time is up and that this commit does not write down as expired.
pub(crate) type LeftDue = BTreeMap<OrganizationId, Held>;

/// Where the event that settles a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPlace {
    pub(crate) batch_no: i64,
    pub(crate) position: i64,
}

/// A hold's row, to be inserted or updated.
#[derive(Debug)]
pub(crate) struct HoldRow {
    pub(crate) hold: Hold,
    /// Of one that this commit captures.
    pub(crate) event: Option<EventPlace>,
}

/// What a commit writes of holds.
#[derive(Debug, Default)]
pub(crate) struct HoldWrites {
    pub(crate) opened: Vec<HoldRow>,
    pub(crate) changed: Vec<HoldRow>,
}

#[derive(Debug)]
struct Entry {
    found: Found,
    change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Updated,
    Opened,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    entries: HashMap<HoldId, Entry>,
    by_client: HashMap<(OrganizationId, String), HoldId>,
    /// What is to be given back to each organization, hold by hold.
    freed: Vec<(OrganizationId, Money)>,
    left_due: LeftDue,
}

impl Desk {
    /// Lays out what was found; what of it is due expires.
    pub(crate) fn new(looked: Looked, now: Timestamp) -> Self {
        let mut desk = Self {
            left_due: looked.left_due,
            ..Self::default()
        };
        for found in looked.found {
            if let Some(client_id) = &found.hold.client_id {
                let key = (found.hold.organization, client_id.clone());
                desk.by_client.insert(key, found.hold.id);
            }
            let change = Change::None;
            desk.entries.insert(found.hold.id, Entry { found, change });
        }
        for entry in desk.entries.values_mut() {
            if entry.found.hold.expire(now) {
                entry.change = Change::Updated;
                let hold = &entry.found.hold;
                desk.freed.push((hold.organization, hold.amount));
            }
        }
        desk
    }

    /// Charges a hold. Whether its event is new, and the hold afterwards.
    pub(crate) fn capture(
        &mut self,
        organization: OrganizationId,
        id: HoldId,
        (content_hash, cost): ([u8; 16], Cost),
        now: Timestamp,
    ) -> Result<(bool, Hold), HoldError> {
        let entry = self.get(organization, id)?;
        if let Some(first) = entry.found.content_hash {
            return if first == content_hash {
                Ok((false, entry.found.hold.clone()))
            } else {
                Err(HoldError::CapturedOtherwise)
            };
        }
        let hold = self.change(organization, id, |hold| hold.capture(cost, now))?;
        self.get(organization, id)?.found.content_hash = Some(content_hash);
        Ok((true, hold))
    }

    pub(crate) fn heartbeat(
        &mut self,
        organization: OrganizationId,
        id: HoldId,
        now: Timestamp,
    ) -> Result<Hold, HoldError> {
        self.change(organization, id, |hold| hold.prolong(now))
    }

    pub(crate) fn release(
        &mut self,
        organization: OrganizationId,
        id: HoldId,
        now: Timestamp,
    ) -> Result<Hold, HoldError> {
        self.change(organization, id, |hold| hold.release(now))
    }

    /// Gives back what is held no more. Before anything is granted.
    pub(crate) fn give_back(
        &mut self,
        heads: &mut BTreeMap<OrganizationId, Head>,
    ) -> Result<(), StoreError> {
        for (organization, amount) in self.freed.drain(..) {
            get_head(heads, organization)?.unhold(amount)?;
        }
        Ok(())
    }

    /// What is set aside for requests that may still run: what the books note, less what is due
    /// and is written down later.
    pub(crate) fn held(&self, head: &Head) -> Result<Held, StoreError> {
        let noted = head.held();
        match self.left_due.get(&head.organization()) {
            Some(due) => Ok(Held {
                amount: noted.amount.minus(due.amount)?,
                count: noted.count - due.count,
            }),
            None => Ok(noted),
        }
    }

    /// Grants a hold out of what is available, or finds the one that the client's id stands for.
    pub(crate) fn open(
        &mut self,
        head: &mut Head,
        available: Money,
        new: &NewHold,
        now: Timestamp,
    ) -> Result<Hold, HoldError> {
        let organization = head.organization();
        let client_key = new.client_id.clone().map(|id| (organization, id));
        if let Some(id) = client_key.as_ref().and_then(|key| self.by_client.get(key)) {
            let hold = &self.get(organization, *id)?.found.hold;
            return if new.is(hold) {
                Ok(hold.clone())
            } else {
                let first = hold.created_at;
                Err(HoldError::Reused { first })
            };
        }
        if self.held(head)?.count >= MOST_OPEN_HOLDS {
            return Err(HoldError::TooManyOpen);
        }
        let grant = new
            .quote(now)?
            .grant(available)
            .map_err(StoreError::from)?
            .map_err(|shortfall| HoldError::InsufficientCredit { shortfall })?;
        head.hold(grant.amount).map_err(StoreError::from)?;
        let hold = Hold {
            id: new_id(now),
            organization,
            project: new.project,
            api_key: new.api_key,
            client_id: new.client_id.clone(),
            model: new.model.name().to_string(),
            input_tokens: new.input_tokens,
            requested_output_tokens: new.requested,
            wanted_output_tokens: new.wanted,
            max_output_tokens: grant.output_tokens,
            amount: grant.amount,
            state: HoldState::Open,
            created_at: now,
            expires_at: now + HOLD_LIFETIME,
        };
        if let Some(key) = client_key {
            self.by_client.insert(key, hold.id);
        }
        let found = Found {
            hold: hold.clone(),
            content_hash: None,
        };
        let change = Change::Opened;
        self.entries.insert(hold.id, Entry { found, change });
        Ok(hold)
    }

    /// What is to be written, once; `events` says where those that settle holds stand.
    pub(crate) fn take_writes(&mut self, events: &HashMap<HoldId, EventPlace>) -> HoldWrites {
        let mut writes = HoldWrites::default();
        for (id, entry) in self.entries.drain() {
            let row = HoldRow {
                hold: entry.found.hold,
                event: events.get(&id).copied(),
            };
            match entry.change {
                Change::None => {}
                Change::Updated => writes.changed.push(row),
                Change::Opened => writes.opened.push(row),
            }
        }
        // In the order of their ids, which new rows are added in.
        writes.opened.sort_unstable_by_key(|row| row.hold.id);
        writes.changed.sort_unstable_by_key(|row| row.hold.id);
        writes
    }

    fn get(&mut self, organization: OrganizationId, id: HoldId) -> Result<&mut Entry, HoldError> {
        self.entries
            .get_mut(&id)
            .filter(|entry| entry.found.hold.organization == organization)
            .ok_or(HoldError::NotFound)
    }

    fn change(
        &mut self,
        organization: OrganizationId,
        id: HoldId,
        change: impl FnOnce(&mut Hold) -> Result<(), HoldError>,
    ) -> Result<Hold, HoldError> {
        let entry = self.get(organization, id)?;
        let hold = &mut entry.found.hold;
        let before = (hold.state, hold.expires_at);
        change(hold)?;
        let after = hold.clone();
        if (after.state, after.expires_at) != before && entry.change == Change::None {
            entry.change = Change::Updated;
        }
        if before.0 == HoldState::Open && after.state != HoldState::Open {
            self.freed.push((organization, after.amount));
        }
        Ok(after)
    }
}

/// What a request costs by the prices in force at an instant.
pub(crate) fn quote(
    model: &ModelVersions,
    at: Timestamp,
    input_tokens: i64,
    wanted: i64,
) -> Result<Quote, HoldFault> {
    let (_, rates) = model.at(at).ok_or(HoldFault::UnknownModel)?;
    Quote::new(&rates, input_tokens, wanted).ok_or(HoldFault::TooLarge)
}

pub(crate) fn get_head(
    heads: &mut BTreeMap<OrganizationId, Head>,
    organization: OrganizationId,
) -> Result<&mut Head, StoreError> {
    heads.get_mut(&organization).ok_or_else(|| {
        StoreError::Inconsistent(format!("the books of {organization} are not locked"))
    })
}

/// By the clock that everything else goes by, so that ids and times rise together.
fn new_id(now: Timestamp) -> HoldId {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    let at = uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos());
    HoldId::from_uuid(Uuid::new_v7(at))
}

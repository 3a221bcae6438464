//! Holds on their way through the writer: they commit together with usage, under the same lock of
//! the organization's books, so that what is granted is decided by what is really left.
//!
//! Owns what is asked of the writer and how it is prepared. What it does to a hold is `holds`'.

use std::collections::{BTreeMap, HashMap};

use ledger::bulk::Head;
use tokio::sync::oneshot;
use types::balance::Balance;
use types::ids::{HoldId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;
use types::usage::UsageEvent;

use super::bulk::EventRow;
use super::check;
use super::choose::NewEvents;
use super::priced::{Owner, Priced};
use super::queue::{HoldResult, Job, Outcome, Task};
use crate::holds::desk::{Asked, Desk, EventPlace, HoldWrites, NewHold, get_head};
use crate::holds::{HOLD_SOURCE, HoldError, HoldFault};
use crate::pricing::book::RateBook;
use crate::{Core, StoreError, chart};

/// What is asked about a hold.
pub(crate) enum HoldAct {
    Open(NewHold),
    Heartbeat(HoldId),
    Release(HoldId),
    Capture(HoldId, Box<Priced>),
    /// Writes down some of what has expired, which comes first in every commit that looks at holds.
    Expire,
}

impl HoldAct {
    /// About how much memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Open(new) => {
                size_of::<NewHold>() + 2 * new.client_id.as_ref().map_or(0, String::len)
            }
            Self::Capture(_, priced) => priced.size(),
            Self::Heartbeat(_) | Self::Release(_) | Self::Expire => size_of::<Self>(),
        }
    }

    pub(super) fn event(&self) -> Option<&Priced> {
        match self {
            Self::Capture(_, priced) => Some(priced),
            Self::Open(_) | Self::Heartbeat(_) | Self::Release(_) | Self::Expire => None,
        }
    }

    /// Gives it the prices of another book.
    pub(super) fn reprice(&mut self, book: &RateBook) -> Result<(), HoldFault> {
        match self {
            Self::Open(new) => new.reprice(book),
            Self::Capture(_, priced) => Ok(priced.reprice(book)?),
            Self::Heartbeat(_) | Self::Release(_) | Self::Expire => Ok(()),
        }
    }
}

impl super::Metering {
    /// The prices as this process knows them; they are read once it needs them.
    pub(crate) async fn book_with(
        &self,
        core: &Core,
        model: &str,
        at: Timestamp,
    ) -> Result<std::sync::Arc<RateBook>, StoreError> {
        let book = self.rates.recent(core.db.readers(), core.now()).await;
        let has_price = book
            .model(model)
            .is_some_and(|versions| versions.at(at).is_some());
        if has_price {
            return Ok(book);
        }
        self.rates.refresh(core.db.readers()).await
    }

    /// The prices that this process knows without asking.
    pub(crate) fn known_rates(&self) -> std::sync::Arc<RateBook> {
        self.rates.current()
    }

    /// Has the writer do it; when this returns, it is durable.
    pub(crate) async fn hold(
        &self,
        core: &Core,
        organization: OrganizationId,
        act: HoldAct,
        rate_count: i64,
    ) -> HoldResult {
        let (answer, answered) = oneshot::channel();
        let task = Task::Hold { act, answer };
        self.writer(core)
            .await?
            .push(organization, rate_count, task)
            .map_err(|_| HoldError::Overloaded)?;
        // The writer answers every job; it is gone only when the process is ending.
        answered.await.unwrap_or(Err(HoldError::NotCommitted))
    }
}

/// A capture's event, checked and priced.
pub(crate) fn price_capture(
    event: UsageEvent,
    owner: Owner,
    book: &RateBook,
    now: Timestamp,
) -> Result<Priced, HoldFault> {
    check::event(&event, now)?;
    Ok(Priced::new(event, owner, book, now)?)
}

/// Which holds a commit of these jobs needs; `None`: it is about usage alone.
pub(super) fn asked(jobs: &[Job]) -> Option<Asked> {
    let mut asked = Asked::default();
    for job in jobs {
        let Task::Hold { act, .. } = &job.task else {
            continue;
        };
        asked.organizations.push(job.organization);
        match act {
            HoldAct::Open(new) => {
                let client_id = new.client_id.clone();
                asked
                    .client_ids
                    .extend(client_id.map(|id| (job.organization, id)));
            }
            HoldAct::Heartbeat(id) | HoldAct::Release(id) | HoldAct::Capture(id, _) => {
                asked.ids.push((job.organization, *id));
            }
            HoldAct::Expire => {}
        }
    }
    asked.organizations.sort_unstable();
    asked.organizations.dedup();
    (!asked.organizations.is_empty()).then_some(asked)
}

/// Whose holds are to be captured: they may get a batch of events.
pub(super) fn capturing(jobs: &[Job]) -> impl Iterator<Item = OrganizationId> {
    let captures = jobs.iter().filter(|job| {
        matches!(
            &job.task,
            Task::Hold {
                act: HoldAct::Capture(..),
                ..
            }
        )
    });
    captures.map(|job| job.organization)
}

/// Does what is asked other than to open, whose turn comes when all that gives credit back is done.
/// The new events are those of captures. `outcomes` has a place for each job.
pub(super) fn act<'e>(
    desk: &mut Desk,
    jobs: &'e [Job],
    outcomes: &mut [Option<Outcome>],
    now: Timestamp,
    source_no: impl Fn(&Priced) -> Result<i64, StoreError>,
) -> Result<NewEvents<'e>, StoreError> {
    let mut captured = NewEvents::new();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let Task::Hold { act, .. } = &job.task else {
            continue;
        };
        let Some((result, event)) = act_once(desk, job.organization, act, now) else {
            continue;
        };
        *outcome = Some(Outcome::Hold(result));
        if let Some(priced) = event {
            let of_organization = captured.entry(job.organization).or_default();
            of_organization.push((priced, source_no(priced)?));
        }
    }
    Ok(captured)
}

/// `None` for an opening. The event is the capture's, if it is new.
fn act_once<'e>(
    desk: &mut Desk,
    organization: OrganizationId,
    act: &'e HoldAct,
    now: Timestamp,
) -> Option<(HoldResult, Option<&'e Priced>)> {
    Some(match act {
        HoldAct::Open(_) => return None,
        HoldAct::Expire => (Ok(None), None),
        HoldAct::Heartbeat(id) => (desk.heartbeat(organization, *id, now).map(Some), None),
        HoldAct::Release(id) => (desk.release(organization, *id, now).map(Some), None),
        HoldAct::Capture(id, priced) => {
            let content = (priced.content_hash.0, priced.cost);
            match desk.capture(organization, *id, content, now) {
                Ok((is_new, hold)) => (Ok(Some(hold)), is_new.then_some(&**priced)),
                Err(error) => (Err(error), None),
            }
        }
    })
}

/// Grants the openings among `jobs` out of what is left, and lays out what is written. `outcomes`
/// has a place for each job; those of openings are empty.
pub(super) fn settle(
    desk: &mut Desk,
    jobs: &[Job],
    outcomes: &mut [Option<Outcome>],
    heads: &mut BTreeMap<OrganizationId, Head>,
    events: &[EventRow<'_>],
    now: Timestamp,
) -> Result<HoldWrites, StoreError> {
    desk.give_back(heads)?;
    for (job, outcome) in jobs.iter().zip(outcomes) {
        if let Task::Hold {
            act: HoldAct::Open(new),
            ..
        } = &job.task
        {
            let head = get_head(heads, job.organization)?;
            let available = available(head, desk.held(head)?.amount, now)?;
            let opened = desk.open(head, available, new, now).map(Some);
            *outcome = Some(Outcome::Hold(opened));
        }
    }
    let captures = events
        .iter()
        .filter(|row| row.priced.source.source == HOLD_SOURCE);
    let places: HashMap<HoldId, EventPlace> = captures
        .map(|row| {
            let place = EventPlace {
                batch_no: row.batch_no,
                position: row.position,
            };
            let id = uuid::Uuid::from_bytes(row.priced.key.bytes);
            (HoldId::from_uuid(id), place)
        })
        .collect();
    Ok(desk.take_writes(&places))
}

/// What organizations have available, of those whose holds the commit has looked at or that have
/// none: the note of what is held counts what has expired until it is looked at.
pub(super) fn known_available(
    heads: &BTreeMap<OrganizationId, Head>,
    looked: Option<(&Asked, &Desk)>,
    now: Timestamp,
) -> Result<Vec<(OrganizationId, Money)>, StoreError> {
    let mut known = Vec::with_capacity(heads.len());
    for head in heads.values() {
        let organization = head.organization();
        let looked =
            looked.filter(|(asked, _)| asked.organizations.binary_search(&organization).is_ok());
        let held = match looked {
            Some((_, desk)) => desk.held(head)?.amount,
            None if head.held().count == 0 => Money::ZERO,
            None => continue,
        };
        known.push((organization, available(head, held, now)?));
    }
    Ok(known)
}

/// What new requests of an organization may spend. Where a server's clock was ahead, lots pay by
/// the time that is booked at, so their end is judged by that.
fn available(head: &Head, held: Money, now: Timestamp) -> Result<Money, StoreError> {
    let organization = head.organization();
    let now = now.max(head.booked_at());
    let of = |account| head.balance_of(&account).unwrap_or(Money::ZERO);
    let mut balance = Balance {
        prepaid: of(chart::prepaid(organization)),
        promotional: of(chart::promotional(organization)),
        owed: of(chart::owed(organization)),
        held,
        expired: Money::ZERO,
    };
    for lot in head.open_lots().filter(|lot| lot.is_expired(now)) {
        balance.expired = balance.expired.plus(lot.remaining)?;
    }
    Ok(balance.available()?)
}

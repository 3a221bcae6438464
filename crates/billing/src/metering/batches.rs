//! The batches of a commit: one for each organization that has new events, and what it moves.
//!
//! Owns the remainder that is carried from batch to batch. Does not own what a batch pays with:
//! that is `posting_rules::usage`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::bulk::Head;
use ledger::{Batch, Source};
use types::ids::{BatchId, OrganizationId};
use types::money::Cost;
use types::time::Timestamp;

use super::bulk::{Carry, EventRow, UsageBatch, Writes};
use super::choose::NewEvents;
use super::commit::Heads;
use super::priced::Priced;
use crate::holds::desk::get_head;
use crate::{StoreError, posting_rules};

/// See the module.
pub(super) struct Batches<'e>(BTreeMap<OrganizationId, Open<'e>>);

struct Open<'e> {
    no: i64,
    /// With the numbers of their sources, in the order of their positions.
    events: Vec<(&'e Priced, i64)>,
}

impl<'e> Batches<'e> {
    /// An empty one for each of `organizations`, which are as many as `nos`.
    pub(super) fn number(
        organizations: BTreeSet<OrganizationId>,
        nos: Vec<i64>,
    ) -> Result<Self, StoreError> {
        if organizations.len() != nos.len() {
            return Err(StoreError::Inconsistent(format!(
                "{} numbers for {} batches",
                nos.len(),
                organizations.len()
            )));
        }
        let open = |no| Open {
            no,
            events: Vec::new(),
        };
        let batches = organizations.into_iter().zip(nos.into_iter().map(open));
        Ok(Self(batches.collect()))
    }

    /// Adds events behind those that are there; their rows, batch by batch.
    pub(super) fn add(
        &mut self,
        new: NewEvents<'e>,
        series_no: impl Fn(&Priced) -> Result<i64, StoreError>,
    ) -> Result<Vec<EventRow<'e>>, StoreError> {
        let mut rows = Vec::with_capacity(new.values().map(Vec::len).sum());
        for (organization, events) in new {
            let batch = self.0.get_mut(&organization).ok_or_else(|| {
                StoreError::Inconsistent(format!("no batch was numbered for {organization}"))
            })?;
            for (priced, source_no) in events {
                rows.push(EventRow {
                    batch_no: batch.no,
                    position: i64::try_from(batch.events.len())
                        .map_err(|_| StoreError::Inconsistent("too many events".to_owned()))?,
                    source_no,
                    series_no: series_no(priced)?,
                    priced,
                });
                batch.events.push((priced, source_no));
            }
        }
        Ok(rows)
    }

    /// Those that have events, in the order of their ids.
    pub(super) fn organizations(&self) -> Vec<OrganizationId> {
        let used = self.0.iter().filter(|(_, batch)| !batch.events.is_empty());
        used.map(|(organization, _)| *organization).collect()
    }

    /// What they are and what they move, priced when there were `rate_count` versions of rates.
    pub(super) fn plan(
        &self,
        writes: &mut Writes,
        heads: &mut Heads,
        carries: &HashMap<OrganizationId, Carry>,
        rate_count: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for organization in self.organizations() {
            let head = get_head(heads, organization)?;
            let carry = carries.get(&organization).copied().unwrap_or_default();
            let batch = pay(head, &self.0[&organization], carry, rate_count, now)?;
            if batch.posted.is_positive() {
                let transfers = posting_rules::usage::transfers(
                    organization,
                    head.open_lots(),
                    batch.booked_at,
                    batch.posted,
                )?;
                let posted = Batch {
                    id: batch.id,
                    source: Source::new("usage", batch.id),
                    code: "usage",
                    transfers,
                    opens: Vec::new(),
                    booked_at: batch.booked_at,
                };
                writes.posted.push(head.post(posted, now)?);
            }
            writes.batches.push(batch);
        }
        Ok(())
    }
}

/// What an organization's new events cost together, and what of it can be posted.
fn pay(
    head: &Head,
    open: &Open<'_>,
    last: Carry,
    rate_count: i64,
    now: Timestamp,
) -> Result<UsageBatch, StoreError> {
    let events = &open.events;
    let cost = events
        .iter()
        .try_fold(Cost::ZERO, |sum, (priced, _)| sum.plus(priced.cost))?;
    let (posted, carry_after) = last.cost.plus(cost)?.into_money_and_carry()?;
    Ok(UsageBatch {
        no: open.no,
        id: BatchId::generate(),
        organization: head.organization(),
        sequence: last.sequence + 1,
        event_count: i64::try_from(events.len())
            .map_err(|_| StoreError::Inconsistent("a batch of too many events".to_owned()))?,
        rate_count,
        cost,
        posted,
        carry_before: last.cost,
        carry_after,
        // Not `now` alone: a batch that posts nothing must not stand before those that did.
        booked_at: now.max(head.booked_at()),
        created_at: now,
    })
}

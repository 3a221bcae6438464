//! What a batch does to the lots that it draws on, fills and opens: computed before anything is
//! written.
//!
//! Owns the rule that ties lots to accounts: a transfer that touches an account kept in lots names
//! one lot of that account, and after each batch what is left of an account's lots is its balance.

use std::collections::BTreeMap;

use types::ids::{LotId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use super::apply::Running;
use crate::Connection;
use crate::account::AccountId;
use crate::error::{LedgerError, PostError};
use crate::lot::{self, Lot, LotKind};
use crate::transfer::{Batch, Transfer};

/// A lot as it stands while batches are applied.
#[derive(Debug)]
pub(crate) struct RunningLot {
    pub(crate) lot: Lot,
    /// The number of the batch that opened it, if it was one of these.
    pub(crate) opened_by: Option<i64>,
    pub(crate) is_changed: bool,
}

/// An organization's open lots while batches are applied, in burn order.
#[derive(Debug, Default)]
pub(crate) struct RunningLots(Vec<RunningLot>);

impl RunningLots {
    pub(crate) fn new(lots: Vec<Lot>) -> Self {
        let mut running = Self(Vec::with_capacity(lots.len()));
        for lot in lots {
            running.add(lot, None);
        }
        running.sort();
        running
    }

    /// Those with something left, in burn order.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Lot> {
        self.0
            .iter()
            .map(|running| &running.lot)
            .filter(|lot| lot.remaining.is_positive())
    }

    /// Those that batches have opened or changed.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &RunningLot> {
        self.0
            .iter()
            .filter(|running| running.is_changed || running.opened_by.is_some())
    }

    /// A lot, if the batch of that number opened it.
    pub(crate) fn opened(&self, id: LotId, sequence: i64) -> Option<&Lot> {
        self.0
            .iter()
            .find(|running| running.lot.id == id && running.opened_by == Some(sequence))
            .map(|running| &running.lot)
    }

    /// The accounts are already those after the batch, which becomes the one of that number.
    pub(crate) fn apply(
        &mut self,
        batch: &Batch,
        (sequence, booked_at): (i64, Timestamp),
        accounts: &BTreeMap<AccountId, Running>,
    ) -> Result<(), PostError> {
        self.open_new(batch, sequence, booked_at)?;
        for transfer in &batch.transfers {
            self.move_amount(transfer, sequence)?;
        }
        if let Some(empty) = self
            .0
            .iter()
            .find(|running| !running.lot.granted.is_positive())
        {
            return Err(PostError::WrongLot { lot: empty.lot.id });
        }
        self.check_sums(accounts)?;
        Ok(())
    }

    fn open_new(
        &mut self,
        batch: &Batch,
        sequence: i64,
        booked_at: Timestamp,
    ) -> Result<(), PostError> {
        for new in &batch.opens {
            let is_taken = self.0.iter().any(|running| running.lot.id == new.id);
            if is_taken
                || new
                    .expires_at
                    .is_some_and(|expires_at| expires_at <= booked_at)
            {
                return Err(PostError::WrongLot { lot: new.id });
            }
            let lot = Lot {
                id: new.id,
                kind: new.kind,
                priority: new.priority,
                granted: Money::ZERO,
                remaining: Money::ZERO,
                opened_at: booked_at,
                expires_at: new.expires_at,
            };
            self.add(lot, Some(sequence));
        }
        if !batch.opens.is_empty() {
            self.sort();
        }
        Ok(())
    }

    fn add(&mut self, lot: Lot, opened_by: Option<i64>) {
        self.0.push(RunningLot {
            lot,
            opened_by,
            is_changed: false,
        });
    }

    fn sort(&mut self) {
        self.0.sort_by(|one, other| one.lot.burn_order(&other.lot));
    }

    fn move_amount(&mut self, transfer: &Transfer, sequence: i64) -> Result<(), PostError> {
        let Some((id, kind)) = lot_of(transfer)? else {
            return Ok(());
        };
        let running = self
            .0
            .iter_mut()
            .find(|running| running.lot.id == id && running.lot.kind == kind)
            .ok_or(PostError::WrongLot { lot: id })?;
        let lot = &mut running.lot;
        running.is_changed = true;
        if LotKind::of_account(&transfer.credit).is_some() {
            lot.remaining = lot.remaining.plus(transfer.amount)?;
            if running.opened_by == Some(sequence) {
                lot.granted = lot.granted.plus(transfer.amount)?;
            }
        } else {
            lot.remaining = lot.remaining.minus(transfer.amount)?;
        }
        // Never less than nothing, and what is given back is never more than was there at first.
        if lot.remaining.is_negative() || lot.remaining > lot.granted {
            return Err(PostError::WrongLot { lot: id });
        }
        Ok(())
    }

    fn check_sums(&self, accounts: &BTreeMap<AccountId, Running>) -> Result<(), LedgerError> {
        for (account, running) in accounts {
            let Some(kind) = LotKind::of_account(account) else {
                continue;
            };
            let mut sum = Money::ZERO;
            for lot in self.open().filter(|lot| lot.kind == kind) {
                sum = sum.plus(lot.remaining)?;
            }
            if sum != running.balance {
                return Err(LedgerError::Inconsistent(format!(
                    "{account} has {:?} and its lots {sum:?}",
                    running.balance
                )));
            }
        }
        Ok(())
    }
}

/// The lot that a transfer moves, and what kind it must be of; `None` for one that touches no
/// account that is kept in lots.
fn lot_of(transfer: &Transfer) -> Result<Option<(LotId, LotKind)>, PostError> {
    let sides = [&transfer.debit, &transfer.credit].map(LotKind::of_account);
    match (sides, transfer.lot) {
        ([None, None], None) => Ok(None),
        ([Some(kind), None] | [None, Some(kind)], Some(id)) => Ok(Some((id, kind))),
        ([Some(_), Some(_)], _) | (_, None) => Err(PostError::LotNotNamed),
        ([None, None], Some(id)) => Err(PostError::WrongLot { lot: id }),
    }
}

/// The open lots of the organization, and those that the batch names besides, if it touches an
/// account that is kept in lots.
pub(super) async fn running_lots_in(
    connection: &mut Connection,
    organization: OrganizationId,
    batch: &Batch,
) -> Result<RunningLots, PostError> {
    let touches = |transfer: &Transfer| {
        [&transfer.debit, &transfer.credit]
            .into_iter()
            .any(|account| LotKind::of_account(account).is_some())
    };
    if !batch.transfers.iter().any(touches) && batch.opens.is_empty() {
        return Ok(RunningLots::default());
    }
    let mut lots = lot::open_lots_in(connection, organization).await?;
    for id in batch.transfers.iter().filter_map(|transfer| transfer.lot) {
        let is_known =
            lots.iter().any(|lot| lot.id == id) || batch.opens.iter().any(|new| new.id == id);
        if !is_known && let Some(spent) = lot::find_lot_in(connection, organization, id).await? {
            lots.push(spent);
        }
    }
    Ok(RunningLots::new(lots))
}

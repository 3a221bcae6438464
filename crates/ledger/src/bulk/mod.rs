//! Posting for many organizations at once, in each database's own bulk form.
//!
//! Owns the same rules as [`crate::post_in`], which posts for one: what is written is worked out
//! by [`Head::post`] in memory, under locks taken in the order of ids, and then written with a
//! few statements, however many organizations there are.

pub mod postgres;
pub mod sqlite;

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{ColumnIndex, Decode, Row, Type};
use types::ids::{LotId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use crate::LedgerError;
use crate::account::{AccountId, Normal};
use crate::books::Books;
use crate::error::PostError;
use crate::held::Held;
use crate::lot::{self, Lot};
use crate::post;
use crate::post::apply::{self, NewPosting, Running};
use crate::post::lots::{RunningLot, RunningLots};
use crate::sql::{micros, time_from};
use crate::transfer::{Batch, Transfer};

/// An organization's books, accounts and open lots, read under their lock.
#[derive(Debug)]
pub struct Head {
    books: Books,
    accounts: BTreeMap<AccountId, Running>,
    lots: RunningLots,
    /// The accounts that batches have moved.
    touched: BTreeSet<AccountId>,
    held: Held,
    held_before: Held,
}

/// A batch with all that posting it writes.
#[derive(Debug)]
pub struct Planned {
    organization: OrganizationId,
    id: String,
    source: String,
    code: &'static str,
    sequence: i64,
    balance: Money,
    booked_at: Timestamp,
    created_at: Timestamp,
    chain_hash: String,
    transfers: Vec<Transfer>,
    postings: Vec<NewPosting>,
}

impl Head {
    #[must_use]
    pub const fn organization(&self) -> OrganizationId {
        self.books.organization
    }

    /// When the newest batch took effect: the next one does not go before it.
    #[must_use]
    pub const fn booked_at(&self) -> Timestamp {
        self.books.booked_at
    }

    /// The running balance of one of the organization's accounts.
    #[must_use]
    pub fn balance_of(&self, account: &AccountId) -> Option<Money> {
        self.accounts.get(account).map(|running| running.balance)
    }

    /// What is set aside beside the books.
    #[must_use]
    pub const fn held(&self) -> Held {
        self.held
    }

    /// Sets an amount aside.
    ///
    /// # Errors
    /// When the sum does not fit.
    pub fn hold(&mut self, amount: Money) -> Result<(), LedgerError> {
        self.held = self.held.with(amount)?;
        Ok(())
    }

    /// Gives back what was set aside.
    ///
    /// # Errors
    /// When so much was not.
    pub fn unhold(&mut self, amount: Money) -> Result<(), LedgerError> {
        self.held = self.held.without(amount)?;
        Ok(())
    }

    /// Whether there is anything to write of it.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        !self.touched.is_empty() || self.held != self.held_before
    }

    /// What the organization can pay with, in burn order: expired lots among it until they are
    /// posted as such.
    pub fn open_lots(&self) -> impl Iterator<Item = &Lot> {
        self.lots.open()
    }

    /// What is left in lots that have expired by `at`: a part of the balances that nothing may be
    /// paid from.
    ///
    /// # Errors
    /// When the sum does not fit.
    pub fn expired(&self, at: Timestamp) -> Result<Money, LedgerError> {
        let mut expired = self.open_lots().filter(|lot| lot.is_expired(at));
        Ok(expired.try_fold(Money::ZERO, |sum, lot| sum.plus(lot.remaining))?)
    }

    /// Works out what posting a batch writes, and moves the head on. The source must be new: a
    /// replay is found only when it is written.
    ///
    /// # Errors
    /// When the batch is malformed, an account is not open or would fall below its limit, or a lot
    /// is not open or has not so much left. The head may be changed then and must not be used
    /// again.
    pub fn post(&mut self, batch: Batch, now: Timestamp) -> Result<Planned, PostError> {
        post::check(&batch, self.books.organization)?;
        post::clock::report_once(&self.books, now);
        for transfer in &batch.transfers {
            for account in [&transfer.debit, &transfer.credit] {
                if account.organization().is_some() && !self.accounts.contains_key(account) {
                    return Err(PostError::UnknownAccount {
                        account: account.clone(),
                    });
                }
            }
        }
        let postings = apply::apply(&mut self.accounts, &batch.transfers)?;
        self.touched
            .extend(postings.iter().map(|posting| posting.account.clone()));
        let books = &mut self.books;
        books.balance = apply::organization_balance(books.balance, &self.accounts, &postings)?;
        books.booked_at = books.booked_at.max(batch.booked_at);
        books.batch_count += 1;
        let place = (books.batch_count, books.booked_at);
        self.lots.apply(&batch, place, &self.accounts)?;
        books.chain_hash = post::seal(books, &batch, &self.lots);
        Ok(Planned {
            organization: books.organization,
            id: batch.id.to_string(),
            source: batch.source.as_str().to_owned(),
            code: batch.code,
            sequence: books.batch_count,
            balance: books.balance,
            booked_at: books.booked_at,
            created_at: now,
            chain_hash: books.chain_hash.clone(),
            transfers: batch.transfers,
            postings,
        })
    }
}

/// Heads in the making, by organization.
type Heads = BTreeMap<OrganizationId, Head>;

/// Every one of `organizations` must have its books among `rows`.
fn heads_of<'r, R>(organizations: &[OrganizationId], rows: &'r [R]) -> Result<Heads, LedgerError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let mut heads = Heads::new();
    for row in rows {
        let organization = organization_of(row)?;
        let books = Books {
            organization,
            batch_count: row.try_get("batch_count")?,
            balance: Money::from_nanos(row.try_get("balance_nano")?),
            booked_at: time_from(row.try_get("booked_at")?)?,
            chain_hash: row.try_get("chain_hash")?,
        };
        let held = Held {
            amount: Money::from_nanos(row.try_get("held_nano")?),
            count: row.try_get("hold_count")?,
        };
        heads.insert(
            organization,
            Head {
                books,
                accounts: BTreeMap::new(),
                lots: RunningLots::default(),
                touched: BTreeSet::new(),
                held,
                held_before: held,
            },
        );
    }
    match organizations
        .iter()
        .find(|organization| !heads.contains_key(organization))
    {
        Some(organization) => Err(LedgerError::NotOpen {
            organization: *organization,
        }),
        None => Ok(heads),
    }
}

/// Gives the heads those of the accounts in `rows` whose kind is among `kinds`.
fn add_accounts<'r, R>(
    heads: &mut Heads,
    kinds: &[&'static str],
    rows: &'r [R],
) -> Result<(), LedgerError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
{
    for row in rows {
        let organization = organization_of(row)?;
        let name: String = row.try_get("kind")?;
        let Some(kind) = kinds.iter().find(|kind| **kind == name) else {
            continue;
        };
        let side: String = row.try_get("normal_side")?;
        let normal = Normal::parse(&side)
            .ok_or_else(|| LedgerError::Inconsistent(format!("normal side `{side}`")))?;
        let minimum: Option<i64> = row.try_get("minimum_nano")?;
        let running = Running {
            normal,
            minimum: minimum.map(Money::from_nanos),
            balance: Money::from_nanos(row.try_get("balance_nano")?),
            posting_count: row.try_get("posting_count")?,
        };
        if let Some(head) = heads.get_mut(&organization) {
            head.accounts
                .insert(AccountId::of(organization, kind), running);
        }
    }
    Ok(())
}

/// Gives the heads their open lots, which are in `rows`.
fn add_lots<'r, R>(heads: &mut Heads, rows: &'r [R]) -> Result<(), LedgerError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
{
    let mut lots: BTreeMap<OrganizationId, Vec<Lot>> = BTreeMap::new();
    for row in rows {
        let (id, kind): (String, String) = (row.try_get("id")?, row.try_get("account_kind")?);
        let id: LotId = id
            .parse()
            .map_err(|_| LedgerError::Inconsistent(format!("lot id `{id}` is not an id")))?;
        let expires_at: Option<i64> = row.try_get("expires_at")?;
        let lot = Lot {
            id,
            kind: lot::parse_kind(&kind)?,
            priority: row.try_get("priority")?,
            granted: Money::from_nanos(row.try_get("granted_nano")?),
            remaining: Money::from_nanos(row.try_get("remaining_nano")?),
            opened_at: time_from(row.try_get("opened_at")?)?,
            expires_at: expires_at.map(time_from).transpose()?,
        };
        lots.entry(organization_of(row)?).or_default().push(lot);
    }
    for (organization, lots) in lots {
        if let Some(head) = heads.get_mut(&organization) {
            head.lots = RunningLots::new(lots);
        }
    }
    Ok(())
}

fn organization_of<'r, R>(row: &'r R) -> Result<OrganizationId, LedgerError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    let text: String = row.try_get("organization_id")?;
    text.parse()
        .map_err(|_| LedgerError::Inconsistent(format!("organization_id `{text}` is not an id")))
}

/// What is written back of a head after its batches.
struct Heading {
    account: String,
    balance: i64,
    posting_count: i64,
}

fn headings<'h>(heads: impl IntoIterator<Item = &'h Head>) -> Vec<Heading> {
    heads
        .into_iter()
        .flat_map(|head| {
            head.touched
                .iter()
                .filter_map(|name| head.accounts.get_key_value(name))
        })
        .map(|(account, running)| Heading {
            account: account.to_string(),
            balance: running.balance.nanos(),
            posting_count: running.posting_count,
        })
        .collect()
}

/// A lot that batches have opened.
struct OpenedRow {
    id: String,
    organization: String,
    account_kind: &'static str,
    batch_sequence: i64,
    priority: i64,
    granted: i64,
    remaining: i64,
    opened_at: i64,
    expires_at: Option<i64>,
}

/// What is left of a lot that was there before.
struct RemainingRow {
    id: String,
    remaining: i64,
}

/// What is written of the lots of heads after their batches.
fn lot_rows(heads: &[Head]) -> (Vec<OpenedRow>, Vec<RemainingRow>) {
    let (mut opened, mut remaining) = (Vec::new(), Vec::new());
    for head in heads {
        for RunningLot { lot, opened_by, .. } in head.lots.changed() {
            match opened_by {
                Some(sequence) => opened.push(OpenedRow {
                    id: lot.id.to_string(),
                    organization: head.books.organization.to_string(),
                    account_kind: lot.kind.account_kind(),
                    batch_sequence: *sequence,
                    priority: lot.priority,
                    granted: lot.granted.nanos(),
                    remaining: lot.remaining.nanos(),
                    opened_at: micros(lot.opened_at),
                    expires_at: lot.expires_at.map(micros),
                }),
                None => remaining.push(RemainingRow {
                    id: lot.id.to_string(),
                    remaining: lot.remaining.nanos(),
                }),
            }
        }
    }
    (opened, remaining)
}

/// Splits `length` rows into runs whose lengths are powers of two, at most `most`: so that there
/// are only a few different statements, and each stays prepared.
pub fn runs(length: usize, most: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let left = length - start;
        if left == 0 {
            return None;
        }
        let run = if left >= most {
            most
        } else {
            1 << left.ilog2()
        };
        start += run;
        Some(start - run..start)
    })
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn runs_cover_all_rows_in_few_lengths() {
        let lengths: Vec<usize> = runs(300, 128).map(|run| run.len()).collect();
        assert_eq!(lengths, [128, 128, 32, 8, 4]);
        assert_eq!(runs(0, 128).count(), 0);
        assert_eq!(runs(300, 128).last(), Some(296..300));
    }
}

//! The one hot path, in each database's own bulk form: what a commit of many events reads and
//! writes.
//!
//! Owns the statements. What is written is worked out by `commit`.

mod numbers;
pub(super) mod postgres;
pub(super) mod sqlite;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::bulk::{Head, Planned};
use sqlx::{ColumnIndex, Decode, Row, Type};
use types::ids::{BatchId, OrganizationId};
use types::money::{Cost, Money};
use types::time::Timestamp;

use super::aside::Holder;
use super::content::ContentHash;
use super::event_key::EventKey;
use super::priced::Priced;
use crate::StoreError;
use crate::db::time_from;
use crate::holds::desk::{Asked, HoldWrites, Looked};

pub(super) use numbers::NumberTx;

/// The accounts that paying for usage moves.
pub(super) const ACCOUNTS: [&str; 3] = ["prepaid", "promotional", "owed"];

/// An event's key with the number of its source: what is unique.
pub(super) type UniqueKey = (EventKey, i64);

/// An event that was counted before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) content_hash: ContentHash,
    pub(super) received_at: Timestamp,
}

/// Events of one organization that are counted together, and what they moved.
pub(super) struct UsageBatch {
    pub(super) no: i64,
    pub(super) id: BatchId,
    pub(super) organization: OrganizationId,
    /// Counts the organization's batches.
    pub(super) sequence: i64,
    pub(super) event_count: i64,
    /// How many versions of rates there were when it was priced.
    pub(super) rate_count: i64,
    pub(super) cost: Cost,
    pub(super) posted: Money,
    pub(super) carry_before: Cost,
    pub(super) carry_after: Cost,
    pub(super) booked_at: Timestamp,
    pub(super) created_at: Timestamp,
}

/// Where an organization's batches have come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carry {
    /// Of the last one.
    pub(super) sequence: i64,
    /// What it could not post.
    pub(super) cost: Cost,
}

/// An event's row.
pub(super) struct EventRow<'e> {
    pub(super) batch_no: i64,
    pub(super) position: i64,
    pub(super) source_no: i64,
    pub(super) series_no: i64,
    pub(super) priced: &'e Priced,
}

/// What one commit writes beside the events.
#[derive(Default)]
pub(super) struct Writes {
    pub(super) heads: Vec<Head>,
    pub(super) posted: Vec<Planned>,
    pub(super) batches: Vec<UsageBatch>,
    pub(super) holds: HoldWrites,
}

/// Why events were not written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// One of the events was counted before, or is being counted by somebody else.
    KnownKey,
    Store(StoreError),
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A database in which commits are made.
pub(super) trait Bulk: Send + Sync + 'static {
    type Tx: BulkTx;

    fn begin(&self) -> impl Future<Output = Result<Self::Tx, StoreError>> + Send;

    /// Those of the organizations whose books somebody holds locked at this moment, and who does.
    /// `Busy` where everybody has one lock.
    fn locked(
        &self,
        organizations: &BTreeSet<OrganizationId>,
    ) -> impl Future<Output = Result<BTreeMap<OrganizationId, Holder>, StoreError>> + Send;
}

/// A commit in the making. Dropped, it leaves nothing behind.
pub(super) trait BulkTx: NumberTx {
    /// How many versions of rates there are.
    fn rate_count(&mut self) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Locks the organizations' books, in the order of their ids, which `organizations` are in.
    fn lock_heads(
        &mut self,
        organizations: &[OrganizationId],
    ) -> impl Future<Output = Result<Vec<Head>, StoreError>> + Send;

    /// Where each organization's batches have come to; none yet: it is left out.
    fn carries(
        &mut self,
        organizations: &[OrganizationId],
    ) -> impl Future<Output = Result<HashMap<OrganizationId, Carry>, StoreError>> + Send;

    /// Numbers for new batches.
    fn batch_nos(
        &mut self,
        count: usize,
    ) -> impl Future<Output = Result<Vec<i64>, StoreError>> + Send;

    /// Those of the keys that were counted before.
    fn known(
        &mut self,
        keys: &[UniqueKey],
    ) -> impl Future<Output = Result<HashMap<UniqueKey, Known>, StoreError>> + Send;

    /// The holds that are asked for, and some of the organizations' whose time is up.
    fn holds(
        &mut self,
        asked: &Asked,
        now: Timestamp,
    ) -> impl Future<Output = Result<Looked, StoreError>> + Send;

    /// `events` come batch by batch.
    fn write_events(
        &mut self,
        events: &[EventRow<'_>],
    ) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Under the locks of the books.
    fn write_books(
        &mut self,
        writes: &Writes,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    fn commit(self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What a look-up of keys found: only those that were asked for.
fn known_of<'r, R>(
    keys: &[UniqueKey],
    rows: &'r [R],
) -> Result<HashMap<UniqueKey, Known>, StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    let asked: HashMap<([u8; 16], i64), UniqueKey> = keys
        .iter()
        .map(|(key, source_no)| ((key.bytes, *source_no), (*key, *source_no)))
        .collect();
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let source_no: i64 = row.try_get("source_no")?;
        let Some(unique) = asked.get(&(sixteen(row, "event_key")?, source_no)) else {
            continue;
        };
        let found = Known {
            content_hash: ContentHash(sixteen(row, "content_hash")?),
            received_at: time_from(row.try_get("created_at")?)?,
        };
        known.insert(*unique, found);
    }
    Ok(known)
}

fn sixteen<'r, R>(row: &'r R, column: &'static str) -> Result<[u8; 16], StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes
        .try_into()
        .map_err(|_| StoreError::Inconsistent(format!("{column} is not 16 bytes")))
}

fn organization<'r, R>(row: &'r R) -> Result<OrganizationId, StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    let text: String = row.try_get("organization_id")?;
    text.parse()
        .map_err(|_| StoreError::Inconsistent(format!("organization_id `{text}` is not an id")))
}

fn carry<'r, R>(row: &'r R) -> Result<(OrganizationId, Carry), StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let carry = Carry {
        sequence: row.try_get("sequence")?,
        cost: Cost::from_picos(row.try_get("carry_pico")?),
    };
    Ok((organization(row)?, carry))
}

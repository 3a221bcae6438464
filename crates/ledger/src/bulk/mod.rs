//! Posting for many organizations at once, in each database's own bulk form.
//!
//! Owns the same rules as [`crate::post_in`], which posts for one: what is written is worked out
//! by [`Head::post`] in memory, under locks taken in the order of ids, and then written with a
//! few statements, however many organizations there are.

pub mod postgres;
pub mod sqlite;

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{ColumnIndex, Decode, Row, Type};
use types::ids::OrganizationId;
use types::money::Money;
use types::time::Timestamp;

use crate::LedgerError;
use crate::account::{AccountId, Normal};
use crate::books::Books;
use crate::error::PostError;
use crate::post;
use crate::post::apply::{self, NewPosting, Running};
use crate::sql::time_from;
use crate::transfer::{Batch, Transfer};

/// An organization's books and accounts, read under their lock.
#[derive(Debug)]
pub struct Head {
    books: Books,
    accounts: BTreeMap<AccountId, Running>,
    /// The accounts that batches have moved.
    touched: BTreeSet<AccountId>,
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

    /// Works out what posting a batch writes, and moves the head on. The source must be new: a
    /// replay is found only when it is written.
    ///
    /// # Errors
    /// When the batch is malformed, an account is not open or would fall below its limit. The
    /// head may be changed then and must not be used again.
    pub fn post(&mut self, batch: Batch, now: Timestamp) -> Result<Planned, PostError> {
        post::check(&batch, self.books.organization)?;
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
        books.chain_hash = post::seal(books, &batch);
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
        heads.insert(
            organization,
            Head {
                books,
                accounts: BTreeMap::new(),
                touched: BTreeSet::new(),
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

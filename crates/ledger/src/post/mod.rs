//! Posting: the only way that money moves.
//!
//! Reads and writes, for one batch: the replay check, one read of the accounts and one of the open
//! lots, then one insert a batch, transfer and posting and one update an account and lot. All under
//! the lock of the books.

pub(crate) mod apply;
pub(crate) mod clock;
pub(crate) mod lots;
mod replay;
mod write;

use types::ids::{BatchId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use crate::Connection;
use crate::books::Books;
use crate::chain::{Link, Sealed, SealedLot, SealedTransfer};
use crate::error::PostError;
use crate::sql::micros;
use crate::transfer::Batch;
use lots::RunningLots;

/// The most transfers in a batch: every movement we know has at most one a lot and a few more.
const MOST_TRANSFERS: usize = 1_024;

/// What posting found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// The batch is new.
    New {
        balance: Money,
        booked_at: Timestamp,
    },
    /// The same source was posted before, with the same content: nothing changed.
    AlreadyPosted {
        batch: BatchId,
        balance: Money,
        booked_at: Timestamp,
    },
}

/// Posts a batch to the organization whose `books` the caller has locked.
///
/// # Errors
/// When the batch is malformed, an account is not open or would fall below its limit, or the
/// source is taken by other content. Nothing may be kept of a transaction that got an error.
pub async fn post_in(
    connection: &mut Connection,
    books: &mut Books,
    batch: &Batch,
    now: Timestamp,
) -> Result<Posted, PostError> {
    check(batch, books.organization)?;
    if let Some(found) = replay::find_replay_in(connection, books.organization, batch).await? {
        return Ok(found);
    }
    if clock::is_behind(now, books.booked_at) {
        clock::report_in(connection, books, now).await?;
    }
    let booked_at = batch.booked_at.max(books.booked_at);
    let mut accounts = apply::running_accounts_in(connection, books.organization, batch).await?;
    let postings = apply::apply(&mut accounts, &batch.transfers)?;
    let balance = apply::organization_balance(books.balance, &accounts, &postings)?;
    let mut lots = lots::running_lots_in(connection, books.organization, batch).await?;

    books.batch_count += 1;
    lots.apply(batch, (books.batch_count, booked_at), &accounts)?;
    books.balance = balance;
    books.booked_at = booked_at;
    books.chain_hash = seal(books, batch, &lots);
    write::batch_in(connection, books, batch, now).await?;
    write::lots_in(connection, books.organization, &lots).await?;
    write::transfers_in(connection, batch).await?;
    write::postings_in(connection, &postings, booked_at).await?;
    write::heads_in(connection, books, &accounts).await?;
    Ok(Posted::New { balance, booked_at })
}

pub(crate) fn check(batch: &Batch, organization: OrganizationId) -> Result<(), PostError> {
    if batch.transfers.is_empty() || batch.transfers.len() > MOST_TRANSFERS {
        return Err(PostError::TransferCount {
            most: MOST_TRANSFERS,
        });
    }
    for transfer in &batch.transfers {
        if !transfer.amount.is_positive() || transfer.debit == transfer.credit {
            return Err(PostError::EmptyTransfer);
        }
        for account in [&transfer.debit, &transfer.credit] {
            if account
                .organization()
                .is_some_and(|owner| owner != organization)
            {
                return Err(PostError::UnknownAccount {
                    account: account.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Seals the batch onto the one before it. Lots and books are already those after the batch, but
/// for the hash.
pub(crate) fn seal(books: &Books, batch: &Batch, lots: &RunningLots) -> String {
    let mut link = Link::new(
        &books.chain_hash,
        &Sealed {
            organization: &books.organization.to_string(),
            sequence: books.batch_count,
            id: &batch.id.to_string(),
            source: batch.source.as_str(),
            code: batch.code,
            balance_nano: books.balance.nanos(),
            booked_at: micros(books.booked_at),
        },
    );
    for transfer in &batch.transfers {
        let (debit, credit) = (transfer.debit.to_string(), transfer.credit.to_string());
        let opened = transfer
            .lot
            .and_then(|lot| lots.opened(lot, books.batch_count));
        link.transfer(&SealedTransfer {
            id: &transfer.id.to_string(),
            debit: &debit,
            credit: &credit,
            amount_nano: transfer.amount.nanos(),
            lot: transfer.lot.map(|lot| lot.to_string()).as_deref(),
            opened: opened.map(|lot| SealedLot {
                priority: lot.priority,
                granted_nano: lot.granted.nanos(),
                expires_at: lot.expires_at.map(micros),
            }),
        });
    }
    link.seal()
}

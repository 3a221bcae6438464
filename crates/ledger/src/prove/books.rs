//! The proof of the books: an organization's batches, one after the other.

use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::Row;

use super::Check;
use crate::chain::{self, Link, Sealed, SealedLot, SealedTransfer};
use crate::{Connection, LedgerError};

/// Each organization's batches run without a gap and never back in time; each balance follows
/// from the one before and the batch's transfers; the last one is the books'.
pub(super) async fn check_sequence_in(connection: &mut Connection) -> Result<Check, LedgerError> {
    let mut check = Check::new("batches run without a gap to each organization's balance");
    let mut last: HashMap<String, (i64, i64, i64)> = HashMap::new();
    {
        let mut rows = sqlx::query(
            "select batches.organization_id, batches.sequence, batches.balance_nano,
                    batches.booked_at,
                    cast((select coalesce(sum(
                        case when accounts.normal_side = 'credit' then postings.amount_nano
                             else -postings.amount_nano end), 0)
                     from transfers
                     join postings on postings.transfer_id = transfers.id
                     join accounts on accounts.id = postings.account_id
                     where transfers.batch_id = batches.id) as bigint) as amount_nano
             from batches order by batches.organization_id, batches.sequence",
        )
        .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let organization: String = row.try_get("organization_id")?;
            let sequence: i64 = row.try_get("sequence")?;
            let balance: i64 = row.try_get("balance_nano")?;
            let booked_at: i64 = row.try_get("booked_at")?;
            let amount: i64 = row.try_get("amount_nano")?;
            let (count, previous, since) =
                last.get(&organization).copied().unwrap_or((0, 0, i64::MIN));
            if sequence != count + 1
                || previous.checked_add(amount) != Some(balance)
                || booked_at < since
            {
                check.differs(format!(
                    "{organization} batch {sequence} after {count}: {previous} + {amount} is not {balance}, or it is booked before"
                ));
            }
            last.insert(organization, (sequence, balance, booked_at));
        }
    }
    let mut rows =
        sqlx::query("select organization_id, batch_count, balance_nano, booked_at from books")
            .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let organization: String = row.try_get("organization_id")?;
        let head: (i64, i64, i64) = (
            row.try_get("batch_count")?,
            row.try_get("balance_nano")?,
            row.try_get("booked_at")?,
        );
        // Empty books say when they were opened: no batch tells that.
        let batches = last.remove(&organization).unwrap_or((0, 0, head.2));
        if head != batches {
            check.differs(format!(
                "{organization}: the books say {head:?}, the batches {batches:?}"
            ));
        }
    }
    for organization in last.into_keys() {
        check.differs(format!("{organization} has batches and no books"));
    }
    Ok(check)
}

/// Each organization's batches seal one another, first to last, and the books keep the last seal.
pub(super) async fn check_chain_in(connection: &mut Connection) -> Result<Check, LedgerError> {
    let mut check = Check::new("batches seal one another without a break");
    let mut heads: HashMap<String, String> = HashMap::new();
    {
        let mut rows = sqlx::query(
            "select batches.organization_id, batches.sequence, batches.id as batch_id,
                    batches.source, batches.code, batches.balance_nano, batches.booked_at,
                    batches.chain_hash, transfers.id, transfers.debit_account_id,
                    transfers.credit_account_id, transfers.amount_nano, transfers.lot_id,
                    lots.priority, lots.granted_nano, lots.expires_at
             from batches join transfers on transfers.batch_id = batches.id
             left join lots on lots.id = transfers.lot_id
                 and lots.organization_id = batches.organization_id
                 and lots.batch_sequence = batches.sequence
             order by batches.organization_id, batches.sequence, transfers.position",
        )
        .fetch(&mut *connection);
        let mut open: Option<OpenLink> = None;
        while let Some(row) = rows.try_next().await? {
            let batch_id: String = row.try_get("batch_id")?;
            if open.as_ref().is_none_or(|open| open.batch_id != batch_id) {
                close_link(&mut check, &mut heads, open.take());
                open = Some(open_link(&row, batch_id, &heads)?);
            }
            if let Some(open) = &mut open {
                let (debit, credit): (String, String) = (
                    row.try_get("debit_account_id")?,
                    row.try_get("credit_account_id")?,
                );
                let id: String = row.try_get("id")?;
                let lot: Option<String> = row.try_get("lot_id")?;
                open.link.transfer(&SealedTransfer {
                    id: &id,
                    debit: &debit,
                    credit: &credit,
                    amount_nano: row.try_get("amount_nano")?,
                    lot: lot.as_deref(),
                    opened: opened(&row)?,
                });
            }
        }
        close_link(&mut check, &mut heads, open);
    }
    let mut rows = sqlx::query("select organization_id, chain_hash from books").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let organization: String = row.try_get("organization_id")?;
        let stored: String = row.try_get("chain_hash")?;
        let last = heads
            .remove(&organization)
            .unwrap_or_else(|| chain::EMPTY.to_owned());
        if stored != last {
            check.differs(format!(
                "{organization}: the books keep {stored}, the last batch {last}"
            ));
        }
    }
    Ok(check)
}

/// A batch whose transfers are still being read.
struct OpenLink {
    batch_id: String,
    organization: String,
    sequence: i64,
    stored: String,
    link: Link,
}

fn open_link(
    row: &sqlx::any::AnyRow,
    batch_id: String,
    heads: &HashMap<String, String>,
) -> Result<OpenLink, LedgerError> {
    let organization: String = row.try_get("organization_id")?;
    let (source, code): (String, String) = (row.try_get("source")?, row.try_get("code")?);
    let sequence = row.try_get("sequence")?;
    let sealed = Sealed {
        organization: &organization,
        sequence,
        id: &batch_id,
        source: &source,
        code: &code,
        balance_nano: row.try_get("balance_nano")?,
        booked_at: row.try_get("booked_at")?,
    };
    let previous = heads
        .get(&organization)
        .map_or(chain::EMPTY, String::as_str);
    let link = Link::new(previous, &sealed);
    Ok(OpenLink {
        batch_id,
        organization,
        sequence,
        stored: row.try_get("chain_hash")?,
        link,
    })
}

/// What the batch sealed of a lot that it opened.
fn opened(row: &sqlx::any::AnyRow) -> Result<Option<SealedLot>, LedgerError> {
    let priority: Option<i64> = row.try_get("priority")?;
    let granted_nano: Option<i64> = row.try_get("granted_nano")?;
    let (Some(priority), Some(granted_nano)) = (priority, granted_nano) else {
        return Ok(None);
    };
    Ok(Some(SealedLot {
        priority,
        granted_nano,
        expires_at: row.try_get("expires_at")?,
    }))
}

fn close_link(check: &mut Check, heads: &mut HashMap<String, String>, open: Option<OpenLink>) {
    let Some(OpenLink {
        organization,
        sequence,
        stored,
        link,
        ..
    }) = open
    else {
        return;
    };
    let computed = link.seal();
    if computed != stored {
        check.differs(format!(
            "{organization} batch {sequence} is sealed {stored}, not {computed}"
        ));
    }
    // Go on from what is stored: a break is named once, where it is.
    heads.insert(organization, stored);
}

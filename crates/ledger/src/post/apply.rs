//! What a batch does to the accounts that it names: computed before anything is written.

use std::collections::BTreeMap;

use sqlx::Row;
use types::ids::{OrganizationId, TransferId};
use types::money::Money;

use crate::Connection;
use crate::account::{AccountId, Normal};
use crate::error::{LedgerError, PostError};
use crate::sql::money;
use crate::transfer::{Batch, Transfer};

/// One side of a transfer, computed and not yet written.
#[derive(Debug)]
pub(crate) struct NewPosting {
    pub(crate) account: AccountId,
    pub(crate) transfer: TransferId,
    pub(crate) sequence: i64,
    pub(crate) amount: Money,
    pub(crate) balance: Money,
}

/// An organization's account as it stands while the batch is applied.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) normal: Normal,
    pub(crate) minimum: Option<Money>,
    pub(crate) balance: Money,
    pub(crate) posting_count: i64,
}

pub(crate) async fn running_accounts_in(
    connection: &mut Connection,
    organization: OrganizationId,
    batch: &Batch,
) -> Result<BTreeMap<AccountId, Running>, PostError> {
    let rows = sqlx::query(
        "select kind, normal_side, minimum_nano, balance_nano, posting_count
         from accounts where organization_id = $1",
    )
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    let mut accounts = BTreeMap::new();
    for transfer in &batch.transfers {
        for account in [&transfer.debit, &transfer.credit] {
            if account.organization().is_none() || accounts.contains_key(account) {
                continue;
            }
            let row = rows
                .iter()
                .find(|row| {
                    row.try_get::<String, _>("kind")
                        .is_ok_and(|k| k == account.kind())
                })
                .ok_or_else(|| PostError::UnknownAccount {
                    account: account.clone(),
                })?;
            accounts.insert(account.clone(), running(row)?);
        }
    }
    Ok(accounts)
}

fn running(row: &sqlx::any::AnyRow) -> Result<Running, LedgerError> {
    let side: String = row.try_get("normal_side")?;
    let normal = Normal::parse(&side)
        .ok_or_else(|| LedgerError::Inconsistent(format!("normal side `{side}`")))?;
    let minimum: Option<i64> = row.try_get("minimum_nano")?;
    Ok(Running {
        normal,
        minimum: minimum.map(Money::from_nanos),
        balance: money(row, "balance_nano")?,
        posting_count: row.try_get("posting_count")?,
    })
}

pub(crate) fn apply(
    accounts: &mut BTreeMap<AccountId, Running>,
    transfers: &[Transfer],
) -> Result<Vec<NewPosting>, PostError> {
    let mut postings = Vec::with_capacity(transfers.len() * 2);
    for transfer in transfers {
        for (account, side) in [
            (&transfer.debit, Normal::Debit),
            (&transfer.credit, Normal::Credit),
        ] {
            let Some(running) = accounts.get_mut(account) else {
                continue;
            };
            let amount = if running.normal == side {
                transfer.amount
            } else {
                transfer.amount.negated()?
            };
            running.balance = running.balance.plus(amount)?;
            running.posting_count += 1;
            postings.push(NewPosting {
                account: account.clone(),
                transfer: transfer.id,
                sequence: running.posting_count,
                amount,
                balance: running.balance,
            });
        }
    }
    // The limit holds for the batch as a whole: its transfers are one movement.
    for (account, running) in accounts {
        if running
            .minimum
            .is_some_and(|minimum| running.balance < minimum)
        {
            return Err(PostError::BelowMinimum {
                account: account.clone(),
            });
        }
    }
    Ok(postings)
}

pub(crate) fn organization_balance(
    before: Money,
    accounts: &BTreeMap<AccountId, Running>,
    postings: &[NewPosting],
) -> Result<Money, PostError> {
    let mut balance = before;
    for posting in postings {
        balance = match accounts.get(&posting.account).map(|running| running.normal) {
            Some(Normal::Credit) => balance.plus(posting.amount)?,
            Some(Normal::Debit) => balance.minus(posting.amount)?,
            None => balance,
        };
    }
    Ok(balance)
}

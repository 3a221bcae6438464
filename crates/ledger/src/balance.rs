//! Balances, now and at any past instant.

use sqlx::Row;
use types::ids::OrganizationId;
use types::money::Money;
use types::time::Timestamp;

use crate::account::{AccountId, Normal};
use crate::sql::{micros, money};
use crate::{Connection, LedgerError};

/// The balance of an organization's account. Zero for one that is not open.
///
/// # Errors
/// When the database does not answer.
pub async fn balance_in(
    connection: &mut Connection,
    account: &AccountId,
) -> Result<Money, LedgerError> {
    let row = sqlx::query("select balance_nano from accounts where id = $1")
        .bind(account.to_string())
        .fetch_optional(connection)
        .await?;
    row.map_or(Ok(Money::ZERO), |row| money(&row, "balance_nano"))
}

/// What an organization has, as one consistent reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balances {
    /// Of all its accounts, by kind.
    pub accounts: Vec<(String, Money)>,
    /// What is left in lots that have expired and are not posted as such yet: a part of the
    /// accounts that nothing may be paid from.
    pub expired: Money,
}

/// The balances of all of an organization's accounts, with what of it has expired by `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn balances_in(
    connection: &mut Connection,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<Balances, LedgerError> {
    let rows = sqlx::query(
        "select kind, balance_nano from accounts where organization_id = $1
         union all
         select null, cast(coalesce(sum(remaining_nano), 0) as bigint) from lots
         where organization_id = $1 and is_open = 1 and expires_at <= $2",
    )
    .bind(organization.to_string())
    .bind(micros(now))
    .fetch_all(connection)
    .await?;
    let mut balances = Balances {
        accounts: Vec::with_capacity(rows.len()),
        expired: Money::ZERO,
    };
    for row in &rows {
        let amount = money(row, "balance_nano")?;
        match row.try_get::<Option<String>, _>("kind")? {
            Some(kind) => balances.accounts.push((kind, amount)),
            None => balances.expired = amount,
        }
    }
    Ok(balances)
}

/// The balance of an organization's account after everything booked up to and including `at`.
///
/// # Errors
/// When the database does not answer.
pub async fn balance_at_in(
    connection: &mut Connection,
    account: &AccountId,
    at: Timestamp,
) -> Result<Money, LedgerError> {
    let row = sqlx::query(
        "select balance_nano from postings
         where account_id = $1 and booked_at <= $2
         order by booked_at desc, sequence desc limit 1",
    )
    .bind(account.to_string())
    .bind(micros(at))
    .fetch_optional(connection)
    .await?;
    row.map_or(Ok(Money::ZERO), |row| money(&row, "balance_nano"))
}

/// The balance of a platform account: the sum of its transfers, on its normal side.
///
/// # Errors
/// When it is not open or the database does not answer.
pub async fn platform_balance_in(
    connection: &mut Connection,
    account: &AccountId,
) -> Result<Money, LedgerError> {
    let row = sqlx::query(
        "select accounts.normal_side,
                (select cast(coalesce(sum(amount_nano), 0) as bigint) from transfers
                 where debit_account_id = accounts.id) as debits_nano,
                (select cast(coalesce(sum(amount_nano), 0) as bigint) from transfers
                 where credit_account_id = accounts.id) as credits_nano
         from accounts where id = $1",
    )
    .bind(account.to_string())
    .fetch_optional(connection)
    .await?
    .ok_or_else(|| LedgerError::Inconsistent(format!("{account} is not open")))?;
    let (debits, credits) = (money(&row, "debits_nano")?, money(&row, "credits_nano")?);
    let side: String = row.try_get("normal_side")?;
    match Normal::parse(&side) {
        Some(Normal::Debit) => Ok(debits.minus(credits)?),
        Some(Normal::Credit) => Ok(credits.minus(debits)?),
        None => Err(LedgerError::Inconsistent(format!("normal side `{side}`"))),
    }
}

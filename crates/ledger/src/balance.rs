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

/// The balances of all of an organization's accounts, by kind, as one consistent reading.
///
/// # Errors
/// When the database does not answer.
pub async fn balances_in(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<Vec<(String, Money)>, LedgerError> {
    let rows = sqlx::query(
        "select kind, balance_nano from accounts where organization_id = $1 order by kind",
    )
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("kind")?, money(row, "balance_nano")?)))
        .collect()
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

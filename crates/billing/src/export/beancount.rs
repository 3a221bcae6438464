//! The whole ledger as a journal for [Beancount](https://beancount.github.io), plain-text double
//! entry accounting, so that a program that is not ours can check the books.
//!
//! One transaction a batch, one pair of postings a transfer, debits above zero; at its end an
//! assertion of every account's balance: the one that it carries, or what the database adds up of
//! its transfers. Amounts have all nine decimals.

use std::io::{self, Write};

use chrono::{Days, NaiveDate};
use futures::TryStreamExt;
use ledger::{Connection, JournalRow, LedgerError};
use rust_decimal::Decimal;
use types::money::{Money, MoneyError};

use crate::{Core, StoreError};

/// Why a journal was not written to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the journal cannot be written: {0}")]
    Write(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LedgerError> for ExportError {
    fn from(error: LedgerError) -> Self {
        Self::Store(error.into())
    }
}

pub(crate) async fn write(core: &Core, out: &mut (impl Write + Send)) -> Result<(), ExportError> {
    let mut tx = core.db.begin_read().await?;
    writeln!(out, "option \"title\" \"ZeroGPU Billing\"")?;
    writeln!(out, "option \"operating_currency\" \"USD\"\n")?;
    let accounts = ledger::accounts_in(&mut tx).await?;
    for (account, _) in &accounts {
        // Older than any booking: when an account was opened here says nothing about its money.
        writeln!(out, "1970-01-01 open {} USD", name(account)?)?;
    }
    let last_day = write_transactions(&mut tx, out).await?;
    if let Some(day) = last_day.and_then(|day| day.checked_add_days(Days::new(1))) {
        let summed = ledger::summed_in(&mut tx).await?;
        writeln!(out)?;
        for (account, carried) in &accounts {
            let name = name(account)?;
            let debited = match carried {
                // Liabilities are below zero there, as their credits are.
                Some(balance) if name.starts_with("Assets:") => i128::from(balance.nanos()),
                Some(balance) => -i128::from(balance.nanos()),
                None => summed.get(account).copied().unwrap_or(0),
            };
            writeln!(out, "{day} balance {name} {} ~ 0 USD", exact(debited)?)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Returns the newest day on which something was booked.
async fn write_transactions(
    connection: &mut Connection,
    out: &mut (impl Write + Send),
) -> Result<Option<NaiveDate>, ExportError> {
    let mut last_day = None;
    let mut rows = std::pin::pin!(ledger::journal_in(connection));
    while let Some(row) = rows.try_next().await? {
        let day = row.booked_at.date_naive();
        last_day = last_day.max(Some(day));
        if row.position == 0 {
            let JournalRow {
                batch,
                source,
                code,
                sequence,
                ..
            } = &row;
            writeln!(out, "\n{day} * \"{code}\" \"{source}\"")?;
            writeln!(out, "  batch: \"{batch}\"\n  sequence: {sequence}")?;
        }
        let amount = nine(row.amount);
        writeln!(out, "  {}  {amount} USD", name(&row.debit)?)?;
        writeln!(out, "  {}  -{amount} USD", name(&row.credit)?)?;
    }
    Ok(last_day)
}

/// The journal's name of an account: where it stands in the five kinds that Beancount has.
fn name(account: &str) -> Result<String, StoreError> {
    let unknown =
        || StoreError::Inconsistent(format!("account `{account}` has no place in a journal"));
    let (owner, kind) = account.split_once(':').ok_or_else(unknown)?;
    if owner == "platform" {
        let name = match kind {
            "gateway_clearing" => "Assets:Gateway-Clearing",
            "gateway_balance" => "Assets:Gateway-Balance",
            "usage_revenue" => "Income:Usage",
            "gateway_fees" => "Expenses:Gateway-Fees",
            "promotion_expense" => "Expenses:Promotion",
            "expired_credit" => "Income:Expired-Credit",
            "disputes" => "Expenses:Disputes",
            "tax_payable" => "Liabilities:Tax-Payable",
            _ => return Err(unknown()),
        };
        return Ok(name.to_owned());
    }
    let (root, leaf) = match kind {
        "prepaid" => ("Liabilities", "Prepaid"),
        "promotional" => ("Liabilities", "Promotional"),
        "owed" => ("Assets", "Owed"),
        _ => return Err(unknown()),
    };
    Ok(format!("{root}:Org-{owner}:{leaf}"))
}

/// All nine decimals of what may be more than one account can carry.
fn exact(nanos: i128) -> Result<String, StoreError> {
    let dollars = Decimal::try_from_i128_with_scale(nanos, 9).map_err(|_| MoneyError)?;
    Ok(format!("{dollars:.9}"))
}

/// All nine decimals: `25.000000000`.
fn nine(amount: Money) -> String {
    format!("{:.9}", amount.dollars().decimal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_of_the_chart_has_a_place() {
        for account in crate::chart::platform_accounts() {
            assert!(name(&account.to_string()).is_ok(), "{account}");
        }
        let organization = types::ids::OrganizationId::generate();
        for account in [
            crate::chart::prepaid(organization),
            crate::chart::promotional(organization),
            crate::chart::owed(organization),
        ] {
            assert!(name(&account.to_string()).is_ok(), "{account}");
        }
        assert!(name("platform:nowhere").is_err());
        assert!(name("nowhere").is_err());
    }

    #[test]
    fn amounts_have_nine_decimals() {
        assert_eq!(nine(Money::from_nanos(25_000_000_000)), "25.000000000");
        assert_eq!(nine(Money::from_nanos(-1)), "-0.000000001");
        assert_eq!(exact(-25_000_000_001).unwrap(), "-25.000000001");
        assert_eq!(exact(0).unwrap(), "0.000000000");
    }
}

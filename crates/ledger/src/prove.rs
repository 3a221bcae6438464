//! The proof: everything that is stored twice is computed again from the transfers, row by row.

mod books;
mod lots;

use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::Row;

use crate::account::Normal;
use crate::{Connection, LedgerError};

/// The most differences that one check names; the count goes on.
const MOST_NAMED: usize = 20;

/// One rule and where it does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub differences: Vec<String>,
    /// Differences beyond those that are named.
    pub unnamed: u64,
}

impl Check {
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            differences: Vec::new(),
            unnamed: 0,
        }
    }

    #[must_use]
    pub fn holds(&self) -> bool {
        self.differences.is_empty()
    }

    /// Notes one place where the rule does not hold.
    pub fn differs(&mut self, difference: String) {
        if self.differences.len() < MOST_NAMED {
            self.differences.push(difference);
        } else {
            self.unnamed += 1;
        }
    }
}

/// What was checked, and how much of it there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub checks: Vec<Check>,
    pub accounts: u64,
    pub transfers: u64,
}

/// Recomputes every balance from the transfers. Memory grows with the number of accounts and lots,
/// not of transfers. Run it in a transaction that sees one state.
///
/// # Errors
/// When the database does not answer; a difference is not an error but part of the proof.
pub async fn prove_in(connection: &mut Connection) -> Result<Proof, LedgerError> {
    let accounts = read_accounts_in(connection).await?;
    let postings = check_postings_in(connection, &accounts).await?;
    let (transfers_check, transfers, sums) = check_transfers_in(connection, &accounts).await?;
    let balances = check_balances(&accounts, &sums);
    let books = books::check_sequence_in(connection).await?;
    let chain = books::check_chain_in(connection).await?;
    let lots = lots::check_in(connection, &accounts).await?;
    Ok(Proof {
        accounts: accounts.len() as u64,
        transfers,
        checks: vec![postings, transfers_check, balances, books, chain, lots],
    })
}

struct AccountRow {
    organization: Option<String>,
    normal: Normal,
    minimum: Option<i64>,
    balance: Option<i64>,
    posting_count: i64,
}

async fn read_accounts_in(
    connection: &mut Connection,
) -> Result<HashMap<String, AccountRow>, LedgerError> {
    let mut rows = sqlx::query(
        "select id, organization_id, normal_side, minimum_nano, balance_nano, posting_count
         from accounts",
    )
    .fetch(connection);
    let mut accounts = HashMap::new();
    while let Some(row) = rows.try_next().await? {
        let side: String = row.try_get("normal_side")?;
        let normal = Normal::parse(&side)
            .ok_or_else(|| LedgerError::Inconsistent(format!("normal side `{side}`")))?;
        accounts.insert(
            row.try_get("id")?,
            AccountRow {
                organization: row.try_get("organization_id")?,
                normal,
                minimum: row.try_get("minimum_nano")?,
                balance: row.try_get("balance_nano")?,
                posting_count: row.try_get("posting_count")?,
            },
        );
    }
    Ok(accounts)
}

/// Each account's postings run without a gap, each balance is the one before plus the amount, and
/// the last one is the account's.
async fn check_postings_in(
    connection: &mut Connection,
    accounts: &HashMap<String, AccountRow>,
) -> Result<Check, LedgerError> {
    let mut check = Check::new("postings add up to each account's balance");
    let mut last: HashMap<String, (i64, i64)> = HashMap::new();
    let mut rows = sqlx::query(
        "select account_id, sequence, amount_nano, balance_nano from postings
         order by account_id, sequence",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let account: String = row.try_get("account_id")?;
        let (sequence, amount, balance): (i64, i64, i64) = (
            row.try_get("sequence")?,
            row.try_get("amount_nano")?,
            row.try_get("balance_nano")?,
        );
        let (previous_sequence, previous) = last.get(&account).copied().unwrap_or((0, 0));
        if sequence != previous_sequence + 1 || previous.checked_add(amount) != Some(balance) {
            check.differs(format!(
                "{account} posting {sequence}: {previous} + {amount} is not {balance}, or it does not follow {previous_sequence}"
            ));
        }
        last.insert(account, (sequence, balance));
    }
    for (id, account) in accounts {
        let (sequence, balance) = last.get(id).copied().unwrap_or((0, 0));
        let expected = account.organization.as_ref().map(|_| balance);
        if account.balance != expected || account.posting_count != sequence {
            check.differs(format!(
                "{id}: balance {:?} after {} postings, the postings say {balance} after {sequence}",
                account.balance, account.posting_count
            ));
        }
        if account.minimum.is_some_and(|minimum| balance < minimum) {
            check.differs(format!("{id}: {balance} is below its limit"));
        }
    }
    Ok(check)
}

/// Debits and credits by account, in `i128`: sums of many `i64` cannot overflow it.
type Sums = HashMap<String, (i128, i128)>;

/// Every transfer has its posting on each side that is an organization's, of its amount, and
/// stays within its batch's organization.
async fn check_transfers_in(
    connection: &mut Connection,
    accounts: &HashMap<String, AccountRow>,
) -> Result<(Check, u64, Sums), LedgerError> {
    let mut check = Check::new("every transfer has its postings");
    let mut sums: Sums = HashMap::new();
    let mut transfers = 0;
    let mut rows = sqlx::query(
        "select transfers.id, transfers.debit_account_id, transfers.credit_account_id,
                transfers.amount_nano, batches.organization_id, batches.booked_at,
                debit.amount_nano as debit_posted, credit.amount_nano as credit_posted,
                debit.booked_at as debit_booked_at, credit.booked_at as credit_booked_at
         from transfers
         join batches on batches.id = transfers.batch_id
         left join postings as debit
             on debit.transfer_id = transfers.id and debit.account_id = transfers.debit_account_id
         left join postings as credit
             on credit.transfer_id = transfers.id and credit.account_id = transfers.credit_account_id",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        transfers += 1;
        let id: String = row.try_get("id")?;
        let amount: i64 = row.try_get("amount_nano")?;
        let owner: String = row.try_get("organization_id")?;
        let booked_at: i64 = row.try_get("booked_at")?;
        for side in [Normal::Debit, Normal::Credit] {
            let name = side.as_str();
            let account: String = row.try_get(format!("{name}_account_id").as_str())?;
            let posted: Option<i64> = row.try_get(format!("{name}_posted").as_str())?;
            let posted_at: Option<i64> = row.try_get(format!("{name}_booked_at").as_str())?;
            let found = accounts.get(&account);
            let organization = found.and_then(|account| account.organization.as_ref());
            let expected = found
                .filter(|account| account.organization.is_some())
                .map(|account| {
                    if account.normal == side {
                        amount
                    } else {
                        -amount
                    }
                });
            if posted != expected
                || organization.is_some_and(|organization| *organization != owner)
                || posted_at.is_some_and(|posted_at| posted_at != booked_at)
            {
                check.differs(format!(
                    "transfer {id}: {name} of {amount} on {account} of {owner} is posted as {posted:?}"
                ));
            }
            let (debits, credits) = sums.entry(account).or_default();
            *match side {
                Normal::Debit => debits,
                Normal::Credit => credits,
            } += i128::from(amount);
        }
    }
    Ok((check, transfers, sums))
}

/// What each account carries is the sum of its transfers, and debits equal credits overall.
fn check_balances(accounts: &HashMap<String, AccountRow>, sums: &Sums) -> Check {
    let mut check = Check::new("transfers add up to each account's balance, debits equal credits");
    let (mut all_debits, mut all_credits) = (0_i128, 0_i128);
    for (id, account) in accounts {
        let (debits, credits) = sums.get(id).copied().unwrap_or_default();
        all_debits += debits;
        all_credits += credits;
        let sum = match account.normal {
            Normal::Debit => debits - credits,
            Normal::Credit => credits - debits,
        };
        if account
            .balance
            .is_some_and(|balance| i128::from(balance) != sum)
        {
            check.differs(format!(
                "{id}: balance {:?}, transfers say {sum}",
                account.balance
            ));
        }
    }
    for id in sums.keys().filter(|id| !accounts.contains_key(*id)) {
        check.differs(format!("{id} has transfers and is not open"));
    }
    if all_debits != all_credits {
        check.differs(format!("debits {all_debits} are not credits {all_credits}"));
    }
    check
}

//! The chart of accounts: which there are, on which side they grow, and their limits.

use ledger::{AccountId, Connection, Normal};
use types::balance::Balance;
use types::ids::OrganizationId;
use types::money::Money;
use types::time::Timestamp;

use crate::{Core, OpenError, StoreError, holds};

/// What an organization has bought and not used.
pub(crate) const fn prepaid(organization: OrganizationId) -> AccountId {
    AccountId::of(organization, "prepaid")
}

/// What it was given and has not used.
pub(crate) const fn promotional(organization: OrganizationId) -> AccountId {
    AccountId::of(organization, "promotional")
}

/// What it used beyond that.
pub(crate) const fn owed(organization: OrganizationId) -> AccountId {
    AccountId::of(organization, "owed")
}

/// Charges and refunds that the gateway has not finished: a charge whose fee is not known, a refund
/// that is not sent. Of a finished payment nothing is on it.
pub(crate) const GATEWAY_CLEARING: AccountId = AccountId::platform("gateway_clearing");
/// What the gateway has of ours, or has paid out to the bank.
pub(crate) const GATEWAY_BALANCE: AccountId = AccountId::platform("gateway_balance");
/// What requests earned.
pub(crate) const USAGE_REVENUE: AccountId = AccountId::platform("usage_revenue");
/// What was given away.
pub(crate) const PROMOTION_EXPENSE: AccountId = AccountId::platform("promotion_expense");
/// What was not used in time.
pub(crate) const EXPIRED_CREDIT: AccountId = AccountId::platform("expired_credit");
/// What the gateway kept.
pub(crate) const GATEWAY_FEES: AccountId = AccountId::platform("gateway_fees");
/// What banks took for disputes and no credit bears.
pub(crate) const DISPUTES: AccountId = AccountId::platform("disputes");

const PLATFORM: [(AccountId, Normal); 8] = [
    (GATEWAY_CLEARING, Normal::Debit),
    (GATEWAY_BALANCE, Normal::Debit),
    (USAGE_REVENUE, Normal::Credit),
    (GATEWAY_FEES, Normal::Debit),
    (PROMOTION_EXPENSE, Normal::Debit),
    (EXPIRED_CREDIT, Normal::Credit),
    (DISPUTES, Normal::Debit),
    (AccountId::platform("tax_payable"), Normal::Credit),
];

#[cfg(test)]
pub(crate) fn platform_accounts() -> impl Iterator<Item = AccountId> {
    PLATFORM.into_iter().map(|(account, _)| account)
}

pub(crate) async fn open_platform_accounts(core: &Core) -> Result<(), OpenError> {
    let accounts = PLATFORM.map(|(account, normal)| (account, normal, None));
    let opened = async {
        let mut tx = core.db.begin().await?;
        ledger::open_accounts_in(&mut tx, &accounts, core.now()).await?;
        tx.commit().await?;
        Ok(())
    };
    opened.await.map_err(OpenError::Accounts)
}

/// Opens an organization's books and accounts. None of them may fall below zero: what credit does
/// not cover is owed.
pub(crate) async fn open_organization_in(
    connection: &mut Connection,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let accounts = [
        (prepaid(organization), Normal::Credit, Some(Money::ZERO)),
        (promotional(organization), Normal::Credit, Some(Money::ZERO)),
        (owed(organization), Normal::Debit, Some(Money::ZERO)),
    ];
    ledger::open_books_in(connection, organization, now).await?;
    Ok(ledger::open_accounts_in(connection, &accounts, now).await?)
}

/// An organization's balance, with what of it is set aside and has expired at `now`. One
/// consistent reading where the caller's transaction sees one state.
pub(crate) async fn balance_in(
    connection: &mut Connection,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<Balance, StoreError> {
    let balances = ledger::balances_in(connection, organization, now).await?;
    let mut balance = Balance {
        expired: balances.expired,
        ..Balance::default()
    };
    for (kind, amount) in balances.accounts {
        match kind.as_str() {
            "prepaid" => balance.prepaid = amount,
            "promotional" => balance.promotional = amount,
            "owed" => balance.owed = amount,
            _ => return Err(StoreError::Inconsistent(format!("account kind `{kind}`"))),
        }
    }
    balance.held = holds::held_in(connection, organization, now).await?.amount;
    Ok(balance)
}

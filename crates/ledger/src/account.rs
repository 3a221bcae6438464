//! Accounts: named by their owner and kind, so that no look-up is ever needed to find one.

use std::fmt;

use types::ids::OrganizationId;
use types::money::Money;
use types::time::Timestamp;

use crate::sql::micros;
use crate::{Connection, LedgerError};

/// On which side an account grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normal {
    Debit,
    Credit,
}

impl Normal {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Debit, Self::Credit]
            .into_iter()
            .find(|side| side.as_str() == text)
    }
}

/// An account's name: `<organization>:prepaid` or `platform:usage_revenue`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId {
    organization: Option<OrganizationId>,
    kind: &'static str,
}

impl AccountId {
    /// An organization's account. It carries a running balance.
    #[must_use]
    pub const fn of(organization: OrganizationId, kind: &'static str) -> Self {
        Self {
            organization: Some(organization),
            kind,
        }
    }

    /// One of the platform's. Its balance is the sum of its transfers.
    #[must_use]
    pub const fn platform(kind: &'static str) -> Self {
        Self {
            organization: None,
            kind,
        }
    }

    #[must_use]
    pub const fn organization(&self) -> Option<OrganizationId> {
        self.organization
    }

    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.organization {
            Some(organization) => write!(f, "{organization}:{}", self.kind),
            None => write!(f, "platform:{}", self.kind),
        }
    }
}

/// Opens accounts that are not open yet; those that are stay as they are. `minimum` is the least
/// that an organization's account may hold; a platform account is not limited.
///
/// # Errors
/// When the database does not do it.
pub async fn open_accounts_in(
    connection: &mut Connection,
    accounts: &[(AccountId, Normal, Option<Money>)],
    now: Timestamp,
) -> Result<(), LedgerError> {
    for (account, normal, minimum) in accounts {
        let running_balance = account.organization.map(|_| 0_i64);
        sqlx::query(
            "insert into accounts
                 (id, organization_id, kind, normal_side, minimum_nano, balance_nano, created_at)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (id) do nothing",
        )
        .bind(account.to_string())
        .bind(
            account
                .organization
                .map(|organization| organization.to_string()),
        )
        .bind(account.kind)
        .bind(normal.as_str())
        .bind(minimum.map(Money::nanos))
        .bind(running_balance)
        .bind(micros(now))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

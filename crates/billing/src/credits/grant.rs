//! Giving credit.
//!
//! Order: the organization's books are locked, then the key is looked up and taken. Two at once for
//! one organization wait for each other at the books, for two organizations at the key.

use ledger::{Batch, LotKind, NewLot, Source};
use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{BatchId, LotId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use super::{GrantError, USUAL_LIFETIME, USUAL_PRIORITY};
use crate::db::{id, micros, optional_time, time};
use crate::{Core, StoreError, chart, posting_rules};

pub(super) const MOST_KEY_CHARACTERS: usize = 100;
pub(super) const MOST_REASON_CHARACTERS: usize = 200;
pub(super) const MOST_PRIORITY: i64 = 100;
/// Against a slip of the hand: $100,000.
const MOST_AMOUNT: Money = Money::from_nanos(100_000_000_000_000);
/// All open lots are read with each commit of usage.
pub(super) const MOST_OPEN_LOTS: usize = 500;

/// Until when credit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expiry {
    /// 90 days from the grant.
    #[default]
    Usual,
    At(Timestamp),
    Never,
}

impl Expiry {
    /// To the microsecond, as times are stored.
    fn time(self, granted_at: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let at = match self {
            Self::Usual => granted_at + USUAL_LIFETIME,
            Self::At(at) => at,
            Self::Never => return Ok(None),
        };
        Ok(Some(ledger::sql::time_from(micros(at))?))
    }
}

/// Credit that is to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// Of the operator's choice, such as `welcome-2026-acme`. Used once, for whatever organization.
    pub key: String,
    pub amount: Money,
    /// Why, in words for people.
    pub reason: String,
    pub expiry: Expiry,
    /// The lower is used first.
    pub priority: i64,
}

impl NewGrant {
    /// With the usual expiry and priority.
    #[must_use]
    pub const fn new(key: String, amount: Money, reason: String) -> Self {
        Self {
            key,
            amount,
            reason,
            expiry: Expiry::Usual,
            priority: USUAL_PRIORITY,
        }
    }

    fn checked(self) -> Result<Self, GrantError> {
        let is_usable = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        if !(1..=MOST_KEY_CHARACTERS).contains(&self.key.len()) || !self.key.bytes().all(is_usable)
        {
            return Err(GrantError::Key);
        }
        if !self.amount.is_positive() || self.amount > MOST_AMOUNT {
            return Err(GrantError::Amount { most: MOST_AMOUNT });
        }
        let reason = self.reason.trim().to_owned();
        let is_text = !reason.chars().any(char::is_control);
        if !(1..=MOST_REASON_CHARACTERS).contains(&reason.chars().count()) || !is_text {
            return Err(GrantError::Reason);
        }
        if !(-MOST_PRIORITY..=MOST_PRIORITY).contains(&self.priority) {
            return Err(GrantError::Priority);
        }
        Ok(Self { reason, ..self })
    }
}

/// Credit that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The transaction that it came with.
    pub transaction: BatchId,
    pub amount: Money,
    pub granted_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// Whether it was given now; otherwise it had been, and nothing changed.
    pub is_new: bool,
}

pub(super) async fn grant(
    core: &Core,
    organization: OrganizationId,
    grant: NewGrant,
) -> Result<Granted, GrantError> {
    let grant = grant.checked()?;
    let mut tx = core.db.begin().await?;
    let mut books = ledger::lock_books_in(&mut tx, organization).await?;
    // Under the lock: however long that took, nothing is booked into a past that was told already.
    let now = core.now();
    if let Some(found) = find_in(&mut tx, organization, &grant).await? {
        tx.rollback().await?;
        return found;
    }
    // Bookings never go back: a grant takes effect with the newest one at the earliest.
    let granted_at = ledger::sql::time_from(micros(now.max(books.booked_at())))?;
    let expires_at = grant.expiry.time(granted_at)?;
    if expires_at.is_some_and(|expires_at| expires_at <= granted_at) {
        return Err(GrantError::Expiry);
    }
    if ledger::open_lots_in(&mut tx, organization).await?.len() >= MOST_OPEN_LOTS {
        return Err(GrantError::TooManyLots);
    }
    // Of this organization's it was free: another's has just taken it.
    if !insert_in(&mut tx, organization, &grant, expires_at, granted_at).await? {
        return Err(GrantError::KeyReused);
    }
    let lot = NewLot {
        id: LotId::generate(),
        kind: LotKind::Promotion,
        priority: grant.priority,
        expires_at,
    };
    let owes = ledger::balance_in(&mut tx, &chart::owed(organization)).await?;
    let movement = posting_rules::grant::movement(lot, organization, owes, grant.amount)?;
    let batch = Batch {
        id: BatchId::generate(),
        source: Source::new("grant", &grant.key),
        code: "grant",
        transfers: movement.transfers,
        opens: movement.opens,
        booked_at: granted_at,
    };
    ledger::post_in(&mut tx, &mut books, &batch, now).await?;
    tx.commit().await?;
    core.holds.gate.forget(organization);
    tracing::info!(%organization, key = grant.key, amount = %grant.amount.dollars(), "credit given");
    Ok(Granted {
        transaction: batch.id,
        amount: grant.amount,
        granted_at,
        expires_at,
        is_new: true,
    })
}

/// Whether the key was free.
async fn insert_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    grant: &NewGrant,
    expires_at: Option<Timestamp>,
    granted_at: Timestamp,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "insert into credit_grants
             (key, organization_id, amount_nano, reason, priority, expires_at, granted_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (key) do nothing",
    )
    .bind(&grant.key)
    .bind(organization.to_string())
    .bind(grant.amount.nanos())
    .bind(&grant.reason)
    .bind(grant.priority)
    .bind(expires_at.map(micros))
    .bind(micros(granted_at))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// What became of the key, if it was used: the same grant, or another.
async fn find_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    grant: &NewGrant,
) -> Result<Option<Result<Granted, GrantError>>, StoreError> {
    let row = sqlx::query(
        "select credit_grants.organization_id, credit_grants.amount_nano, credit_grants.reason,
                credit_grants.priority, credit_grants.expires_at, credit_grants.granted_at,
                batches.id
         from credit_grants
         join batches on batches.source = 'grant:' || credit_grants.key
         where credit_grants.key = $1",
    )
    .bind(&grant.key)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let granted_at = time(&row, "granted_at")?;
    let expires_at = optional_time(&row, "expires_at")?;
    if !is_same(&row, organization, grant)? || grant.expiry.time(granted_at)? != expires_at {
        return Ok(Some(Err(GrantError::KeyReused)));
    }
    Ok(Some(Ok(Granted {
        transaction: id(&row, "id")?,
        amount: grant.amount,
        granted_at,
        expires_at,
        is_new: false,
    })))
}

fn is_same(
    row: &AnyRow,
    organization: OrganizationId,
    grant: &NewGrant,
) -> Result<bool, StoreError> {
    let owner: OrganizationId = id(row, "organization_id")?;
    let (amount, priority): (i64, i64) = (row.try_get("amount_nano")?, row.try_get("priority")?);
    let reason: String = row.try_get("reason")?;
    Ok(owner == organization
        && amount == grant.amount.nanos()
        && priority == grant.priority
        && reason == grant.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut NewGrant);

    #[test]
    fn only_usable_fields_are_taken() {
        let usable = || {
            let amount = Money::from_nanos(5_000_000_000);
            NewGrant::new("welcome-1".to_owned(), amount, " A gift ".to_owned())
        };
        assert_eq!(usable().checked().unwrap().reason, "A gift");
        let with = |change: Change| {
            let mut grant = usable();
            change(&mut grant);
            grant
                .checked()
                .err()
                .map(|error| crate::Problem::code(&error))
        };
        let cases: [(Change, &str); 12] = [
            (|grant| grant.key = String::new(), "invalid_key"),
            (|grant| grant.key = "a b".to_owned(), "invalid_key"),
            (|grant| grant.key = "ä".to_owned(), "invalid_key"),
            (|grant| grant.key = "k".repeat(101), "invalid_key"),
            (|grant| grant.amount = Money::ZERO, "invalid_amount"),
            (
                |grant| grant.amount = Money::from_nanos(-1),
                "invalid_amount",
            ),
            (
                |grant| grant.amount = MOST_AMOUNT.plus(Money::from_nanos(1)).unwrap(),
                "invalid_amount",
            ),
            (|grant| grant.reason = " ".to_owned(), "invalid_reason"),
            (|grant| grant.reason = "r".repeat(201), "invalid_reason"),
            (|grant| grant.reason = "a\nb".to_owned(), "invalid_reason"),
            (|grant| grant.priority = 101, "invalid_priority"),
            (|grant| grant.priority = -101, "invalid_priority"),
        ];
        for (number, (change, code)) in cases.into_iter().enumerate() {
            assert_eq!(with(change), Some(code), "case {number}");
        }
    }
}

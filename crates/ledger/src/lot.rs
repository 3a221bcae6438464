//! Lots: the value on an organization's prepaid and promotional accounts, told apart by where it
//! is from and until when it counts.
//!
//! Owns what a lot is and the order in which lots are used up. Does not own when one is used or
//! expired: that is for whoever posts. What is left of an account's lots is together its balance.

use std::cmp::Ordering;

use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{BatchId, LotId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use crate::account::AccountId;
use crate::sql::{id, micros, money, time, time_from};
use crate::{Connection, LedgerError};

/// Which account a lot's value is part of, in the order in which they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LotKind {
    /// Given.
    Promotion,
    /// Bought.
    Purchase,
}

impl LotKind {
    pub(crate) const ALL: [Self; 2] = [Self::Promotion, Self::Purchase];

    /// The kind of account that its value is part of.
    #[must_use]
    pub const fn account_kind(self) -> &'static str {
        match self {
            Self::Promotion => "promotional",
            Self::Purchase => "prepaid",
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promotion => "promotion",
            Self::Purchase => "purchase",
        }
    }

    pub(crate) fn of_account_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lot| lot.account_kind() == kind)
    }

    /// The kind of the lots that an account consists of; `None` where it has none.
    pub(crate) fn of_account(account: &AccountId) -> Option<Self> {
        account
            .organization()
            .and_then(|_| Self::of_account_kind(account.kind()))
    }

    /// The account of an organization that its value is part of.
    #[must_use]
    pub const fn account(self, organization: OrganizationId) -> AccountId {
        AccountId::of(organization, self.account_kind())
    }
}

/// A lot as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    pub id: LotId,
    pub kind: LotKind,
    /// The lower is used first.
    pub priority: i64,
    /// What was in it at first.
    pub granted: Money,
    pub remaining: Money,
    pub opened_at: Timestamp,
    /// From then on nothing is paid from it. `None`: it never expires.
    pub expires_at: Option<Timestamp>,
}

impl Lot {
    /// Whether it has expired by `at`.
    #[must_use]
    pub fn is_expired(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= at)
    }

    /// The order in which lots are used: by priority, then the one that expires first, given
    /// before bought, and the older before the newer.
    #[must_use]
    pub fn burn_order(&self, other: &Self) -> Ordering {
        let key = |lot: &Self| {
            (
                lot.priority,
                // What never expires comes after all that does.
                (lot.expires_at.is_none(), lot.expires_at),
                lot.kind,
                lot.opened_at,
                lot.id,
            )
        };
        key(self).cmp(&key(other))
    }
}

/// A lot that a batch opens. What the batch's transfers put into it is what it is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLot {
    /// The same at a replay of the same source.
    pub id: LotId,
    pub kind: LotKind,
    pub priority: i64,
    pub expires_at: Option<Timestamp>,
}

/// A lot with what opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedLot {
    pub lot: Lot,
    pub batch: BatchId,
    pub source: String,
}

/// The columns that [`read`] reads.
pub(crate) const COLUMNS: &str = "lots.id, lots.account_kind, lots.priority, lots.granted_nano,
    lots.remaining_nano, lots.opened_at, lots.expires_at";

pub(crate) fn read(row: &AnyRow) -> Result<Lot, LedgerError> {
    Ok(Lot {
        id: id(row, "id")?,
        kind: parse_kind(row.try_get("account_kind")?)?,
        priority: row.try_get("priority")?,
        granted: money(row, "granted_nano")?,
        remaining: money(row, "remaining_nano")?,
        opened_at: time(row, "opened_at")?,
        expires_at: row
            .try_get::<Option<i64>, _>("expires_at")?
            .map(time_from)
            .transpose()?,
    })
}

pub(crate) fn parse_kind(text: &str) -> Result<LotKind, LedgerError> {
    LotKind::of_account_kind(text)
        .ok_or_else(|| LedgerError::Inconsistent(format!("lots of account kind `{text}`")))
}

/// What an organization can pay with, in burn order: expired lots among them until they are posted
/// as such.
///
/// # Errors
/// When the database does not answer.
pub async fn open_lots_in(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<Vec<Lot>, LedgerError> {
    let text =
        format!("select {COLUMNS} from lots where lots.organization_id = $1 and lots.is_open = 1");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(organization.to_string())
        .fetch_all(connection)
        .await?;
    let mut lots = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    lots.sort_by(Lot::burn_order);
    Ok(lots)
}

/// A lot of the organization's.
///
/// # Errors
/// When the database does not answer.
pub async fn find_lot_in(
    connection: &mut Connection,
    organization: OrganizationId,
    lot: LotId,
) -> Result<Option<Lot>, LedgerError> {
    let text = format!("select {COLUMNS} from lots where id = $1 and organization_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(lot.to_string())
        .bind(organization.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// At most `limit` of the organization's lots, newest first, older than the lot `before`.
///
/// # Errors
/// When the database does not answer.
pub async fn lots_in(
    connection: &mut Connection,
    organization: OrganizationId,
    before: Option<&Lot>,
    limit: u32,
) -> Result<Vec<OpenedLot>, LedgerError> {
    let text = format!(
        "select {COLUMNS}, batches.id as batch_id, batches.source
         from lots join batches on batches.organization_id = lots.organization_id
             and batches.sequence = lots.batch_sequence
         where lots.organization_id = $1
             and (lots.opened_at < $2 or (lots.opened_at = $2 and lots.id < $3))
         order by lots.opened_at desc, lots.id desc limit $4"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(organization.to_string())
        .bind(before.map_or(i64::MAX, |lot| micros(lot.opened_at)))
        .bind(before.map_or_else(String::new, |lot| lot.id.to_string()))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(OpenedLot {
                lot: read(row)?,
                batch: id(row, "batch_id")?,
                source: row.try_get("source")?,
            })
        })
        .collect()
}

/// A lot that has expired with something left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueLot {
    pub organization: OrganizationId,
    pub id: LotId,
    pub expires_at: Timestamp,
}

/// At most `limit` lots of any organization that have expired by `at` with something left, the
/// longest expired first, from behind `after` on.
///
/// # Errors
/// When the database does not answer.
pub async fn due_lots_in(
    connection: &mut Connection,
    at: Timestamp,
    after: Option<&DueLot>,
    limit: u32,
) -> Result<Vec<DueLot>, LedgerError> {
    let rows = sqlx::query(
        "select organization_id, id, expires_at from lots
         where is_open = 1 and expires_at is not null and expires_at <= $1
             and expires_at >= $2 and (expires_at > $2 or id > $3)
         order by expires_at, id limit $4",
    )
    .bind(micros(at))
    .bind(after.map_or(i64::MIN, |lot| micros(lot.expires_at)))
    .bind(after.map_or_else(String::new, |lot| lot.id.to_string()))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(DueLot {
                organization: id(row, "organization_id")?,
                id: id(row, "id")?,
                expires_at: time(row, "expires_at")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, priority, day of expiry, kind, day of opening.
    type Row = (&'static str, i64, Option<i64>, LotKind, i64);

    const PROMOTION: LotKind = LotKind::Promotion;
    const PURCHASE: LotKind = LotKind::Purchase;

    #[test]
    fn lots_are_used_by_priority_then_expiry_then_kind_then_age() {
        let day = |day: i64| time_from(day * 86_400_000_000).unwrap();
        let in_order: [Row; 8] = [
            (
                "a low priority first, though it never expires",
                -1,
                None,
                PURCHASE,
                9,
            ),
            ("the earliest expiry", 0, Some(10), PURCHASE, 8),
            (
                "then the next, given before bought",
                0,
                Some(11),
                PROMOTION,
                7,
            ),
            ("bought after given", 0, Some(11), PURCHASE, 1),
            ("never expiring after all that does", 0, None, PROMOTION, 5),
            ("the older purchase", 0, None, PURCHASE, 2),
            ("the newer purchase", 0, None, PURCHASE, 3),
            (
                "a high priority last, though it expires first",
                1,
                Some(1),
                PROMOTION,
                0,
            ),
        ];
        let lot = |row: &Row| Lot {
            id: LotId::generate(),
            kind: row.3,
            priority: row.1,
            granted: Money::ZERO,
            remaining: Money::ZERO,
            opened_at: day(row.4),
            expires_at: row.2.map(day),
        };
        let lots: Vec<Lot> = in_order.iter().map(lot).collect();
        for (before, first) in lots.iter().enumerate() {
            for (after, second) in lots.iter().enumerate() {
                let expected = before.cmp(&after);
                let (one, other) = (in_order[before].0, in_order[after].0);
                assert_eq!(first.burn_order(second), expected, "{one} / {other}");
            }
        }
    }

    #[test]
    fn a_lot_counts_up_to_the_instant_of_its_expiry() {
        let at = |micros: i64| time_from(micros).unwrap();
        let mut lot = Lot {
            id: LotId::generate(),
            kind: LotKind::Promotion,
            priority: 0,
            granted: Money::ZERO,
            remaining: Money::ZERO,
            opened_at: at(0),
            expires_at: Some(at(10)),
        };
        assert!(!lot.is_expired(at(9)));
        assert!(lot.is_expired(at(10)));
        lot.expires_at = None;
        assert!(!lot.is_expired(at(i64::from(i32::MAX))));
    }
}

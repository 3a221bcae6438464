//! What is set aside beside the books, for requests that run: a note and not a posting, since
//! nothing moves until they have run.
//!
//! Owns the sums that the head of the books keeps. Does not own what they are the sums of: whoever
//! changes them keeps a row for each part, and proves that the two agree.

use sqlx::Row;
use types::ids::OrganizationId;
use types::money::Money;

use crate::sql::money;
use crate::{Connection, LedgerError};

/// What is set aside, and in how many parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    pub amount: Money,
    pub count: i64,
}

impl Held {
    pub(crate) fn with(self, amount: Money) -> Result<Self, LedgerError> {
        Ok(Self {
            amount: self.amount.plus(amount)?,
            count: self.count + 1,
        })
    }

    pub(crate) fn without(self, amount: Money) -> Result<Self, LedgerError> {
        let left = Self {
            amount: self.amount.minus(amount)?,
            count: self.count - 1,
        };
        if left.amount.is_negative() || left.count < 0 {
            return Err(LedgerError::Inconsistent(format!(
                "{amount:?} of {self:?} cannot be given back"
            )));
        }
        Ok(left)
    }
}

/// What an organization's books note as set aside. Nothing for books that are not open.
///
/// # Errors
/// When the database does not answer.
pub async fn held_in(
    connection: &mut Connection,
    organization: OrganizationId,
) -> Result<Held, LedgerError> {
    let row = sqlx::query("select held_nano, hold_count from books where organization_id = $1")
        .bind(organization.to_string())
        .fetch_optional(connection)
        .await?;
    row.map_or(Ok(Held::default()), |row| {
        Ok(Held {
            amount: money(&row, "held_nano")?,
            count: row.try_get("hold_count")?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_set_aside_cannot_be_given_back() {
        let held = Held::default().with(Money::from_nanos(5)).unwrap();
        assert!(held.without(Money::from_nanos(6)).is_err());
        let left = held.without(Money::from_nanos(5)).unwrap();
        assert_eq!(left, Held::default());
        assert!(left.without(Money::ZERO).is_err());
    }
}

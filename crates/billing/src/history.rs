//! Billing history: a projection of what was posted, with the top-ups that did not post among it.
//!
//! Three lists, each read by keyset and already in order, are merged: top-ups, joined to the ledger's
//! batch where they posted, usage by day and project, and credit that was given or expired. Newest
//! first; at the same instant by list, then by id. A row's place never changes: a top-up stands at
//! the click, a day's usage at its first request.

mod credit;
mod usage;

use std::sync::Arc;

use chrono::TimeDelta;
use sqlx::Row;
use sqlx::any::AnyRow;
use types::history::{HistoryCursor, HistoryKind, HistoryPage, HistoryRow, HistoryStatus};
use types::ids::{OrganizationId, TopUpId};
use types::money::{Cents, Money};

use crate::db::{id, micros, optional_time, time, time_from};
use crate::payments::method::card;
use crate::top_up::state::State;
use crate::top_up::store::read_state;
use crate::{Core, Problem, ProblemKind, StoreError};

/// The most rows on a page.
const MOST_ROWS: u32 = 100;
/// Whoever waited longer for their bank knows two times: the click and the answer.
const NOTICEABLE: TimeDelta = TimeDelta::seconds(60);

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("this is not a place in the history; start from its first page")]
    Cursor,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Problem for HistoryError {
    fn kind(&self) -> ProblemKind {
        match self {
            Self::Cursor => ProblemKind::Invalid,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Cursor => "invalid_cursor",
            Self::Store(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Cursor => Some("after".to_owned()),
            Self::Store(error) => error.field(),
        }
    }
}

/// Which list a row is from, in the order in which they stand at the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    TopUps,
    Usage,
    Credit,
}

impl List {
    const ALL: [Self; 3] = [Self::TopUps, Self::Usage, Self::Credit];

    const fn letter(self) -> char {
        match self {
            Self::TopUps => 't',
            Self::Usage => 'u',
            Self::Credit => 'c',
        }
    }
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    at: i64,
    list: List,
    id: String,
}

impl Place {
    /// Before every row: the start of the first page.
    const fn newest() -> Self {
        Self {
            at: i64::MAX,
            list: List::TopUps,
            id: String::new(),
        }
    }

    fn parse(cursor: &HistoryCursor) -> Option<Self> {
        let mut parts = cursor.0.splitn(3, '.');
        let at = parts.next()?.parse().ok()?;
        let letter = parts.next()?;
        let list = List::ALL
            .into_iter()
            .find(|list| letter == list.letter().to_string())?;
        let id = parts.next()?;
        let usable = id.len() <= 64
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        time_from(at).ok().filter(|_| usable)?;
        Some(Self {
            at,
            list,
            id: id.to_owned(),
        })
    }

    fn cursor(&self) -> HistoryCursor {
        HistoryCursor(format!("{}.{}.{}", self.at, self.list.letter(), self.id))
    }

    /// Which rows of `list` at this very instant come after this place: 1 all, 0 those with a
    /// lower id, -1 none.
    fn ties(&self, list: List) -> i64 {
        match list.cmp(&self.list) {
            std::cmp::Ordering::Greater => 1,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Less => -1,
        }
    }
}

/// A row with the place it has in the merged order.
struct Placed {
    place: Place,
    row: HistoryRow,
}

/// See [`crate::Billing::history`].
#[derive(Clone)]
pub struct History {
    core: Arc<Core>,
}

impl History {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// At most `limit` rows (1 to 100) after a page's end, newest first.
    ///
    /// # Errors
    /// When the cursor is not one of ours.
    pub async fn page(
        &self,
        organization: OrganizationId,
        after: Option<&HistoryCursor>,
        limit: u32,
    ) -> Result<HistoryPage, HistoryError> {
        let after = match after {
            Some(cursor) => Place::parse(cursor).ok_or(HistoryError::Cursor)?,
            None => Place::newest(),
        };
        let limit = limit.clamp(1, MOST_ROWS);
        let mut tx = self.core.db.begin_read().await?;
        // One more than asked tells whether there is another page.
        let most = i64::from(limit) + 1;
        let mut placed = Vec::new();
        placed.extend(top_ups_in(&mut tx, organization, &after, most).await?);
        let tail = self.core.metering.tail();
        placed.extend(usage::usage_in(&mut tx, tail, organization, &after, most).await?);
        placed.extend(credit::credit_in(&mut tx, organization, &after, most).await?);
        drop(tx);
        // Stable: within a list the database's order stays.
        placed.sort_by_key(|placed| (std::cmp::Reverse(placed.place.at), placed.place.list));
        let limit = limit as usize;
        let more = placed.len() > limit;
        placed.truncate(limit);
        let next = placed
            .last()
            .filter(|_| more)
            .map(|last| last.place.cursor());
        Ok(HistoryPage {
            rows: placed.into_iter().map(|placed| placed.row).collect(),
            next,
        })
    }
}

async fn top_ups_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    after: &Place,
    most: i64,
) -> Result<Vec<Placed>, StoreError> {
    let rows = sqlx::query(
        "select top_ups.id, top_ups.created_at, top_ups.amount_cents, top_ups.state,
                top_ups.decline_reason, top_ups.action_url, batches.booked_at,
                batches.balance_nano - coalesce(previous.balance_nano, 0) as amount_nano,
                coalesce(payments.card_brand, payment_methods.brand) as brand,
                coalesce(payments.card_last_four, payment_methods.last_four) as last_four,
                coalesce(payments.card_expiry_month, payment_methods.expiry_month) as expiry_month,
                coalesce(payments.card_expiry_year, payment_methods.expiry_year) as expiry_year,
                coalesce(payments.card_country, payment_methods.country) as country
         from top_ups
         join payments on payments.organization_id = top_ups.organization_id
             and payments.top_up_id = top_ups.id
         left join payment_methods on payment_methods.organization_id = top_ups.organization_id
             and payment_methods.id = top_ups.payment_method_id
         left join batches on batches.source = 'topup:' || top_ups.id
             and batches.organization_id = top_ups.organization_id
         left join batches as previous
             on previous.organization_id = batches.organization_id
             and previous.sequence = batches.sequence - 1
         where top_ups.organization_id = $1 and top_ups.created_at <= $2
             and (top_ups.created_at < $2 or $3 = 1 or ($3 = 0 and top_ups.id < $4))
         order by top_ups.created_at desc, top_ups.id desc limit $5",
    )
    .bind(organization.to_string())
    .bind(after.at)
    .bind(after.ties(List::TopUps))
    .bind(&after.id)
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter().map(top_up).collect()
}

fn top_up(row: &AnyRow) -> Result<Placed, StoreError> {
    let status = match read_state(row)? {
        State::Processing => HistoryStatus::Processing,
        State::RequiresAction { .. } => HistoryStatus::RequiresAction,
        State::Failed { reason } => HistoryStatus::Failed { reason },
        State::Canceled => HistoryStatus::Canceled,
        State::Succeeded => HistoryStatus::Posted,
    };
    let created_at = time(row, "created_at")?;
    let asked = Cents::new(row.try_get("amount_cents")?).dollars();
    // What posted is told by the ledger alone.
    let (booked_later, amount) = if status == HistoryStatus::Posted {
        let booked = optional_time(row, "booked_at")?.ok_or_else(|| {
            StoreError::Inconsistent("a succeeded top-up that the ledger does not have".to_owned())
        })?;
        (
            Some(booked).filter(|booked| *booked - created_at >= NOTICEABLE),
            Money::from_nanos(row.try_get("amount_nano")?).dollars(),
        )
    } else {
        (None, asked)
    };
    let id: TopUpId = id(row, "id")?;
    let kind = HistoryKind::Credit { card: card(row)? };
    Ok(Placed {
        // By when it was asked for: that never changes, so no page skips a row that settles.
        place: Place {
            at: micros(created_at),
            list: List::TopUps,
            id: id.to_string(),
        },
        row: HistoryRow {
            id: id.to_string(),
            at: created_at,
            booked_later,
            kind,
            amount,
            status,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_form_and_others_are_refused() {
        let place = Place {
            at: 1_763_900_000_000_000,
            list: List::Usage,
            id: "2026-11-23_a".into(),
        };
        assert_eq!(Place::parse(&place.cursor()), Some(place));
        for text in [
            "",
            "1",
            "1.t",
            "x.c.a",
            "1.z.a",
            "1.cc.a",
            "1.c.a'--",
            "9223372036854775807.t.a",
        ] {
            assert_eq!(
                Place::parse(&HistoryCursor(text.to_owned())),
                None,
                "{text}"
            );
        }
    }
}

//! Billing history: a projection of what was posted, with the top-ups that did not post among it.
//!
//! Four lists, each read by keyset and already in order, are merged: top-ups, joined to the ledger's
//! batch where they posted, usage by day and project, credit that was given, expired or disputed, and
//! refunds. Newest first; at the same instant by list, then by id. A row's place never changes: a
//! top-up and a refund stand at the click, a day's usage at its first request.

mod credit;
mod refund;
mod top_up;
mod usage;

use std::sync::Arc;

use types::history::{HistoryCursor, HistoryPage, HistoryRow};
use types::ids::OrganizationId;

use crate::db::time_from;
use crate::{Core, Problem, ProblemKind, StoreError};

/// The most rows on a page.
const MOST_ROWS: u32 = 100;

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
    Refunds,
}

impl List {
    const ALL: [Self; 4] = [Self::TopUps, Self::Usage, Self::Credit, Self::Refunds];

    const fn letter(self) -> char {
        match self {
            Self::TopUps => 't',
            Self::Usage => 'u',
            Self::Credit => 'c',
            Self::Refunds => 'r',
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
        placed.extend(top_up::top_ups_in(&mut tx, &self.core, organization, &after, most).await?);
        let tail = self.core.metering.tail();
        placed.extend(usage::usage_in(&mut tx, tail, organization, &after, most).await?);
        placed.extend(credit::credit_in(&mut tx, organization, &after, most).await?);
        placed.extend(refund::refunds_in(&mut tx, organization, &after, most).await?);
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

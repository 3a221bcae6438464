//! Holds as rows within a commit of the writer, in each database's own form.
//!
//! Owns how many of the due holds a commit takes up: so many that a sweep gets on, and so few that
//! everybody else's usage does not wait for them. What is left is only added up.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::collections::HashSet;

use ledger::Held;
use sqlx::{ColumnIndex, Decode, Row, Type};
use types::ids::HoldId;
use types::money::Money;
use types::time::Timestamp;

use super::desk::{Found, LeftDue, Looked};
use super::hold::Hold;
use super::store::state_of;
use crate::StoreError;
use crate::db::time_from;

/// The most holds, of all organizations together, that a commit writes down as expired because
/// their time is up and for no other reason.
pub(in crate::holds) const MOST_EXPIRED: usize = 512;

/// Those of the holds whose time is up. One that was found twice is one.
fn due(found: &[Found], now: Timestamp) -> Vec<&Hold> {
    let mut seen: HashSet<HoldId> = HashSet::new();
    let holds = found.iter().map(|found| &found.hold);
    holds
        .filter(|hold| hold.is_due(now) && seen.insert(hold.id))
        .collect()
}

/// Whether there may be more that is due than was found.
fn may_have_left(found: &[Found], now: Timestamp) -> bool {
    due(found, now).len() >= MOST_EXPIRED
}

/// With what is due of each organization, what is left of it behind what was found.
fn looked<'r, R>(found: Vec<Found>, sums: &'r [R], now: Timestamp) -> Result<Looked, StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let mut left_due = LeftDue::new();
    for row in sums {
        let due = Held {
            amount: Money::from_nanos(row.try_get("amount_nano")?),
            count: row.try_get("due")?,
        };
        left_due.insert(id(row, "organization_id")?, due);
    }
    for hold in due(&found, now) {
        if let Some(left) = left_due.get_mut(&hold.organization) {
            left.amount = left.amount.minus(hold.amount)?;
            left.count -= 1;
        }
    }
    Ok(Looked { found, left_due })
}

fn found<'r, R>(row: &'r R) -> Result<Found, StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
    Option<Vec<u8>>: Decode<'r, R::Database> + Type<R::Database>,
{
    let state: String = row.try_get("state")?;
    let closed_at: Option<i64> = row.try_get("closed_at")?;
    let closed_at: Option<Timestamp> = closed_at.map(time_from).transpose()?;
    let content_hash: Option<Vec<u8>> = row.try_get("content_hash")?;
    let hold = Hold {
        id: id(row, "id")?,
        organization: id(row, "organization_id")?,
        project: id(row, "project_id")?,
        api_key: id(row, "api_key_id")?,
        client_id: row.try_get("client_id")?,
        model: row.try_get("model")?,
        input_tokens: row.try_get("input_tokens")?,
        requested_output_tokens: row.try_get("requested_output_tokens")?,
        wanted_output_tokens: row.try_get("wanted_output_tokens")?,
        max_output_tokens: row.try_get("max_output_tokens")?,
        amount: Money::from_nanos(row.try_get("amount_nano")?),
        state: state_of(&state, closed_at, row.try_get("cost_pico")?)?,
        created_at: time_from(row.try_get("created_at")?)?,
        expires_at: time_from(row.try_get("expires_at")?)?,
    };
    let content_hash = content_hash.map(|hash| {
        hash.try_into()
            .map_err(|_| StoreError::Inconsistent("content_hash is not 16 bytes".to_owned()))
    });
    Ok(Found {
        hold,
        content_hash: content_hash.transpose()?,
    })
}

fn id<'r, R, T: std::str::FromStr>(row: &'r R, column: &'static str) -> Result<T, StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    let text: String = row.try_get(column)?;
    text.parse()
        .map_err(|_| StoreError::Inconsistent(format!("{column} `{text}` is not an id")))
}

//! An organization's lots, for reading.

use std::collections::HashMap;

use ledger::{Lot, OpenedLot};
use sqlx::Row;
use types::ids::{BatchId, LotId, OrganizationId, TopUpId};

use crate::{Core, StoreError};

/// The most lots on a page.
pub const MOST_LOTS: u32 = 100;

/// A lot as it stands, and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditLot {
    pub lot: Lot,
    /// The transaction that opened it.
    pub transaction: BatchId,
    pub opened_by: OpenedBy,
}

/// What opened a lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedBy {
    TopUp(TopUpId),
    /// What came back by this refund, which failed, or by a dispute that was won, beyond what the
    /// top-up's own lot ever had.
    GivenBack {
        source: String,
    },
    /// The operator, under a key of theirs.
    Grant {
        key: String,
        reason: String,
    },
}

pub(super) async fn lots(
    core: &Core,
    organization: OrganizationId,
    after: Option<LotId>,
    limit: u32,
) -> Result<Vec<CreditLot>, StoreError> {
    let mut tx = core.db.begin_read().await?;
    let after = match after {
        Some(lot) => match ledger::find_lot_in(&mut tx, organization, lot).await? {
            None => return Ok(Vec::new()),
            found @ Some(_) => found,
        },
        None => None,
    };
    let limit = limit.clamp(1, MOST_LOTS);
    let opened = ledger::lots_in(&mut tx, organization, after.as_ref(), limit).await?;
    let keys: Vec<&str> = opened
        .iter()
        .filter_map(|opened| opened.source.strip_prefix("grant:"))
        .collect();
    let mut reasons = reasons_in(&mut tx, organization, &keys).await?;
    opened
        .into_iter()
        .map(|opened| credit_lot(opened, &mut reasons))
        .collect()
}

fn credit_lot(
    opened: OpenedLot,
    reasons: &mut HashMap<String, String>,
) -> Result<CreditLot, StoreError> {
    let unknown =
        || StoreError::Inconsistent(format!("lot {} is from {}", opened.lot.id, opened.source));
    let opened_by = match opened.source.split_once(':') {
        Some(("topup", id)) => OpenedBy::TopUp(id.parse().map_err(|_| unknown())?),
        Some(("refund" | "dispute", _)) => OpenedBy::GivenBack {
            source: opened.source.clone(),
        },
        Some(("grant", key)) => OpenedBy::Grant {
            key: key.to_owned(),
            reason: reasons.remove(key).ok_or_else(unknown)?,
        },
        Some(_) | None => return Err(unknown()),
    };
    Ok(CreditLot {
        lot: opened.lot,
        transaction: opened.batch,
        opened_by,
    })
}

/// Why credit was given, by key.
async fn reasons_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    keys: &[&str],
) -> Result<HashMap<String, String>, StoreError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let marks: Vec<String> = (2..=keys.len() + 1)
        .map(|mark| format!("${mark}"))
        .collect();
    let text = format!(
        "select key, reason from credit_grants
         where organization_id = $1 and key in ({})",
        marks.join(", ")
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(organization.to_string());
    for key in keys {
        query = query.bind((*key).to_owned());
    }
    let rows = query.fetch_all(connection).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("key")?, row.try_get("reason")?)))
        .collect()
}

//! Reading bought credit, and what refunds and disputes have taken of it. With the lock of the books
//! held it stays so.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Lot, LotKind};
use sqlx::Row;
use types::ids::{LotId, OrganizationId, TopUpId};
use types::money::{Cents, Money};

use crate::db::id;
use crate::posting_rules::taken_back::{Bought, BoughtLot};
use crate::{StoreError, chart};

/// The lot that a top-up opens, if it opens one: they share their id.
pub(crate) fn lot_of(top_up: TopUpId) -> LotId {
    LotId::from_uuid(top_up.as_uuid())
}

/// `purchase` is the lot of the top-up of which something is to be taken back.
pub(crate) async fn bought_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    purchase: LotId,
) -> Result<Bought, StoreError> {
    let mut taken = taken_in(connection, organization).await?;
    let mut taken_back = taken_back_in(connection, organization).await?;
    let mut lots = ledger::open_lots_in(connection, organization).await?;
    lots.retain(|lot| lot.kind == LotKind::Purchase);
    let open: BTreeSet<LotId> = lots.iter().map(|lot| lot.id).chain([purchase]).collect();
    // Of a purchase whose own lot bears all of it, and has nothing left, nothing can change by
    // another's: there may be many, and they need not be read.
    let known: Vec<LotId> = taken.keys().copied().collect();
    for lot in known {
        if !open.contains(&lot) && of(&taken, lot) == of(&taken_back, lot) {
            taken.remove(&lot);
            taken_back.remove(&lot);
        }
    }
    // Nothing is left of these: something may come back to them.
    let mut closed: BTreeSet<LotId> = taken.keys().copied().chain([purchase]).collect();
    for lot in &lots {
        closed.remove(&lot.id);
    }
    for lot in closed {
        lots.extend(ledger::find_lot_in(connection, organization, lot).await?);
    }
    lots.sort_by(Lot::burn_order);
    let lots = lots.into_iter().map(|lot| BoughtLot {
        taken: of(&taken, lot.id),
        lot,
    });
    Ok(Bought {
        lots: lots.collect(),
        taken_back,
        owes: ledger::balance_in(connection, &chart::owed(organization)).await?,
    })
}

fn of(amounts: &BTreeMap<LotId, Money>, lot: LotId) -> Money {
    amounts.get(&lot).copied().unwrap_or(Money::ZERO)
}

/// What refunds and disputes have taken of each lot, less what they gave back: by the ledger.
async fn taken_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
) -> Result<BTreeMap<LotId, Money>, StoreError> {
    // The codes are those of the index that serves it.
    let rows = sqlx::query(
        "select transfers.lot_id,
                cast(sum(case when transfers.debit_account_id = $2 then transfers.amount_nano
                    else -transfers.amount_nano end) as bigint) as taken_nano
         from batches
         join transfers on transfers.batch_id = batches.id
         where batches.organization_id = $1
             and batches.code in ('refund', 'refund_failed', 'dispute')
             and transfers.lot_id is not null
         group by transfers.lot_id",
    )
    .bind(organization.to_string())
    .bind(chart::prepaid(organization).to_string())
    .fetch_all(connection)
    .await?;
    let taken = rows.iter().map(|row| {
        let taken = Money::from_nanos(row.try_get("taken_nano")?);
        Ok((id(row, "lot_id")?, taken))
    });
    taken.collect()
}

/// What refunds and disputes have taken back of each purchase: by their rows.
async fn taken_back_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
) -> Result<BTreeMap<LotId, Money>, StoreError> {
    let rows = sqlx::query(
        "select top_up_id, cast(sum(cents) as bigint) as cents from (
             select id as top_up_id, refunded_cents as cents from top_ups
             where organization_id = $1 and refunded_cents > 0
             union all
             select top_up_id, reversed_cents as cents from disputes
             where organization_id = $1 and reversed_cents > 0
         ) as taken
         group by top_up_id",
    )
    .bind(organization.to_string())
    .fetch_all(connection)
    .await?;
    let taken = rows.iter().map(|row| {
        let purchase = lot_of(id(row, "top_up_id")?);
        Ok((purchase, Cents::new(row.try_get("cents")?).money()?))
    });
    taken.collect()
}

//! The end of credit that was not used in time: a transfer, dated when it is made. Until then the
//! lot is in the books, and nobody counts it as available or is paid from it.

use std::collections::HashMap;

use ledger::{Batch, DueLot, Source};
use types::ids::{BatchId, LotId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use crate::db::micros;
use crate::{Core, StoreError, posting_rules};

/// Lots that are looked for together.
const PAGE: u32 = 100;
/// So that a run ends: the next one goes on.
const MOST_LOTS: usize = 2_000;
/// The most lots of one organization that a run fails with: something is wrong with its books, and
/// the others still have their turn.
const MOST_FAILED: usize = 10;

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// Lots taken out of the books.
    pub lots: usize,
    pub amount: Money,
    /// Lots whose turn it was and that could not be taken out.
    pub failed: usize,
}

pub(super) async fn expire_due(core: &Core) -> Result<Expired, StoreError> {
    let mut done = Expired::default();
    let mut failed: HashMap<OrganizationId, usize> = HashMap::new();
    let mut last: Option<DueLot> = None;
    let mut tried = 0;
    // It goes through what is due once, so that nobody stands in the way of who comes behind.
    while tried < MOST_LOTS {
        let due = {
            let mut connection = core.db.readers().acquire().await?;
            ledger::due_lots_in(&mut connection, core.now(), last.as_ref(), PAGE).await?
        };
        for lot in &due {
            let DueLot {
                organization, id, ..
            } = lot;
            let failures = failed.get(organization).copied().unwrap_or_default();
            if failures >= MOST_FAILED {
                done.failed += 1;
                continue;
            }
            tried += 1;
            match expire(core, *organization, *id).await {
                Ok(Some(amount)) => {
                    done.lots += 1;
                    done.amount = done.amount.plus(amount)?;
                }
                // Another process was first.
                Ok(None) => {}
                Err(error) => {
                    done.failed += 1;
                    failed.insert(*organization, failures + 1);
                    tracing::error!(%organization, lot = %id, %error, "a lot cannot be expired");
                }
            }
        }
        last = due.last().copied();
        if due.len() < PAGE as usize {
            break;
        }
    }
    Ok(done)
}

/// In a transaction of its own. What was taken out; `None` when nothing was left.
async fn expire(
    core: &Core,
    organization: OrganizationId,
    lot: LotId,
) -> Result<Option<Money>, StoreError> {
    let mut tx = core.db.begin().await?;
    let mut books = ledger::lock_books_in(&mut tx, organization).await?;
    let now = core.now();
    // Under the lock: what was used in the meantime is not taken out as well.
    let lot = ledger::find_lot_in(&mut tx, organization, lot).await?;
    let Some((lot, transfer)) = lot.filter(|lot| lot.is_expired(now)).and_then(|lot| {
        let transfer = posting_rules::grant_expiry::transfer(organization, &lot)?;
        Some((lot, transfer))
    }) else {
        tx.rollback().await?;
        return Ok(None);
    };
    let batch = Batch {
        id: BatchId::generate(),
        source: Source::new("expiry", lot.id),
        code: "grant_expiry",
        transfers: vec![transfer],
        opens: Vec::new(),
        booked_at: now,
    };
    ledger::post_in(&mut tx, &mut books, &batch, now).await?;
    tx.commit().await?;
    tracing::info!(%organization, lot = %lot.id, amount = %lot.remaining.dollars(), "credit expired");
    Ok(Some(lot.remaining))
}

/// What had expired by `at`, was left and was in the books at that instant all the same. After its
/// expiry a lot changes by being taken out and by nothing else.
pub(crate) async fn expired_at_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    at: Timestamp,
) -> Result<Money, StoreError> {
    let nanos: i64 = sqlx::query_scalar(
        "select cast(coalesce(sum(case
                    when batches.id is null then lots.remaining_nano
                    when batches.booked_at > $2 then transfers.amount_nano
                    else 0 end), 0) as bigint)
         from lots
         left join batches on batches.source = 'expiry:' || lots.id
         left join transfers on transfers.batch_id = batches.id and transfers.lot_id = lots.id
         where lots.organization_id = $1 and lots.expires_at <= $2",
    )
    .bind(organization.to_string())
    .bind(micros(at))
    .fetch_one(connection)
    .await?;
    Ok(Money::from_nanos(nanos))
}

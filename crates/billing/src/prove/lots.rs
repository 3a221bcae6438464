//! The proof of credit in lots, beyond what the ledger proves of them: nothing is paid from a lot
//! that has expired, and grants and expiries are what they say they are.

use futures::TryStreamExt;
use ledger::{Check, Connection};
use sqlx::Row;

use crate::StoreError;

/// What is drawn on a lot from its expiry on is its expiry.
pub(super) async fn check_expired_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("nothing is paid from a lot that has expired");
    let mut rows = sqlx::query(
        "select transfers.id, lots.id as lot_id, batches.source
         from lots
         join transfers on transfers.lot_id = lots.id
         join batches on batches.id = transfers.batch_id
         where lots.expires_at is not null and batches.booked_at >= lots.expires_at
             and batches.source <> 'expiry:' || lots.id",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let text = |column: &str| row.try_get::<String, _>(column);
        check.differs(format!(
            "transfer {} of {} moves lot {} after it has expired",
            text("id")?,
            text("source")?,
            text("lot_id")?
        ));
    }
    Ok(check)
}

/// Each grant is posted once, as it was asked for, and nothing else is.
pub(super) async fn check_grants_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("credit is given once and as it was granted");
    let mut rows = sqlx::query(
        "select credit_grants.key from credit_grants
         left join batches on batches.source = 'grant:' || credit_grants.key
             and batches.organization_id = credit_grants.organization_id
             and batches.code = 'grant' and batches.booked_at = credit_grants.granted_at
         where batches.id is null
             or credit_grants.amount_nano <> (
                 select coalesce(sum(transfers.amount_nano), 0) from transfers
                 where transfers.batch_id = batches.id
                     and transfers.debit_account_id = 'platform:promotion_expense')
             or exists (
                 select 1 from transfers join lots on lots.id = transfers.lot_id
                 where transfers.batch_id = batches.id
                     and (lots.batch_sequence <> batches.sequence
                         or lots.account_kind <> 'promotional'
                         or lots.priority <> credit_grants.priority
                         or coalesce(lots.expires_at, -1) <> coalesce(credit_grants.expires_at, -1)))",
    )
    .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let key: String = row.try_get("key")?;
        check.differs(format!("grant {key} is not what the ledger has"));
    }
    drop(rows);
    let mut strays = sqlx::query(
        "select batches.id from batches
         left join credit_grants on batches.source = 'grant:' || credit_grants.key
             and credit_grants.organization_id = batches.organization_id
         where batches.code = 'grant' and credit_grants.key is null",
    )
    .fetch(connection);
    while let Some(row) = strays.try_next().await? {
        let id: String = row.try_get("id")?;
        check.differs(format!("batch {id} gives credit that was not granted"));
    }
    Ok(check)
}

/// Lots come with a grant, a top-up, or with what a refund or a dispute gave back, each of its kind;
/// and one that is expired was due, and is empty.
pub(super) async fn check_ends_in(connection: &mut Connection) -> Result<Check, StoreError> {
    let mut check = Check::new("lots open by a grant or a top-up and expire when they are due");
    let mut opened = sqlx::query(
        "select lots.id, batches.source from lots
         left join batches on batches.organization_id = lots.organization_id
             and batches.sequence = lots.batch_sequence
         where batches.id is null or batches.booked_at <> lots.opened_at
             or not (case lots.account_kind when 'promotional' then batches.code = 'grant'
                 else batches.code in ('top_up', 'dispute', 'refund_failed') end)",
    )
    .fetch(&mut *connection);
    while let Some(row) = opened.try_next().await? {
        let id: String = row.try_get("id")?;
        let source: Option<String> = row.try_get("source")?;
        check.differs(format!("lot {id} is opened by {source:?}"));
    }
    drop(opened);
    let mut ended = sqlx::query(
        "select batches.source from batches
         left join lots on batches.source = 'expiry:' || lots.id
             and lots.organization_id = batches.organization_id
         where batches.code = 'grant_expiry'
             and (lots.id is null or lots.remaining_nano <> 0
                 or lots.expires_at is null or lots.expires_at > batches.booked_at
                 or exists (
                     select 1 from transfers where transfers.batch_id = batches.id
                         and (transfers.credit_account_id <> 'platform:expired_credit'
                             or coalesce(transfers.lot_id, '') <> lots.id)))",
    )
    .fetch(connection);
    while let Some(row) = ended.try_next().await? {
        let source: String = row.try_get("source")?;
        check.differs(format!("{source} is not the end of a lot that was due"));
    }
    Ok(check)
}

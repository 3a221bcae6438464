//! The proof of lots: what is left of each is what was put in less what was drawn, at no time more
//! than it had at first or less than nothing, and together they are the account's balance.

use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{AccountRow, Check};
use crate::lot::LotKind;
use crate::{Connection, LedgerError};

/// A lot as it is stored, and what its transfers come to.
struct LotRow {
    organization: String,
    account_kind: String,
    /// The number of the batch that opened it.
    batch_sequence: i64,
    granted: i64,
    remaining: i64,
    /// What was put in by the batch that opened it.
    put_in: i128,
    left: i128,
}

pub(super) async fn check_in(
    connection: &mut Connection,
    accounts: &HashMap<String, AccountRow>,
) -> Result<Check, LedgerError> {
    let mut check = Check::new("transfers add up to what is left of each lot, lots to balances");
    let mut lots = lots_in(connection).await?;
    let mut rows = sqlx::query(
        "select transfers.id, transfers.lot_id, transfers.debit_account_id,
                transfers.credit_account_id, transfers.amount_nano, batches.sequence
         from transfers join batches on batches.id = transfers.batch_id
         order by batches.organization_id, batches.sequence, transfers.position",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        check_transfer(&mut check, &mut lots, &row)?;
    }
    let mut sums: HashMap<String, i128> = HashMap::new();
    for (id, lot) in &lots {
        if i128::from(lot.remaining) != lot.left || i128::from(lot.granted) != lot.put_in {
            check.differs(format!(
                "lot {id}: {} of {} are left, its transfers say {} of {}",
                lot.remaining, lot.granted, lot.left, lot.put_in
            ));
        }
        let account = format!("{}:{}", lot.organization, lot.account_kind);
        *sums.entry(account).or_default() += i128::from(lot.remaining);
    }
    for (id, account) in accounts {
        let is_kept_in_lots = account.organization.is_some() && kind_of(id).is_some();
        let sum = sums.remove(id).unwrap_or_default();
        let balance = account.balance.map_or(0, i128::from);
        if is_kept_in_lots && balance != sum {
            check.differs(format!("{id}: balance {balance}, its lots have {sum}"));
        }
    }
    for id in sums.into_keys() {
        check.differs(format!("{id} has lots and is not open"));
    }
    Ok(check)
}

async fn lots_in(connection: &mut Connection) -> Result<HashMap<String, LotRow>, LedgerError> {
    let mut rows = sqlx::query(
        "select id, organization_id, account_kind, batch_sequence, granted_nano, remaining_nano
         from lots",
    )
    .fetch(connection);
    let mut lots = HashMap::new();
    while let Some(row) = rows.try_next().await? {
        let lot = LotRow {
            organization: row.try_get("organization_id")?,
            account_kind: row.try_get("account_kind")?,
            batch_sequence: row.try_get("batch_sequence")?,
            granted: row.try_get("granted_nano")?,
            remaining: row.try_get("remaining_nano")?,
            put_in: 0,
            left: 0,
        };
        lots.insert(row.try_get("id")?, lot);
    }
    Ok(lots)
}

/// A transfer that touches an account kept in lots names one lot of that account, and no other
/// transfer names any.
fn check_transfer(
    check: &mut Check,
    lots: &mut HashMap<String, LotRow>,
    row: &AnyRow,
) -> Result<(), LedgerError> {
    let id: String = row.try_get("id")?;
    let named: Option<String> = row.try_get("lot_id")?;
    let (debit, credit): (String, String) = (
        row.try_get("debit_account_id")?,
        row.try_get("credit_account_id")?,
    );
    let amount = i128::from(row.try_get::<i64, _>("amount_nano")?);
    let (account, change) = match (kind_of(&debit), kind_of(&credit), &named) {
        (None, None, None) => return Ok(()),
        (Some(_), None, Some(_)) => (debit, -amount),
        (None, Some(_), Some(_)) => (credit, amount),
        (Some(_), Some(_), _) | (_, _, None) | (None, None, Some(_)) => {
            check.differs(format!(
                "transfer {id} from {debit} to {credit} names lot {named:?}"
            ));
            return Ok(());
        }
    };
    let Some(lot) = named.as_ref().and_then(|lot| lots.get_mut(lot)) else {
        check.differs(format!(
            "transfer {id} names lot {named:?}, which is not there"
        ));
        return Ok(());
    };
    let sequence: i64 = row.try_get("sequence")?;
    if change > 0 && sequence == lot.batch_sequence {
        lot.put_in += change;
    }
    lot.left += change;
    if format!("{}:{}", lot.organization, lot.account_kind) != account {
        check.differs(format!(
            "transfer {id} on {account} names lot {named:?} of {}:{}",
            lot.organization, lot.account_kind
        ));
    }
    if lot.left < 0 || lot.left > i128::from(lot.granted) {
        check.differs(format!(
            "after transfer {id} lot {named:?} has {} of {}",
            lot.left, lot.granted
        ));
    }
    Ok(())
}

/// The kind of the lots that an account consists of, by its id.
fn kind_of(account: &str) -> Option<LotKind> {
    match account.split_once(':') {
        Some((owner, kind)) if owner != "platform" => LotKind::of_account_kind(kind),
        Some(_) | None => None,
    }
}

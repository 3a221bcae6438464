//! Starting a refund: what is unused is looked at, taken out of its lot and written down with the
//! key, all under one lock of the books.

use ledger::{Batch, Source};
use sha2::{Digest, Sha256};
use types::ids::{BatchId, OrganizationId, RefundId};
use types::money::Cents;
use types::refund::{RefundOffer, RefundRefusal};

use super::bought::{bought_in, lot_of};
use super::offer::{Unused, most, offer, refusal, unused_in};
use super::store::{self, NewRefund, Origin, Refund};
use super::{OperatorRefund, RefundError};
use crate::crash::{CrashPoint, reach};
use crate::{Core, chart, posting_rules};

const LEAST: Cents = Cents::new(1);
const MOST_KEY_CHARACTERS: usize = 100;
const MOST_REASON_CHARACTERS: usize = 200;

/// What became of a request.
pub(super) enum Started {
    /// The gateway is to be asked.
    New(Box<Refund>),
    /// The same was asked for before.
    Before,
}

/// What the operator typed, checked.
pub(super) fn operators(request: OperatorRefund) -> Result<NewRefund, RefundError> {
    let is_usable = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    let length = request.key.len();
    if !(1..=MOST_KEY_CHARACTERS).contains(&length) || !request.key.bytes().all(is_usable) {
        return Err(RefundError::Key);
    }
    let reason = request.reason.trim().to_owned();
    let is_text = !reason.chars().any(char::is_control);
    if !(1..=MOST_REASON_CHARACTERS).contains(&reason.chars().count()) || !is_text {
        return Err(RefundError::Reason);
    }
    Ok(NewRefund {
        id: id_of_key(&request.key),
        top_up: request.top_up,
        amount: request.amount,
        origin: Origin::Operator { reason },
    })
}

/// The same key is the same refund, on any machine.
fn id_of_key(key: &str) -> RefundId {
    let digest = Sha256::digest(format!("operator's refund {key}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    RefundId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Takes the credit out and writes the refund down. From its commit on it is under way.
pub(super) async fn start(
    core: &Core,
    organization: OrganizationId,
    new: &NewRefund,
) -> Result<Started, RefundError> {
    if new.amount < LEAST {
        return Err(RefundError::BelowMinimum { least: LEAST });
    }
    let mut tx = core.db.begin().await?;
    let mut books = ledger::lock_books_in(&mut tx, organization).await?;
    // Under the lock: credit that expired while this waited for it is not given back.
    let now = core.now();
    // A repeat first: what was started stays so, whatever is left since.
    if let Some(found) = store::find_in(&mut tx, organization, new.id).await? {
        tx.rollback().await?;
        return if found.is_for(new) {
            Ok(Started::Before)
        } else {
            Err(RefundError::IdReused)
        };
    }
    let available = chart::balance_in(&mut tx, organization, now)
        .await?
        .available()?;
    let unused = unused_in(&mut tx, organization, new.top_up, available).await?;
    let unused = unused.ok_or(RefundError::TopUpNotFound)?;
    check(core, new, &unused, now)?;
    let refund = store::insert_in(&mut tx, organization, new, &unused.gateway_account, now).await?;
    // Of this organization's it was free: another's has it.
    let refund = refund.ok_or(RefundError::IdReused)?;
    let lot = lot_of(new.top_up);
    let bought = bought_in(&mut tx, organization, lot).await?;
    let movement = posting_rules::refund::asked(organization, &bought, lot, new.amount.money()?)?;
    let batch = Batch {
        id: BatchId::generate(),
        source: Source::new("refund", new.id),
        code: "refund",
        transfers: movement.transfers,
        opens: movement.opens,
        booked_at: now,
    };
    ledger::post_in(&mut tx, &mut books, &batch, now).await?;
    store::add_refunded_in(&mut tx, organization, new.top_up, new.amount.get()).await?;
    reach(CrashPoint::RefundBeforeCommit);
    // From here on it may have been started: no error may tell anybody otherwise.
    let committed = tx.commit().await;
    committed.map_err(|error| RefundError::NotKnownYet(error.into()))?;
    reach(CrashPoint::RefundAfterCommit);
    tracing::info!(refund = %new.id, %organization, amount = %new.amount, "a refund is under way");
    Ok(Started::New(Box::new(refund)))
}

fn check(
    core: &Core,
    new: &NewRefund,
    unused: &Unused,
    now: types::time::Timestamp,
) -> Result<(), RefundError> {
    match &new.origin {
        Origin::SelfService { .. } => match offer(core, unused, now) {
            RefundOffer::Refundable { .. } => {}
            RefundOffer::Refused { why } => return Err(why.into()),
        },
        // At any time, and for whichever account's server asks the gateway later.
        Origin::Operator { .. } | Origin::Gateway => {
            match refusal(&unused.gateway_account, unused) {
                None => {}
                Some(
                    why @ (RefundRefusal::Used | RefundRefusal::Held | RefundRefusal::Disputed),
                ) => {
                    return Err(why.into());
                }
                Some(RefundRefusal::TooLate { .. } | RefundRefusal::NotConnected) => {}
            }
        }
    }
    let most = most(unused);
    if new.amount > most {
        return Err(RefundError::AboveUnused { most });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use types::ids::TopUpId;

    use super::*;
    use crate::Problem;

    #[test]
    fn the_same_key_is_the_same_refund_and_unusable_words_are_refused() {
        let request = |key: &str, reason: &str| OperatorRefund {
            key: key.to_owned(),
            top_up: TopUpId::generate(),
            amount: Cents::new(500),
            reason: reason.to_owned(),
        };
        let id = |key: &str| operators(request(key, "Goodwill")).unwrap().id;
        assert_eq!(id("ticket-1"), id("ticket-1"));
        assert_ne!(id("ticket-1"), id("ticket-2"));
        for (key, reason, code) in [
            ("", "Goodwill", "invalid_key"),
            ("a b", "Goodwill", "invalid_key"),
            ("k", " ", "invalid_reason"),
            ("k", "a\nb", "invalid_reason"),
        ] {
            let error = operators(request(key, reason)).err().unwrap();
            assert_eq!(error.code(), code, "{key:?} {reason:?}");
        }
    }
}

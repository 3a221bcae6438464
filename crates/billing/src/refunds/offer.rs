//! What may be given back of a top-up, and why not. The rule itself is pure: the page that offers it
//! and the request that is refused by it say the same.

use sqlx::Row;
use sqlx::any::AnyRow;
use types::ids::{OrganizationId, TopUpId};
use types::money::{Cents, Money};
use types::refund::{RefundOffer, RefundRefusal};
use types::time::Timestamp;

use super::bought::lot_of;
use crate::db::time;
use crate::top_up::state::State;
use crate::top_up::store::read_state;
use crate::{Core, StoreError};

const NANO_A_CENT: i64 = 10_000_000;

/// What is known of a top-up that was paid.
#[derive(Debug, Clone)]
pub(crate) struct Unused {
    pub(crate) settled_at: Timestamp,
    /// Of the lot that it opened; nothing where all of it went to what was owed.
    pub(crate) remaining: Money,
    /// What the organization may spend at all: what is held is not given back.
    pub(crate) available: Money,
    /// Of the payment, what its card has not got back. The lot may have more: credit that a refund of
    /// another payment took there came back.
    pub(crate) unreturned: Cents,
    pub(crate) is_disputed: bool,
    /// Whether the gateway that has the charge is the one that is connected.
    pub(crate) gateway_account: String,
}

/// What a person may have back at `now`.
pub(crate) fn offer(core: &Core, unused: &Unused, now: Timestamp) -> RefundOffer {
    let until = unused.settled_at + core.settings.refund_window;
    let refused = |why| RefundOffer::Refused { why };
    match refusal(core.gateway.account().as_str(), unused) {
        Some(why) => refused(why),
        None if now >= until => refused(RefundRefusal::TooLate { since: until }),
        None => RefundOffer::Refundable {
            most: most(unused),
            until,
        },
    }
}

/// Why nothing can be given back, whoever asks and however late it is.
pub(super) fn refusal(account: &str, unused: &Unused) -> Option<RefundRefusal> {
    if unused.is_disputed {
        return Some(RefundRefusal::Disputed);
    }
    if unused.gateway_account != account {
        return Some(RefundRefusal::NotConnected);
    }
    if unused.remaining.nanos() < NANO_A_CENT || unused.unreturned.get() <= 0 {
        return Some(RefundRefusal::Used);
    }
    (most(unused).get() == 0).then_some(RefundRefusal::Held)
}

/// In whole cents, rounded down: a card takes no less.
pub(super) fn most(unused: &Unused) -> Cents {
    let most = unused.remaining.min(unused.available).max(Money::ZERO);
    Cents::new(most.nanos() / NANO_A_CENT).min(unused.unreturned)
}

/// `None` where the organization has no such top-up that was paid. What is held or owed makes
/// `available` smaller.
pub(super) async fn unused_in(
    connection: &mut ledger::Connection,
    organization: OrganizationId,
    top_up: TopUpId,
    available: Money,
) -> Result<Option<Unused>, StoreError> {
    let row = sqlx::query(
        "select top_ups.state, top_ups.decline_reason, top_ups.action_url, top_ups.updated_at,
                top_ups.amount_cents, top_ups.refunded_cents, top_ups.disputed_cents,
                top_ups.reversed_cents, payments.gateway_account
         from top_ups
         join payments on payments.top_up_id = top_ups.id
             and payments.organization_id = top_ups.organization_id
         where top_ups.id = $1 and top_ups.organization_id = $2",
    )
    .bind(top_up.to_string())
    .bind(organization.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    match read_state(&row)? {
        State::Succeeded => {}
        State::Processing
        | State::RequiresAction { .. }
        | State::Failed { .. }
        | State::Canceled => {
            return Ok(None);
        }
    }
    let lot = ledger::find_lot_in(connection, organization, lot_of(top_up)).await?;
    let (disputed, reversed): (i64, i64) = (
        row.try_get("disputed_cents")?,
        row.try_get("reversed_cents")?,
    );
    Ok(Some(Unused {
        settled_at: time(&row, "updated_at")?,
        remaining: lot.map_or(Money::ZERO, |lot| lot.remaining),
        available,
        unreturned: unreturned(&row)?,
        is_disputed: disputed > 0 || reversed > 0,
        gateway_account: row.try_get("gateway_account")?,
    }))
}

/// By what was paid and what went back of it.
pub(crate) fn unreturned(row: &AnyRow) -> Result<Cents, StoreError> {
    let (paid, refunded): (i64, i64) =
        (row.try_get("amount_cents")?, row.try_get("refunded_cents")?);
    let unreturned = paid.checked_sub(refunded);
    unreturned
        .map(Cents::new)
        .ok_or_else(|| StoreError::Inconsistent(format!("{refunded} of {paid} cents went back")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unused(remaining: i64, available: i64) -> Unused {
        Unused {
            settled_at: "2026-03-11T12:00:00Z".parse().unwrap(),
            remaining: Money::from_nanos(remaining),
            available: Money::from_nanos(available),
            unreturned: Cents::new(9),
            is_disputed: false,
            gateway_account: "here".to_owned(),
        }
    }

    #[test]
    fn what_is_unused_and_not_held_can_be_given_back_in_whole_cents() {
        const CENT: i64 = NANO_A_CENT;
        let cases = [
            (unused(5 * CENT, 9 * CENT), Ok(5)),
            (unused(5 * CENT + 9_999_999, 9 * CENT), Ok(5)),
            (unused(5 * CENT, 3 * CENT), Ok(3)),
            (unused(12 * CENT, 12 * CENT), Ok(9)),
            (
                Unused {
                    unreturned: Cents::new(0),
                    ..unused(5 * CENT, 5 * CENT)
                },
                Err(RefundRefusal::Used),
            ),
            (unused(5 * CENT, CENT - 1), Err(RefundRefusal::Held)),
            (unused(5 * CENT, -CENT), Err(RefundRefusal::Held)),
            (unused(CENT - 1, 9 * CENT), Err(RefundRefusal::Used)),
            (
                Unused {
                    is_disputed: true,
                    ..unused(5 * CENT, 5 * CENT)
                },
                Err(RefundRefusal::Disputed),
            ),
            (
                Unused {
                    gateway_account: "elsewhere".to_owned(),
                    ..unused(5 * CENT, 5 * CENT)
                },
                Err(RefundRefusal::NotConnected),
            ),
        ];
        for (unused, expected) in cases {
            let found = match refusal("here", &unused) {
                Some(why) => Err(why),
                None => Ok(most(&unused).get()),
            };
            assert_eq!(found, expected, "{unused:?}");
        }
    }
}

//! The proof of the whole: the ledger's own, and that usage, top-ups, refunds, disputes and
//! lots are what it says.

mod holds;
mod lots;
mod money_back;
mod rollups;
mod top_ups;
mod usage;

use ledger::Check;

use crate::{Core, StoreError};

/// What was checked, and how much of it there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub checks: Vec<Check>,
    pub accounts: u64,
    pub transfers: u64,
    pub events: u64,
}

impl Proof {
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }
}

pub(crate) async fn prove(core: &Core) -> Result<Proof, StoreError> {
    let mut tx = core.db.begin_read().await?;
    let of_ledger = ledger::prove_in(&mut tx).await?;
    let mut checks = of_ledger.checks;
    let of_events = usage::check_events_in(&mut tx).await?;
    checks.push(of_events.priced);
    checks.push(of_events.batches);
    checks.push(usage::check_carries_in(&mut tx).await?);
    checks.push(usage::check_posted_in(&mut tx).await?);
    let of_sums = rollups::check_in(&mut tx).await?;
    checks.extend([of_sums.hours, of_sums.days, of_sums.watermarks]);
    checks.push(top_ups::check_in(&mut tx).await?);
    checks.push(money_back::check_refunds_in(&mut tx).await?);
    checks.push(money_back::check_disputes_in(&mut tx).await?);
    checks.push(money_back::check_top_ups_in(&mut tx).await?);
    checks.push(money_back::check_clearing_in(&mut tx).await?);
    checks.push(lots::check_grants_in(&mut tx).await?);
    checks.push(lots::check_ends_in(&mut tx).await?);
    checks.push(lots::check_expired_in(&mut tx).await?);
    checks.extend(holds::check_in(&mut tx, core.now()).await?);
    Ok(Proof {
        checks,
        accounts: of_ledger.accounts,
        transfers: of_ledger.transfers,
        events: of_events.events,
    })
}

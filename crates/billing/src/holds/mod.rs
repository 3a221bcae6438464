//! Holds: credit that is set aside before a request runs, and settled when it has run.
//!
//! Owns what may be granted, for how long, and what becomes of it. Every change of a hold goes
//! through the one writer of usage and commits under the lock of the organization's books, so a
//! grant is decided by what is really left, whoever else grants at the same moment. Does not own
//! what a request costs (`pricing`) nor how it is charged (`metering`): a capture is a usage event.
//!
//! | module | owns |
//! | --- | --- |
//! | `hold` | a hold's states |
//! | `request` | what may be asked |
//! | `credit` | how much of what is available a request may have |
//! | `estimate` | the output of a request of which nobody said the most |
//! | `gate` | refusing from memory |
//! | `desk` | what a commit's jobs do to holds |
//! | `rows`, `store` | the statements, within commits and outside |
//!
//! Holds are forgotten 31 days after they were opened; the usage that they were captured for stays.

mod credit;
pub(crate) mod desk;
mod error;
mod estimate;
pub(crate) mod gate;
mod hold;
mod request;
pub(crate) mod rows;
mod store;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{SubsecRound, TimeDelta};
use types::balance::Balance;
use types::ids::{ApiKeyId, HoldId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use crate::metering::Owner;
use crate::metering::hold_jobs::{HoldAct, price_capture};
use crate::metering::sources;
use crate::tenancy::api_keys::ApiKeyCaller;
use crate::{Core, StoreError, chart};
pub use credit::FLOOR;
use desk::NewHold;
pub use error::{HoldError, Shortfall, ShortfallReason};
pub use hold::{HOLD_LIFETIME, Hold, HoldState, LATEST_CAPTURE, LONGEST_HOLD};
pub(crate) use request::is_free;
pub use request::{CaptureHold, HOLD_SOURCE, HoldFault, OpenHold};
pub(crate) use store::{held_at_in, held_in};

/// The most holds that an organization may have open at a time: more than the requests that any
/// has under way, and few enough to be written down in some twenty commits when all of them expire.
pub const MOST_OPEN_HOLDS: i64 = 10_000;
/// How long after it was opened a hold is forgotten: 30 days after the latest that it can end.
const REMEMBERED: TimeDelta = TimeDelta::days(31);
/// The most organizations whose due holds are looked for at a time.
const MOST_SWEPT: i64 = 16;
/// The most times in one run: it is soon run again.
const MOST_SWEEPS: usize = 256;
/// The most organizations that a run fails with: if there are more, it is not them.
const MOST_FAILED: usize = 64;

/// What holds keep in memory.
#[derive(Debug, Default)]
pub(crate) struct HoldMemory {
    pub(crate) gate: Arc<gate::Gate>,
    estimates: estimate::Estimates,
}

/// Forgets holds that ended long ago. Returns how many.
pub(crate) async fn forget_old(core: &Core) -> Result<u64, StoreError> {
    store::forget(core, core.now() - REMEMBERED).await
}

/// What limits an organization's requests right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditLimits {
    pub balance: Balance,
    /// What holds that are opened now may take together.
    pub left: Money,
    pub open_holds: i64,
    /// How many senders of events there are.
    pub sources: i64,
    /// How many projects, keys and models have been used together.
    pub series: i64,
}

/// See [`crate::Billing::holds`].
#[derive(Clone)]
pub struct Holds {
    core: Arc<Core>,
}

impl Holds {
    pub(crate) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Sets credit aside for a request that is about to run. Where credit covers only a part, the
    /// hold is limited to the output that it covers.
    ///
    /// # Errors
    /// When the request is malformed, its id was used for another, or there is no credit for it.
    /// [`HoldError::NotCommitted`]: it may have been opened; the same again, with an id, finds it.
    pub async fn open(&self, caller: &ApiKeyCaller, request: OpenHold) -> Result<Hold, HoldError> {
        request.check()?;
        let now = self.now();
        let core = &*self.core;
        let named = (request.project, request.api_key);
        let owner = core.metering.owner(core, caller, named).await?;
        let owner = owner.map_err(HoldFault::from)?;
        let book = core.metering.book_with(core, &request.model, now).await?;
        let model = book.model(&request.model).ok_or(HoldFault::UnknownModel)?;
        let asked = match request.max_output_tokens {
            Some(most) => most,
            None => self.estimate(&owner, &request.model, now).await?,
        };
        let new = NewHold {
            project: owner.project,
            api_key: owner.api_key,
            client_id: request.id,
            model: Arc::clone(model),
            input_tokens: request.input_tokens,
            requested: request.max_output_tokens,
            wanted: asked.min(model.max_tokens()),
        };
        let quote = new.quote(now)?;
        let ruled_out = core.holds.gate.rules_out(owner.organization, &quote, now);
        if let Some(shortfall) = ruled_out {
            return self
                .find_repeat(owner.organization, &new, now)
                .await?
                .ok_or(HoldError::InsufficientCredit { shortfall });
        }
        let act = HoldAct::Open(new);
        self.act(owner.organization, act, book.version_count())
            .await
    }

    /// Charges what a request really used, in place of what was set aside: more than that too.
    /// The same capture again changes nothing. A request that produced nothing or that failed on
    /// the provider's side is recorded, with what it used, and costs nothing.
    ///
    /// # Errors
    /// When there is no such hold, it was captured with other content, it ended too long ago, or
    /// the numbers are not usable.
    pub async fn capture(
        &self,
        organization: OrganizationId,
        hold: HoldId,
        request: CaptureHold,
    ) -> Result<Hold, HoldError> {
        let now = self.now();
        let core = &*self.core;
        let found = self.find(organization, hold).await?;
        let found = found.ok_or(HoldError::NotFound)?;
        let at = found.created_at;
        let book = core.metering.book_with(core, &found.model, at).await?;
        let owner = Owner {
            organization,
            project: found.project,
            api_key: found.api_key,
        };
        let priced = price_capture(request.event(&found), owner, &book, now)?;
        let act = HoldAct::Capture(hold, Box::new(priced));
        self.act(organization, act, book.version_count()).await
    }

    /// Gives back what was set aside for a request that did not run.
    ///
    /// # Errors
    /// When there is no such hold, or it was captured.
    pub async fn release(
        &self,
        organization: OrganizationId,
        hold: HoldId,
    ) -> Result<Hold, HoldError> {
        self.act_alone(organization, HoldAct::Release(hold)).await
    }

    /// Prolongs a hold whose request still runs.
    ///
    /// # Errors
    /// When there is no such hold, or it is not open any more.
    pub async fn heartbeat(
        &self,
        organization: OrganizationId,
        hold: HoldId,
    ) -> Result<Hold, HoldError> {
        self.act_alone(organization, HoldAct::Heartbeat(hold)).await
    }

    /// An organization's hold as it is now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(
        &self,
        organization: OrganizationId,
        hold: HoldId,
    ) -> Result<Option<Hold>, StoreError> {
        let mut connection = self.core.db.readers().acquire().await?;
        store::find_in(&mut connection, organization, hold, self.now()).await
    }

    /// What there is to spend, and how many holds there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn limits(&self, organization: OrganizationId) -> Result<CreditLimits, StoreError> {
        let now = self.now();
        let mut tx = self.core.db.begin_read().await?;
        let balance = chart::balance_in(&mut tx, organization, now).await?;
        let open_holds = held_in(&mut tx, organization, now).await?.count;
        let sources = sources::count_in(&mut tx, organization).await?;
        let series = sources::count_series_in(&mut tx, organization).await?;
        Ok(CreditLimits {
            left: credit::room(balance.available()?)?,
            balance,
            open_holds,
            sources,
            series,
        })
    }

    /// Writes down which holds have expired, some in each commit; nothing was set aside for them
    /// any more. Several processes may do it at once. Returns of how many organizations.
    ///
    /// # Errors
    /// When the database does not answer or does not take all of it. What it takes is done all the
    /// same, and the next run does the rest.
    pub async fn expire_due(&self) -> Result<usize, HoldError> {
        let mut swept = BTreeSet::new();
        let mut failed = BTreeSet::new();
        let mut first_error = None;
        for _ in 0..MOST_SWEEPS {
            let due = {
                let mut connection = self.core.db.readers().acquire().await?;
                store::due_in(&mut connection, self.now(), &failed, MOST_SWEPT).await?
            };
            if due.is_empty() || failed.len() > MOST_FAILED {
                break;
            }
            // One after another: together they would all be written down in one commit.
            for organization in due {
                let metering = &self.core.metering;
                let expired = metering.hold(&self.core, organization, HoldAct::Expire, 0);
                match expired.await {
                    Ok(_) => {
                        swept.insert(organization);
                    }
                    // The others still have their turn.
                    Err(error) => {
                        failed.insert(organization);
                        first_error.get_or_insert(error);
                    }
                }
            }
        }
        first_error.map_or(Ok(swept.len()), Err)
    }

    /// Whether a request would be refused from memory, as far as its credit was seen within the
    /// last moments. `false` promises nothing.
    #[must_use]
    pub fn is_ruled_out(&self, organization: OrganizationId, request: &OpenHold) -> bool {
        let now = self.core.now();
        let wanted = request.max_output_tokens.unwrap_or(1);
        let book = self.core.metering.known_rates();
        let Some(model) = book.model(&request.model) else {
            return false;
        };
        let quote = desk::quote(model, now, request.input_tokens, wanted);
        let gate = &self.core.holds.gate;
        quote.is_ok_and(|quote| gate.rules_out(organization, &quote, now).is_some())
    }

    /// As exact as it is stored.
    fn now(&self) -> Timestamp {
        self.core.now().trunc_subsecs(6)
    }

    async fn act_alone(
        &self,
        organization: OrganizationId,
        act: HoldAct,
    ) -> Result<Hold, HoldError> {
        let rates = self.core.metering.known_rates().version_count();
        self.act(organization, act, rates).await
    }

    async fn act(
        &self,
        organization: OrganizationId,
        act: HoldAct,
        rate_count: i64,
    ) -> Result<Hold, HoldError> {
        let metering = &self.core.metering;
        let done = metering
            .hold(&self.core, organization, act, rate_count)
            .await?;
        done.ok_or_else(|| {
            StoreError::Inconsistent("a hold was changed and not told".to_owned()).into()
        })
    }

    /// What a request that was granted before was granted: credit that is gone since does not
    /// take it back.
    async fn find_repeat(
        &self,
        organization: OrganizationId,
        new: &NewHold,
        now: Timestamp,
    ) -> Result<Option<Hold>, HoldError> {
        let Some(client_id) = &new.client_id else {
            return Ok(None);
        };
        let mut connection = self.core.db.readers().acquire().await?;
        let found = store::find_by_client_in(&mut connection, organization, client_id, now).await?;
        match found {
            Some(hold) if !new.is(&hold) => {
                let first = hold.created_at;
                Err(HoldError::Reused { first })
            }
            found => Ok(found),
        }
    }

    async fn estimate(
        &self,
        owner: &Owner,
        model: &str,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let estimates = &self.core.holds.estimates;
        let (organization, api_key): (OrganizationId, ApiKeyId) =
            (owner.organization, owner.api_key);
        estimates
            .of(&self.core.db, organization, api_key, model, now)
            .await
    }
}

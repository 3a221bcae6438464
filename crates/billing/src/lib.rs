//! What the product does: tenancy, pricing, metering, the prepaid balance, top-ups, payments and
//! history. Its face is one cloneable [`Billing`] handle.
//!
//! Owns the rules. Knows neither HTTP routes nor pages, and takes the time from a [`Clock`].
#![deny(clippy::float_arithmetic)]

pub mod analytics;
mod chart;
mod clock;
pub mod crash;
pub mod credits;
mod db;
pub mod disputes;
mod export;
mod history;
pub mod holds;
mod jobs;
pub mod metering;
pub mod payments;
mod posting_rules;
mod prepaid;
pub mod pricing;
mod problem;
mod prove;
pub mod reconcile;
pub mod refunds;
mod settings;
mod tenancy;
pub mod top_up;
pub mod transactions;

use std::sync::Arc;

use types::time::Timestamp;

pub use analytics::{Analytics, UsageReportError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use credits::Credits;
pub use db::OpenError;
pub use disputes::Disputes;
pub use export::beancount::ExportError;
pub use history::{History, HistoryError};
pub use holds::{CaptureHold, Hold, HoldError, HoldState, Holds, OpenHold};
pub use jobs::housekeeping::{Housekeeping, Tidied};
pub use jobs::reconciliation::{Reconciled, Reconciliation};
pub use metering::{FirstUse, IngestError, Ingested, Usage};
pub use payments::event::{GatewayEventError, GatewayEvents, ParkedNotice, Received};
pub use payments::method::{PaymentMethodError, PaymentMethods};
pub use prepaid::Prepaid;
pub use pricing as rates;
pub use pricing::{LoadedRates, RateCardError, Rates};
pub use problem::{Problem, ProblemKind, StoreError};
pub use prove::Proof;
pub use refunds::{OperatorRefund, RefundError, Refunds, StartRefund};
pub use settings::{BillingSettings, GatewaySettings, USUAL_REFUND_WINDOW};
pub use tenancy::api_keys::{ApiKeyCaller, ApiKeys};
pub use tenancy::operator::Operator;
pub use tenancy::sessions::{NewSession, Sessions, SignInError};
pub use tenancy::{Tenancy, TenancyError};
pub use top_up::{StartTopUp, TopUpError, TopUps};
pub use transactions::Transactions;

use db::Db;
use payments::gateway::Gateway;

/// What every part of the domain shares.
struct Core {
    db: Db,
    clock: Arc<dyn Clock>,
    gateway: Gateway,
    settings: BillingSettings,
    metering: metering::Metering,
    holds: holds::HoldMemory,
    key_lookups: tenancy::key_lookups::KeyLookups,
    top_up_turns: top_up::turns::Turns,
}

impl Core {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The domain. Cheap to clone; all clones share one database pool.
#[derive(Clone)]
pub struct Billing {
    core: Arc<Core>,
}

impl Billing {
    /// Connects to the database; see [`Billing::migrate`] for creating what it needs.
    ///
    /// # Errors
    /// When the database cannot be reached or the settings are not usable.
    pub async fn open(settings: BillingSettings, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        crash::arm();
        let db = Db::connect(&settings.database_url).await?;
        let gateway = Gateway::new(&settings.gateway)
            .map_err(|error| OpenError::Gateway(error.to_string()))?;
        Ok(Self {
            core: Arc::new(Core {
                db,
                clock,
                gateway,
                settings,
                metering: metering::Metering::new(),
                holds: holds::HoldMemory::default(),
                key_lookups: tenancy::key_lookups::KeyLookups::default(),
                top_up_turns: top_up::turns::Turns::default(),
            }),
        })
    }

    /// Brings the database's tables up to date and opens the platform's accounts.
    ///
    /// # Errors
    /// When the database cannot be changed, or was made by a newer version.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        self.core.db.migrate().await?;
        chart::open_platform_accounts(&self.core).await
    }

    /// Whether the database answers and has this version's tables, and usage can be written.
    pub async fn is_ready(&self) -> bool {
        self.core.metering.is_alive() && self.core.db.is_ready().await
    }

    /// Takes no more usage, writes what waits, waits until no connection is in use, then closes
    /// them.
    pub async fn close(&self) {
        self.core.metering.close().await;
        self.core.db.close().await;
    }

    /// The time as this instance sees it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.core.now()
    }

    /// Signing in and out.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions::new(Arc::clone(&self.core))
    }

    /// People, organizations and projects.
    #[must_use]
    pub fn tenancy(&self) -> Tenancy {
        Tenancy::new(Arc::clone(&self.core))
    }

    /// The keys that gateways report with.
    #[must_use]
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys::new(Arc::clone(&self.core))
    }

    /// What the operator does for an organization, asked for no role. For commands alone.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::new(Arc::clone(&self.core))
    }

    /// What models cost.
    #[must_use]
    pub fn rates(&self) -> Rates {
        Rates::new(Arc::clone(&self.core))
    }

    /// What was used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::new(Arc::clone(&self.core))
    }

    /// What was used, summed up.
    #[must_use]
    pub fn analytics(&self) -> Analytics {
        Analytics::new(Arc::clone(&self.core))
    }

    /// What is set aside for requests that run.
    #[must_use]
    pub fn holds(&self) -> Holds {
        Holds::new(Arc::clone(&self.core))
    }

    /// What is left.
    #[must_use]
    pub fn prepaid(&self) -> Prepaid {
        Prepaid::new(Arc::clone(&self.core))
    }

    /// Credit that was given, and what is left of all credit.
    #[must_use]
    pub fn credits(&self) -> Credits {
        Credits::new(Arc::clone(&self.core))
    }

    /// Adding credit by card.
    #[must_use]
    pub fn top_ups(&self) -> TopUps {
        TopUps::new(Arc::clone(&self.core))
    }

    /// Giving unused credit back to the card that paid for it.
    #[must_use]
    pub fn refunds(&self) -> Refunds {
        Refunds::new(Arc::clone(&self.core))
    }

    /// Payments that their card's owner complains about.
    #[must_use]
    pub fn disputes(&self) -> Disputes {
        Disputes::new(Arc::clone(&self.core))
    }

    /// Saved cards.
    #[must_use]
    pub fn payment_methods(&self) -> PaymentMethods {
        PaymentMethods::new(Arc::clone(&self.core))
    }

    /// Billing history.
    #[must_use]
    pub fn history(&self) -> History {
        History::new(Arc::clone(&self.core))
    }

    /// What the ledger posted, explained.
    #[must_use]
    pub fn transactions(&self) -> Transactions {
        Transactions::new(Arc::clone(&self.core))
    }

    /// What the gateway tells us of its own accord.
    #[must_use]
    pub fn gateway_events(&self) -> GatewayEvents {
        GatewayEvents::new(Arc::clone(&self.core))
    }

    /// Asking the gateway about what is still open.
    #[must_use]
    pub fn reconciliation(&self) -> Reconciliation {
        Reconciliation::new(Arc::clone(&self.core))
    }

    /// What is put in order now and then.
    #[must_use]
    pub fn housekeeping(&self) -> Housekeeping {
        Housekeeping::new(Arc::clone(&self.core))
    }

    /// Computes every balance, cost and state again from the rows and says what differs.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn prove(&self) -> Result<Proof, StoreError> {
        prove::prove(&self.core).await
    }

    /// Writes the whole ledger as a Beancount journal. Memory does not grow with the ledger.
    ///
    /// # Errors
    /// When the database does not answer or `out` does not take it.
    pub async fn export_beancount(
        &self,
        out: &mut (impl std::io::Write + Send),
    ) -> Result<(), ExportError> {
        export::beancount::write(&self.core, out).await
    }
}

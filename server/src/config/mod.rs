//! Settings: one small struct a concern, read from flags and from `BILLING_*`.
//!
//! Owns what can be set, its default and whether the settings fit together. Does not open anything.

mod database;
mod gate;
mod gateway;
mod listen;
mod refunds;
mod site;
mod telemetry;

pub use database::DatabaseConfig;
pub use gate::{GateConfig, QuotaStatus};
pub use gateway::{GatewayChoice, GatewayConfig, StripeKeys};
pub use listen::{AddressConfig, Doubt, ListenConfig, PublicUrl, reachable};
pub use refunds::RefundConfig;
pub use site::{Caching, SiteConfig};
pub use telemetry::{LogFormat, TelemetryConfig};

//! What an instance is told when it starts.

use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;
use types::payment::TokenizerView;
use types::top_up::TopUpLimits;

/// The usual [`BillingSettings::refund_window`].
pub const USUAL_REFUND_WINDOW: TimeDelta = TimeDelta::days(30);

/// Settings of the domain.
#[derive(Debug, Clone)]
pub struct BillingSettings {
    /// `sqlite://path/to/file?mode=rwc` or `postgres://…`
    pub database_url: String,
    pub gateway: GatewaySettings,
    pub top_up_limits: TopUpLimits,
    /// For how long after paying a person may have unused credit back.
    pub refund_window: TimeDelta,
}

/// Where payments go.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// `https://api.stripe.com`, or where the built-in sandbox listens. No slash at the end.
    pub base_url: String,
    pub secret_key: SecretString,
    /// Several while one is being replaced.
    pub webhook_secrets: Vec<SecretString>,
    /// What the browser needs to hand over a card.
    pub tokenizer: TokenizerView,
    /// Where a bank's page sends the person back to: `<public url>/billing/confirmed`.
    pub return_url: Option<String>,
    /// How long one call may take.
    pub timeout: Duration,
}

//! How requests without credit are refused.

use clap::{Args, ValueEnum};
use http::StatusCode;

/// What a gateway is told when there is no credit.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Gate")]
pub struct GateConfig {
    /// The HTTP status that refuses a request for want of credit
    #[arg(
        long,
        value_name = "STATUS",
        value_enum,
        default_value = "429",
        env = "BILLING_QUOTA_STATUS"
    )]
    pub quota_status: QuotaStatus,
}

/// 429, as the reference platform answers, or 402, as HTTP calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum QuotaStatus {
    #[default]
    #[value(name = "429")]
    TooManyRequests,
    #[value(name = "402")]
    PaymentRequired,
}

impl QuotaStatus {
    #[must_use]
    pub const fn code(self) -> StatusCode {
        match self {
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::PaymentRequired => StatusCode::PAYMENT_REQUIRED,
        }
    }
}

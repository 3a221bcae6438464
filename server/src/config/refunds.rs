//! For how long people have unused credit back by themselves.

use chrono::TimeDelta;
use clap::Args;

/// What the operator allows without being asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Refunds")]
pub struct RefundConfig {
    /// Days after a payment in which its unused credit can be refunded from the history; with 0 only
    /// the `refund` command does it
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = Self::USUAL_DAYS,
        value_parser = clap::value_parser!(u16).range(..=Self::MOST_DAYS),
        env = "BILLING_REFUND_WINDOW_DAYS"
    )]
    pub refund_window_days: u16,
}

impl RefundConfig {
    const USUAL_DAYS: u16 = 30;
    /// Cards take no refund of a payment that is much older.
    const MOST_DAYS: i64 = 180;

    #[must_use]
    pub fn window(&self) -> TimeDelta {
        TimeDelta::days(i64::from(self.refund_window_days))
    }
}

impl Default for RefundConfig {
    fn default() -> Self {
        Self {
            refund_window_days: Self::USUAL_DAYS,
        }
    }
}

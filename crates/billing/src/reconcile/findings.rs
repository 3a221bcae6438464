//! What a comparison gathers on its way, within limits.

use types::time::Timestamp;

use super::report::{Compared, Disagreement, Report};
use crate::payments::gateway::GatewayAccount;

/// More than a person reads; past it something is wrong as a whole.
const MOST_LISTED: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Findings {
    disagreements: Vec<Disagreement>,
    unlisted: u64,
    left_out: Vec<String>,
    pub(super) compared: Compared,
    pub(super) settled: u64,
}

impl Findings {
    pub(super) fn add(&mut self, found: impl IntoIterator<Item = Disagreement>) {
        for one in found {
            if self.is_full() {
                self.unlisted += 1;
            } else {
                self.disagreements.push(one);
            }
        }
    }

    /// Whether no more are listed: then none is worth asking the gateway about again.
    pub(super) fn is_full(&self) -> bool {
        self.disagreements.len() >= MOST_LISTED
    }

    /// Says what is not looked at.
    pub(super) fn leave_out(&mut self, what: impl Into<String>) {
        self.left_out.push(what.into());
    }

    pub(super) fn into_report(
        mut self,
        account: &GatewayAccount,
        since: Timestamp,
        finished_at: Timestamp,
    ) -> Report {
        self.disagreements.sort_by_key(|found| found.kind);
        Report {
            account: account.to_string(),
            since,
            finished_at,
            compared: self.compared,
            settled: self.settled,
            disagreements: self.disagreements,
            unlisted: self.unlisted,
            left_out: self.left_out,
        }
    }
}

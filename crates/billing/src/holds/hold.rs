//! A hold and its states.
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | – | open | opening: the amount is set aside |
//! | open | open | a heartbeat, which moves its end |
//! | open | captured | a capture: what the request cost is charged instead |
//! | open | released | a release: nothing is charged |
//! | open | expired | time |
//! | expired, released | captured | a late capture: what ran is charged, however late it is told |
//!
//! Owns which changes there are and what each may be repeated to. Nothing here knows a database.

use chrono::TimeDelta;
use types::ids::{ApiKeyId, HoldId, OrganizationId, ProjectId};
use types::money::{Cost, Money};
use types::time::Timestamp;

use super::HoldError;

/// How long a hold counts after it was opened or prolonged: longer than most requests run, and
/// short enough that a gateway that died does not bind its customers' credit for long.
pub const HOLD_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// How long it counts at most, however often it is prolonged.
pub const LONGEST_HOLD: TimeDelta = TimeDelta::hours(24);
/// For how long after its end a hold can still be captured.
pub const LATEST_CAPTURE: TimeDelta = TimeDelta::hours(24);

/// Credit that is set aside for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub id: HoldId,
    pub organization: OrganizationId,
    pub project: ProjectId,
    pub api_key: ApiKeyId,
    pub client_id: Option<String>,
    pub model: String,
    pub input_tokens: i64,
    /// What the client asked for; `None`: it left it to us.
    pub requested_output_tokens: Option<i64>,
    /// What would have been granted with enough credit.
    pub wanted_output_tokens: i64,
    /// The most output that the amount covers: what the request may be let produce.
    pub max_output_tokens: i64,
    /// What is set aside: the most that such a request costs, rounded up.
    pub amount: Money,
    pub state: HoldState,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    Open,
    /// What the request really cost was charged.
    Captured {
        closed_at: Timestamp,
        cost: Cost,
    },
    Released {
        closed_at: Timestamp,
    },
    Expired {
        closed_at: Timestamp,
    },
}

impl HoldState {
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Captured { .. } => "captured",
            Self::Released { .. } => "released",
            Self::Expired { .. } => "expired",
        }
    }

    /// Since when nothing is set aside for it.
    #[must_use]
    pub const fn closed_at(&self) -> Option<Timestamp> {
        match self {
            Self::Open => None,
            Self::Captured { closed_at, .. }
            | Self::Released { closed_at }
            | Self::Expired { closed_at } => Some(*closed_at),
        }
    }
}

impl Hold {
    /// Whether less was granted than asked for, because credit covered no more.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.max_output_tokens < self.wanted_output_tokens
    }

    /// Whether it is open and its time is up.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        matches!(self.state, HoldState::Open) && self.expires_at <= now
    }

    /// As it is at `now`: an open one whose time is up has expired, whether or not that was
    /// written yet. Returns whether that changed it.
    pub(crate) fn expire(&mut self, now: Timestamp) -> bool {
        let is_due = self.is_due(now);
        if is_due {
            self.state = HoldState::Expired {
                closed_at: self.expires_at,
            };
        }
        is_due
    }

    /// Moves the end; never beyond the longest that a hold may live.
    pub(crate) fn prolong(&mut self, now: Timestamp) -> Result<(), HoldError> {
        match self.state {
            HoldState::Open => {
                let end = (now + HOLD_LIFETIME).min(self.created_at + LONGEST_HOLD);
                self.expires_at = self.expires_at.max(end);
                Ok(())
            }
            HoldState::Captured { .. } | HoldState::Released { .. } | HoldState::Expired { .. } => {
                Err(HoldError::Closed { state: self.state })
            }
        }
    }

    /// Gives the amount back. Of one that holds nothing any more there is nothing to give back,
    /// unless it was charged: who releases that is mistaken.
    pub(crate) fn release(&mut self, now: Timestamp) -> Result<(), HoldError> {
        match self.state {
            HoldState::Open => {
                self.state = HoldState::Released {
                    closed_at: self.end(now),
                };
                Ok(())
            }
            HoldState::Released { .. } | HoldState::Expired { .. } => Ok(()),
            HoldState::Captured { .. } => Err(HoldError::Closed { state: self.state }),
        }
    }

    /// Another server's clock may be a little behind the one that opened it.
    fn end(&self, now: Timestamp) -> Timestamp {
        now.max(self.created_at)
    }

    /// Charges it. One that was captured already stays as it is: whether that was the same capture
    /// is the caller's to say.
    pub(crate) fn capture(&mut self, cost: Cost, now: Timestamp) -> Result<(), HoldError> {
        let closed_at = match self.state {
            HoldState::Open => self.end(now),
            HoldState::Released { closed_at } | HoldState::Expired { closed_at } => {
                if now - closed_at > LATEST_CAPTURE {
                    return Err(HoldError::TooLate { closed_at });
                }
                // It stopped to count then, and not now.
                closed_at
            }
            HoldState::Captured { .. } => return Err(HoldError::Closed { state: self.state }),
        };
        self.state = HoldState::Captured { closed_at, cost };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        let start: Timestamp = "2026-03-11T12:00:00Z".parse().unwrap();
        start + TimeDelta::minutes(minutes)
    }

    fn hold() -> Hold {
        Hold {
            id: HoldId::generate(),
            organization: OrganizationId::generate(),
            project: ProjectId::generate(),
            api_key: ApiKeyId::generate(),
            client_id: None,
            model: "m".to_owned(),
            input_tokens: 1,
            requested_output_tokens: None,
            wanted_output_tokens: 1,
            max_output_tokens: 1,
            amount: Money::from_nanos(1),
            state: HoldState::Open,
            created_at: at(0),
            expires_at: at(10),
        }
    }

    #[test]
    fn it_counts_until_the_instant_of_its_end() {
        let mut hold = hold();
        assert!(!hold.expire(at(10) - TimeDelta::microseconds(1)));
        assert!(hold.expire(at(10)));
        assert_eq!(hold.state.closed_at(), Some(at(10)));
        assert!(!hold.expire(at(11)), "it expires once");
    }

    #[test]
    fn a_heartbeat_moves_the_end_and_never_beyond_a_day() {
        let mut hold = hold();
        hold.prolong(at(5)).unwrap();
        assert_eq!(hold.expires_at, at(15));
        hold.prolong(at(2)).unwrap();
        assert_eq!(hold.expires_at, at(15), "a late one moves nothing back");
        hold.prolong(at(24 * 60 - 1)).unwrap();
        assert_eq!(hold.expires_at, at(24 * 60));
        hold.expire(at(24 * 60));
        assert!(hold.prolong(at(24 * 60)).is_err());
    }

    #[test]
    fn release_is_repeated_and_a_charge_is_not_taken_back() {
        let mut hold = hold();
        hold.release(at(1)).unwrap();
        hold.release(at(2)).unwrap();
        assert_eq!(hold.state, HoldState::Released { closed_at: at(1) });
        hold.capture(Cost::ZERO, at(3)).unwrap();
        assert!(hold.release(at(4)).is_err());
    }

    #[test]
    fn a_late_capture_is_taken_for_a_day_and_changes_nothing_of_the_past() {
        let cost = Cost::from_picos(7);
        let day = 24 * 60;
        for (late, expected) in [(0, true), (day, true), (day + 1, false)] {
            let mut hold = hold();
            hold.expire(at(10));
            let captured = hold.capture(cost, at(10 + late));
            assert_eq!(captured.is_ok(), expected, "{late} minutes");
            if expected {
                let closed_at = at(10);
                assert_eq!(hold.state, HoldState::Captured { closed_at, cost });
            }
        }
    }
}

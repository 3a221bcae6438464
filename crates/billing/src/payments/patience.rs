//! How long a gateway's silence is borne: when to ask again, and from when on a request that it does
//! not know of never reached it.
//!
//! Owns the numbers, for charges and refunds alike. Does not own what is asked.

use chrono::TimeDelta;

/// The gateway forgets keys after 24 hours; an hour less, so that none is used at the edge.
pub(crate) const KEY_LIFETIME: TimeDelta = TimeDelta::hours(23);
/// What the gateway does not have by then never reached it: well past the last repeat.
pub(crate) const NEVER_ARRIVED: TimeDelta = TimeDelta::hours(24);
/// By then each thing was asked about many times: whatever still waits is for a person to see.
pub(crate) const STUCK: TimeDelta = TimeDelta::days(1);

/// Ever less often as what is asked about grows old.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pause {
    shortest: TimeDelta,
    longest: TimeDelta,
}

impl Pause {
    /// Money: somebody waits for it.
    pub(crate) const MONEY: Self = Self {
        shortest: TimeDelta::seconds(10),
        longest: TimeDelta::hours(1),
    };
    /// Cards to be forgotten: nobody does.
    pub(crate) const CARDS: Self = Self {
        shortest: TimeDelta::minutes(1),
        longest: TimeDelta::days(1),
    };

    pub(crate) fn at_age(self, age: TimeDelta) -> TimeDelta {
        (age / 4).clamp(self.shortest, self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_is_asked_about_less_often_within_limits() {
        let pause = |seconds| Pause::MONEY.at_age(TimeDelta::seconds(seconds));
        assert_eq!(pause(-5), TimeDelta::seconds(10));
        assert_eq!(pause(0), TimeDelta::seconds(10));
        assert_eq!(pause(400), TimeDelta::seconds(100));
        assert_eq!(pause(1_000_000), TimeDelta::hours(1));
    }
}

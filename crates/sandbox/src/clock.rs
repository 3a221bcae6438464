//! Owns the processor's time: the machine's clock plus what control calls have moved it ahead.
//! Does not own what happens when time has passed; see `outcomes`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Whole seconds, as everywhere in Stripe's API.
#[derive(Debug)]
pub(crate) struct Clock {
    ahead_seconds: AtomicI64,
}

impl Clock {
    pub(crate) fn new(ahead_seconds: i64) -> Self {
        Self {
            ahead_seconds: AtomicI64::new(ahead_seconds),
        }
    }

    pub(crate) fn now(&self) -> i64 {
        system_now() + self.ahead_seconds.load(Ordering::SeqCst)
    }

    pub(crate) fn set_ahead(&self, seconds: i64) {
        self.ahead_seconds.store(seconds, Ordering::SeqCst);
    }

    pub(crate) fn ahead(&self) -> i64 {
        self.ahead_seconds.load(Ordering::SeqCst)
    }
}

/// The machine's own time; signatures carry this one, since receivers compare it with theirs.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everything else asks"
)]
pub(crate) fn system_now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

/// The civil year and month of a Unix time, for card expiry.
///
/// Howard Hinnant's `civil_from_days`; valid for every date this program can meet.
pub(crate) fn year_and_month(unix_seconds: i64) -> (i64, i64) {
    let days = unix_seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unix_time_has_its_year_and_month() {
        assert_eq!(year_and_month(0), (1970, 1));
        assert_eq!(year_and_month(951_782_400), (2000, 2)); // 29 February 2000
        assert_eq!(year_and_month(1_798_761_599), (2026, 12)); // the last second of 2026
        assert_eq!(year_and_month(1_798_761_600), (2027, 1));
    }
}

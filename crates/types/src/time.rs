//! Instants as everyone reads them. All are UTC; a browser shows its own zone.

use chrono::{DateTime, Datelike, Timelike, Utc};

/// An instant. The database holds it as microseconds since 1970.
pub type Timestamp = DateTime<Utc>;

/// `3/11/2026, 3:12:47 PM`, in UTC: what the first render shows before the browser takes over
/// with its own locale and zone.
#[must_use]
pub fn us_date_time(at: Timestamp) -> String {
    let (afternoon, hour) = at.hour12();
    let half = if afternoon { "PM" } else { "AM" };
    format!(
        "{}, {hour}:{:02}:{:02} {half}",
        us_date(at),
        at.minute(),
        at.second()
    )
}

/// `3/11/2026`, in UTC.
#[must_use]
pub fn us_date(at: Timestamp) -> String {
    format!("{}/{}/{}", at.month(), at.day(), at.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_in_a_us_browser() {
        let cases = [
            ("2026-03-11T15:12:47Z", "3/11/2026, 3:12:47 PM"),
            ("2026-12-01T00:05:09Z", "12/1/2026, 12:05:09 AM"),
            ("2026-12-01T12:00:00Z", "12/1/2026, 12:00:00 PM"),
        ];
        for (at, expected) in cases {
            assert_eq!(us_date_time(at.parse().unwrap()), expected);
        }
    }
}

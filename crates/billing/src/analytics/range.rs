//! The intervals that a query is about.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta};
use types::time::Timestamp;
use types::usage_report::{UsageInterval, UsageQuery};

use super::UsageReportError;

/// From the first interval's begin to the last one's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) interval: UsageInterval,
}

/// The most intervals of a range, and how people say it.
const fn most(interval: UsageInterval) -> (usize, &'static str) {
    match interval {
        UsageInterval::Hour => (744, "31 days"),
        UsageInterval::Day => (366, "a year"),
        UsageInterval::Month => (36, "three years"),
    }
}

/// How many intervals there are where no begin was named.
const fn usual(interval: UsageInterval) -> u32 {
    match interval {
        UsageInterval::Hour => 24,
        UsageInterval::Day => 30,
        UsageInterval::Month => 12,
    }
}

impl Range {
    pub(super) fn of(query: &UsageQuery, now: Timestamp) -> Result<Self, UsageReportError> {
        let interval = query.interval;
        let to = query.to.unwrap_or(now);
        let last = begin(interval, to);
        let end = if last == to && query.to.is_some() {
            to
        } else {
            after(interval, last, 1).ok_or(UsageReportError::EmptyRange)?
        };
        let from = match query.from {
            Some(from) if from >= to => return Err(UsageReportError::EmptyRange),
            Some(from) => begin(interval, from),
            None => before(interval, end, usual(interval)).ok_or(UsageReportError::EmptyRange)?,
        };
        let range = Self {
            from,
            to: end,
            interval,
        };
        let (most, most_words) = most(interval);
        let least_end = after(interval, from, u32::try_from(most).unwrap_or(u32::MAX));
        if least_end.is_some_and(|least_end| least_end < end) {
            let most = most_words;
            return Err(UsageReportError::RangeTooLong { interval, most });
        }
        Ok(range)
    }

    /// When each interval begins.
    pub(super) fn begins(&self) -> Vec<Timestamp> {
        let (most, _) = most(self.interval);
        (0..u32::try_from(most).unwrap_or(u32::MAX))
            .map_while(|count| after(self.interval, self.from, count))
            .take_while(|begin| *begin < self.to)
            .collect()
    }
}

/// The begin of the interval that `at` is in.
fn begin(interval: UsageInterval, at: Timestamp) -> Timestamp {
    let date = at.date_naive();
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    match interval {
        UsageInterval::Hour => {
            let seconds = at.timestamp();
            DateTime::from_timestamp(seconds - seconds.rem_euclid(3_600), 0).unwrap_or(at)
        }
        UsageInterval::Day => midnight(date),
        UsageInterval::Month => midnight(date.with_day(1).unwrap_or(date)),
    }
}

fn after(interval: UsageInterval, begin: Timestamp, count: u32) -> Option<Timestamp> {
    match interval {
        UsageInterval::Hour => begin.checked_add_signed(TimeDelta::hours(count.into())),
        UsageInterval::Day => begin.checked_add_signed(TimeDelta::days(count.into())),
        UsageInterval::Month => begin.checked_add_months(Months::new(count)),
    }
}

fn before(interval: UsageInterval, end: Timestamp, count: u32) -> Option<Timestamp> {
    match interval {
        UsageInterval::Hour => end.checked_sub_signed(TimeDelta::hours(count.into())),
        UsageInterval::Day => end.checked_sub_signed(TimeDelta::days(count.into())),
        UsageInterval::Month => end.checked_sub_months(Months::new(count)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn range(
        interval: UsageInterval,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Range, String> {
        let query = UsageQuery {
            from: from.map(at),
            to: to.map(at),
            interval,
            group_by: BTreeSet::new(),
            model: None,
            project: None,
            api_key: None,
        };
        Range::of(&query, at("2026-03-11T12:34:56Z")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_range_is_widened_to_whole_intervals() {
        use UsageInterval::{Day, Hour, Month};
        for (interval, from, to, first, end) in [
            (
                Hour,
                "2026-03-01T05:59:59Z",
                "2026-03-01T07:00:01Z",
                "2026-03-01T05:00:00Z",
                "2026-03-01T08:00:00Z",
            ),
            (
                Hour,
                "2026-03-01T05:00:00Z",
                "2026-03-01T07:00:00Z",
                "2026-03-01T05:00:00Z",
                "2026-03-01T07:00:00Z",
            ),
            (
                Day,
                "2026-02-27T05:00:00Z",
                "2026-03-01T00:00:01Z",
                "2026-02-27T00:00:00Z",
                "2026-03-02T00:00:00Z",
            ),
            (
                Month,
                "2025-12-31T23:00:00Z",
                "2026-02-02T00:00:00Z",
                "2025-12-01T00:00:00Z",
                "2026-03-01T00:00:00Z",
            ),
            (
                Hour,
                "1969-12-31T23:30:00Z",
                "1970-01-01T00:00:00Z",
                "1969-12-31T23:00:00Z",
                "1970-01-01T00:00:00Z",
            ),
        ] {
            let found = range(interval, Some(from), Some(to)).unwrap();
            assert_eq!((found.from, found.to), (at(first), at(end)), "{from} {to}");
        }
    }

    #[test]
    fn without_a_begin_the_last_intervals_are_meant() {
        use UsageInterval::{Day, Hour, Month};
        for (interval, first, end, count) in [
            (Hour, "2026-03-10T13:00:00Z", "2026-03-11T13:00:00Z", 24),
            (Day, "2026-02-10T00:00:00Z", "2026-03-12T00:00:00Z", 30),
            (Month, "2025-04-01T00:00:00Z", "2026-04-01T00:00:00Z", 12),
        ] {
            let found = range(interval, None, None).unwrap();
            assert_eq!((found.from, found.to), (at(first), at(end)));
            assert_eq!(found.begins().len(), count);
            assert_eq!(found.begins()[0], found.from);
        }
    }

    #[test]
    fn the_longest_range_is_taken_and_a_longer_or_empty_one_is_refused() {
        use UsageInterval::{Day, Hour, Month};
        for (interval, from, to, ends) in [
            (
                Hour,
                "2026-01-01T00:00:00Z",
                "2026-02-01T00:00:00Z",
                "2026-02-01T00:00:01Z",
            ),
            (
                Day,
                "2024-01-01T00:00:00Z",
                "2025-01-01T00:00:00Z",
                "2025-01-01T00:00:01Z",
            ),
            (
                Month,
                "2023-01-01T00:00:00Z",
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:00:01Z",
            ),
        ] {
            let (most, _) = most(interval);
            assert_eq!(
                range(interval, Some(from), Some(to))
                    .unwrap()
                    .begins()
                    .len(),
                most
            );
            let refused = range(interval, Some(from), Some(ends)).unwrap_err();
            assert!(refused.contains("at most"), "{refused}");
            let refused = range(interval, Some(from), Some(from)).unwrap_err();
            assert_eq!(refused, "from must be before to");
        }
    }
}

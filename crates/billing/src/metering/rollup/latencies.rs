//! How long requests took, as a histogram: counts by fixed buckets, so that any two add up and a
//! percentile can be told of any sum of them.
//!
//! Below 32 ms a bucket is one millisecond. Above, each doubling is divided into 16 buckets of the
//! same width, so that a bucket is at most a sixteenth of what is in it wide; a percentile is the
//! middle of its bucket, at most a thirty-second (3.2 %) off. The longest that an event can say, a
//! day, is in bucket 372.

use std::fmt;

/// Values below it have a bucket each.
const EXACT: i64 = 32;
/// Buckets in each doubling above.
const PARTS: i64 = 16;
/// The bits of a number that tell its bucket: the first one and those that count `PARTS`.
const KEPT_BITS: u32 = 5;

/// Counts by bucket, without the empty ones, and the exact sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Latencies {
    pub(crate) count: i64,
    pub(crate) sum_ms: i64,
    /// In the order of the buckets.
    buckets: Vec<(u16, i64)>,
}

/// The text is not one that was written by [`Latencies`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAHistogram;

impl Latencies {
    pub(crate) fn add(&mut self, latency_ms: i64) {
        self.count += 1;
        self.sum_ms += latency_ms;
        self.add_to(bucket_of(latency_ms), 1);
    }

    /// # Errors
    /// When a sum does not fit.
    pub(crate) fn plus(&mut self, other: &Self) -> Result<(), types::money::MoneyError> {
        let sum = |a: i64, b: i64| a.checked_add(b).ok_or(types::money::MoneyError);
        self.count = sum(self.count, other.count)?;
        self.sum_ms = sum(self.sum_ms, other.sum_ms)?;
        for (bucket, count) in &other.buckets {
            self.add_to(*bucket, *count);
        }
        Ok(())
    }

    fn add_to(&mut self, bucket: u16, count: i64) {
        match self.buckets.binary_search_by_key(&bucket, |(at, _)| *at) {
            Ok(index) => self.buckets[index].1 += count,
            Err(index) => self.buckets.insert(index, (bucket, count)),
        }
    }

    /// Adds what is stored: `text` may be several texts, joined by spaces.
    ///
    /// # Errors
    /// When the text is no histogram, or not one of `count` values.
    pub(crate) fn add_stored(
        &mut self,
        count: i64,
        sum_ms: i64,
        text: &str,
    ) -> Result<(), NotAHistogram> {
        let mut counted = 0_i64;
        for pair in text.split(' ').filter(|pair| !pair.is_empty()) {
            let (bucket, count) = pair.split_once(':').ok_or(NotAHistogram)?;
            let bucket = bucket.parse().map_err(|_| NotAHistogram)?;
            let count: i64 = count.parse().map_err(|_| NotAHistogram)?;
            counted = counted.checked_add(count).ok_or(NotAHistogram)?;
            self.add_to(bucket, count);
        }
        if counted != count {
            return Err(NotAHistogram);
        }
        self.count = self.count.checked_add(count).ok_or(NotAHistogram)?;
        self.sum_ms = self.sum_ms.checked_add(sum_ms).ok_or(NotAHistogram)?;
        Ok(())
    }

    /// To the nearest millisecond; `None` where nothing was counted.
    pub(crate) fn average_ms(&self) -> Option<i64> {
        (self.count > 0).then(|| (self.sum_ms + self.count / 2) / self.count)
    }

    /// The latency that `percent` of a hundred requests stay within (nearest rank), to the middle
    /// of its bucket; `None` where nothing was counted.
    pub(crate) fn percentile_ms(&self, percent: i64) -> Option<i64> {
        let rank = (i128::from(self.count) * i128::from(percent) + 99) / 100;
        let mut seen = 0_i128;
        let (bucket, _) = self.buckets.iter().find(|(_, count)| {
            seen += i128::from(*count);
            seen >= rank.max(1)
        })?;
        Some(middle_of(*bucket))
    }
}

impl fmt::Display for Latencies {
    /// As it is stored: `47:12 48:3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (bucket, count)) in self.buckets.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{bucket}:{count}")?;
        }
        Ok(())
    }
}

fn bucket_of(latency_ms: i64) -> u16 {
    let value = latency_ms.max(0);
    let bucket = if value < EXACT {
        value
    } else {
        let shift = value.ilog2() + 1 - KEPT_BITS;
        // The kept bits are 16 to 31: they begin where the doubling before ends.
        EXACT + i64::from(shift - 1) * PARTS + (value >> shift) - PARTS
    };
    u16::try_from(bucket).unwrap_or(u16::MAX)
}

fn middle_of(bucket: u16) -> i64 {
    let bucket = i64::from(bucket);
    if bucket < EXACT {
        return bucket;
    }
    let shift = (bucket - EXACT) / PARTS + 1;
    let kept = (bucket - EXACT) % PARTS + PARTS;
    (kept << shift) + ((1 << shift) - 1) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn buckets_follow_one_another_without_gap_up_to_a_day() {
        let mut last = bucket_of(0);
        assert_eq!(last, 0);
        for value in 1..100_000 {
            let bucket = bucket_of(value);
            assert!(bucket == last || bucket == last + 1, "{value}");
            last = bucket;
        }
        assert_eq!(bucket_of(DAY_MS), 372);
    }

    proptest! {
        #[test]
        fn a_percentile_is_off_by_a_thirty_second_at_most(
            mut values in proptest::collection::vec(0..DAY_MS, 1..200),
            percent in 1_i64..=100,
        ) {
            let mut latencies = Latencies::default();
            for value in &values {
                latencies.add(*value);
            }
            values.sort_unstable();
            let rank = (values.len() as i64 * percent + 99) / 100;
            let exact = values[usize::try_from(rank - 1).unwrap()];
            let told = latencies.percentile_ms(percent).unwrap();
            prop_assert!((told - exact).abs() * 32 <= exact.max(0), "{told} for {exact}");
        }

        #[test]
        fn texts_that_are_joined_add_up(
            a in proptest::collection::vec(0..DAY_MS, 0..50),
            b in proptest::collection::vec(0..DAY_MS, 0..50),
        ) {
            let of = |values: &[i64]| {
                let mut latencies = Latencies::default();
                values.iter().for_each(|value| latencies.add(*value));
                latencies
            };
            let (a, b, both) = (of(&a), of(&b), of(&[a, b].concat()));
            let mut stored = Latencies::default();
            let text = format!("{a} {b}");
            stored.add_stored(both.count, both.sum_ms, &text).unwrap();
            prop_assert_eq!(&stored, &both);
            let mut sum = a;
            sum.plus(&b).unwrap();
            prop_assert_eq!(sum, both);
        }
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        for (count, text) in [(1, "1"), (1, "a:1"), (1, "1:a"), (2, "1:1"), (0, "1:1")] {
            let stored = Latencies::default().add_stored(count, 0, text);
            assert_eq!(stored, Err(NotAHistogram), "{text}");
        }
        assert_eq!(Latencies::default().percentile_ms(50), None);
        assert_eq!(Latencies::default().average_ms(), None);
    }
}

//! From balances to points, in whole units of the drawing.

use types::money::Money;

use crate::components::count::count;

/// The drawing's own units, ten to a pixel or so; the page stretches it to its frame.
pub const WIDTH: i128 = 6_000;
pub const HEIGHT: i128 = 1_200;

const NANOS_A_DOLLAR: i128 = 1_000_000_000;
/// Room for the labels of at most this many marks above the lowest.
const MOST_STEPS: i128 = 3;

/// A mark of the y axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    pub y: i128,
    pub label: String,
}

/// A line ready to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plot {
    /// x to the right, y down.
    pub points: Vec<(i128, i128)>,
    /// Evenly spaced, highest first.
    pub ticks: Vec<Tick>,
    /// Where nothing is left: what is below it is owed.
    zero: i128,
}

impl Plot {
    /// Spreads the balances (in nano-dollars) over the width, between round marks.
    pub fn of(balances: &[i64]) -> Self {
        // Wider than a balance: marks stand above the highest and below the lowest.
        let highest = i128::from(balances.iter().copied().max().unwrap_or(0).max(0));
        let lowest = i128::from(balances.iter().copied().min().unwrap_or(0).min(0));
        let step = round_step(highest - lowest);
        let (low, high) = (lowest.div_euclid(step), highest.div_euclid(step) + 1);
        let span = (high - low) * step;
        let y = |nanos: i128| HEIGHT - HEIGHT * (nanos - low * step) / span;
        let last = steps(balances.len());
        let points = balances
            .iter()
            .enumerate()
            .map(|(index, nanos)| (WIDTH * index as i128 / last, y(i128::from(*nanos))));
        let unit = Unit::of(step, step * low.abs().max(high.abs()));
        let ticks = (low..=high).rev().map(|mark| {
            let nanos = mark * step;
            Tick {
                y: y(nanos),
                label: unit.label(nanos),
            }
        });
        Self {
            points: points.collect(),
            ticks: ticks.collect(),
            zero: y(0),
        }
    }

    pub fn line(&self) -> String {
        let points = self.points.iter().map(|(x, y)| format!("{x} {y}"));
        format!("M{}", points.collect::<Vec<_>>().join("L"))
    }

    /// Between the line and zero, on whichever side of it the line is.
    pub fn area(&self) -> String {
        let zero = self.zero;
        format!("{}L{WIDTH} {zero}L0 {zero}Z", self.line())
    }
}

/// Which of `count` evenly spread points lies under the pointer, in pixels of a frame.
pub fn nearest(offset: i32, width: i32, count: usize) -> Option<usize> {
    let (offset, width) = (i128::from(offset), i128::from(width));
    if width <= 0 || count == 0 {
        return None;
    }
    let last = count as i128 - 1;
    let index = (2 * offset * last + width).div_euclid(2 * width);
    usize::try_from(index.clamp(0, last)).ok()
}

/// 1, 2 or 5 times a power of ten, so that at most [`MOST_STEPS`] reach over `span`.
fn round_step(span: i128) -> i128 {
    let mut magnitude = 1;
    loop {
        for factor in [1, 2, 5] {
            if span / (magnitude * factor) < MOST_STEPS {
                return magnitude * factor;
            }
        }
        magnitude *= 10;
    }
}

/// Steps between that many points, at least one.
fn steps(points: usize) -> i128 {
    points.max(2) as i128 - 1
}

/// What the marks of one axis are written in: long labels would leave no room for the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// `$0.25`
    Cents,
    /// `$20`, not `$20.00`.
    Dollars,
    /// `$250K`, `$1.5M`: so many dollars, and their letter.
    Many(i128, char),
}

impl Unit {
    const MANY: [(i128, i128, char); 3] = [
        (1_000_000_000, 1_000_000_000, 'B'),
        (1_000_000, 1_000_000, 'M'),
        (100_000, 1_000, 'K'),
    ];

    /// For marks that are `step` apart and reach as far as `widest`, in nano-dollars.
    fn of(step: i128, widest: i128) -> Self {
        if step < NANOS_A_DOLLAR {
            return Self::Cents;
        }
        Self::MANY
            .into_iter()
            .find(|(from, ..)| widest >= from * NANOS_A_DOLLAR)
            .map_or(Self::Dollars, |(_, dollars, letter)| {
                Self::Many(dollars, letter)
            })
    }

    /// Exact: a step is at least half a unit, so that one decimal is enough.
    fn label(self, nanos: i128) -> String {
        let sign = if nanos < 0 { "-" } else { "" };
        let dollars = (nanos / NANOS_A_DOLLAR).abs();
        match self {
            Self::Cents => {
                let bound = if nanos < 0 { i64::MIN } else { i64::MAX };
                let nanos = i64::try_from(nanos).unwrap_or(bound);
                Money::from_nanos(nanos).dollars().to_string()
            }
            Self::Many(unit, letter) if dollars > 0 => {
                let (whole, tenths) = (dollars / unit, dollars % unit * 10 / unit);
                let decimal = if tenths > 0 {
                    format!(".{tenths}")
                } else {
                    String::new()
                };
                format!("{sign}${whole}{decimal}{letter}")
            }
            Self::Dollars | Self::Many(..) => {
                let dollars = i64::try_from(dollars).unwrap_or(i64::MAX);
                format!("{sign}${}", count(dollars))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOLLAR: i64 = 1_000_000_000;

    fn labels(balances: &[i64]) -> Vec<String> {
        Plot::of(balances)
            .ticks
            .into_iter()
            .map(|tick| tick.label)
            .collect()
    }

    #[test]
    fn marks_are_round_and_few() {
        assert_eq!(labels(&[0, 25 * DOLLAR]), ["$30", "$20", "$10", "$0"]);
        assert_eq!(labels(&[5 * DOLLAR]), ["$6", "$4", "$2", "$0"]);
        assert_eq!(labels(&[-DOLLAR / 2, DOLLAR]), ["$2", "$1", "$0", "-$1"]);
        assert_eq!(labels(&[2_500 * DOLLAR])[0], "$3,000");
    }

    #[test]
    fn marks_of_large_balances_leave_room_for_the_line() {
        let million = 1_000_000 * DOLLAR;
        assert_eq!(labels(&[90_000 * DOLLAR])[0], "$100K");
        assert_eq!(labels(&[9 * million]), ["$10M", "$5M", "$0"]);
        assert_eq!(
            labels(&[1_400 * million / 1_000]),
            ["$1.5M", "$1M", "$0.5M", "$0"]
        );
        assert_eq!(labels(&[-2 * million, 0]), ["$1M", "$0", "-$1M", "-$2M"]);
        assert_eq!(labels(&[i64::MAX]), ["$10B", "$5B", "$0"]);
    }

    #[test]
    fn a_label_says_exactly_where_its_mark_stands() {
        for magnitude in 0..18 {
            for factor in 1..10 {
                let balance = factor * 10_i64.pow(magnitude);
                for balances in [[balance, 0], [-balance, balance], [-balance / 3, balance]] {
                    let labels = labels(&balances);
                    let mut distinct = labels.clone();
                    distinct.dedup();
                    assert_eq!(distinct, labels, "{balances:?}");
                    // Sums below a dollar have all their digits.
                    let is_short = labels.iter().all(|label| label.len() <= 8);
                    assert!(is_short || balance < DOLLAR, "{labels:?}");
                }
            }
        }
    }

    #[test]
    fn the_line_spans_the_frame_and_stays_inside() {
        let plot = Plot::of(&[0, 10 * DOLLAR, 29 * DOLLAR]);
        assert_eq!(plot.points.first(), Some(&(0, HEIGHT)));
        assert_eq!(plot.points.last().map(|(x, _)| *x), Some(WIDTH));
        assert!(plot.points.iter().all(|(_, y)| (0..=HEIGHT).contains(y)));
    }

    #[test]
    fn what_is_filled_lies_between_the_line_and_zero() {
        for balances in [
            [-10 * DOLLAR, -5 * DOLLAR],
            [-10 * DOLLAR, 20 * DOLLAR],
            [5 * DOLLAR, 20 * DOLLAR],
        ] {
            let plot = Plot::of(&balances);
            let zero = plot.ticks.iter().find(|tick| tick.label == "$0").unwrap().y;
            let area = plot.area();
            let end = format!("L{WIDTH} {zero}L0 {zero}Z");
            assert!(area.ends_with(&end), "{area} does not end with {end}");
        }
    }

    #[test]
    fn extreme_balances_do_not_overflow() {
        for balances in [
            vec![i64::MAX],
            vec![i64::MIN + 1, i64::MAX],
            vec![1],
            vec![],
        ] {
            let _ = Plot::of(&balances).area();
        }
    }

    #[test]
    fn the_pointer_finds_the_nearest_day() {
        assert_eq!(nearest(0, 300, 31), Some(0));
        assert_eq!(nearest(154, 300, 31), Some(15));
        assert_eq!(nearest(900, 300, 31), Some(30));
        assert_eq!(nearest(1, 0, 31), None);
    }
}

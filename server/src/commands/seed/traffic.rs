//! The demo's requests: which model, how many tokens, when.
//!
//! They look random and are not: the same hour always has the same requests, so that the demo can
//! be told twice and every screenshot of it is alike.

use chrono::{DateTime, Datelike, Duration, Timelike, Weekday};
use types::ids::ProjectId;
use types::time::Timestamp;
use types::usage::{Repeat, Tokens, UsageEvent};

const SOURCE: &str = "/demo/inference-gateway";

/// One request of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub is_production: bool,
    id: String,
    at: Timestamp,
    model: &'static str,
    tokens: Tokens,
    status: i64,
    latency_ms: i64,
}

impl Request {
    pub(super) fn into_event(self, project: ProjectId) -> UsageEvent {
        UsageEvent {
            source: SOURCE.to_owned(),
            request_id: Some(format!("req-{}", self.id)),
            id: self.id,
            occurred_at: Some(self.at),
            model: self.model.to_owned(),
            tokens: self.tokens,
            status: Some(self.status),
            latency_ms: Some(self.latency_ms),
            project: Some(project),
            api_key: None,
            subject: None,
            claimed_cost: None,
            repeat: Repeat::Everything,
        }
    }
}

/// A model in use: its share of the requests in percent, tokens in and out, and how long a
/// thousand output tokens take.
struct Use {
    model: &'static str,
    share: u64,
    input: (u64, u64),
    output: (u64, u64),
    ms_per_1k: u64,
}

#[rustfmt::skip]
const USES: [Use; 7] = [
    Use { model: "gpt-oss-120b",               share: 30, input: (800, 36_000),   output: (120, 2_400), ms_per_1k: 2_900 },
    Use { model: "deepseek-v4-flash",          share: 18, input: (4_000, 72_000), output: (300, 4_000), ms_per_1k: 1_700 },
    Use { model: "glm-5.2",                    share: 14, input: (2_000, 52_000), output: (200, 2_800), ms_per_1k: 5_200 },
    Use { model: "llama-3.1-8b-instruct-fast", share: 14, input: (400, 9_000),    output: (60, 700),    ms_per_1k: 900 },
    Use { model: "zlm-v1-moderation-edge",     share: 12, input: (40, 3_200),     output: (4, 12),      ms_per_1k: 1_500 },
    Use { model: "bge-small-en-v1.5",          share: 8,  input: (24, 500),       output: (0, 0),       ms_per_1k: 0 },
    Use { model: "gliner-multi-pii-v1",        share: 4,  input: (30, 700),       output: (5, 60),      ms_per_1k: 1_200 },
];

/// Requests of production in each hour of a working day, UTC: quiet nights, a dip at lunch.
const BY_HOUR: [u64; 24] = [
    2, 1, 1, 1, 1, 2, 3, 4, 6, 8, 9, 9, 7, 8, 9, 10, 10, 9, 8, 7, 6, 5, 4, 3,
];

/// All requests from `from` up to but not including `until`, oldest first.
pub(super) fn between(from: Timestamp, until: Timestamp) -> Vec<Request> {
    let mut hour = from.timestamp().div_euclid(3_600);
    let mut requests = Vec::new();
    while let Some(at) = DateTime::from_timestamp(hour * 3_600, 0).filter(|at| *at < until) {
        requests.extend(of_hour(at).filter(|request| request.at >= from && request.at < until));
        hour += 1;
    }
    requests.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    requests
}

fn of_hour(hour: Timestamp) -> impl Iterator<Item = Request> {
    let mut dice = Dice(hour.timestamp().unsigned_abs());
    let weekend = matches!(hour.weekday(), Weekday::Sat | Weekday::Sun);
    let usual = BY_HOUR[hour.hour() as usize];
    let production = if weekend { usual.div_ceil(3) } else { usual } + dice.below(3);
    let staging = if weekend { 0 } else { dice.below(2) };
    (0..production + staging).map(move |index| {
        let is_production = index < production;
        request(hour, index, is_production, &mut dice)
    })
}

fn request(hour: Timestamp, index: u64, is_production: bool, dice: &mut Dice) -> Request {
    let used = dice.pick();
    let at = hour + Duration::milliseconds(i64::try_from(dice.below(3_600_000)).unwrap_or(0));
    // About one in eighty fails: busy or broken, answered with no tokens.
    let status = match dice.below(160) {
        0 => 500,
        1 => 429,
        _ => 200,
    };
    let mut tokens = Tokens {
        input: dice.between(used.input),
        cached_input: 0,
        output: dice.between(used.output),
    };
    let thinking = tokens.output * i64::try_from(used.ms_per_1k).unwrap_or(0) / 1_000;
    if status != 200 {
        tokens = Tokens::default();
    }
    Request {
        is_production,
        id: format!("demo-{}-{index:02}", hour.format("%Y%m%dT%H")),
        at,
        model: used.model,
        tokens,
        status,
        latency_ms: dice.between((28, 140)) + if status == 200 { thinking } else { 0 },
    }
}

/// A time below `longest`, always the same for the same number.
pub(super) fn up_to(longest: Duration, number: u64) -> Duration {
    let milliseconds = Dice(number).below(longest.num_milliseconds().unsigned_abs());
    Duration::milliseconds(i64::try_from(milliseconds).unwrap_or(0))
}

/// SplitMix64: a few lines, the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    /// Small values more often than large ones, as prompts are.
    fn between(&mut self, (least, most): (u64, u64)) -> i64 {
        let span = most - least + 1;
        let value = least + self.below(span).min(self.below(span));
        i64::try_from(value).unwrap_or(i64::MAX)
    }

    fn pick(&mut self) -> &'static Use {
        let mut rest = self.below(100);
        for used in &USES {
            if rest < used.share {
                return used;
            }
            rest -= used.share;
        }
        &USES[0]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_has_a_few_thousand_requests_each_with_its_own_id() {
        let month = between(at("2026-10-24T06:13:00Z"), at("2026-11-23T06:13:00Z"));
        assert!((3_000..6_000).contains(&month.len()), "{}", month.len());
        let ids: HashSet<_> = month.iter().map(|request| &request.id).collect();
        assert_eq!(ids.len(), month.len());
        assert!(month.iter().any(|request| !request.is_production));
        assert_eq!(USES.iter().map(|used| used.share).sum::<u64>(), 100);
    }

    #[test]
    fn parcels_put_together_are_the_whole() {
        let (from, until) = (at("2026-11-01T06:13:00Z"), at("2026-11-02T06:13:00Z"));
        let mut parcels = Vec::new();
        for part in 0..4 {
            let begin = from + Duration::hours(part * 6);
            parcels.extend(between(begin, begin + Duration::hours(6)));
        }
        assert_eq!(parcels, between(from, until));
    }
}

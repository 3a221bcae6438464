//! Acts that happen to an organization's credit, at random, and a small model of what they come to.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use types::time::Timestamp;

pub const HOUR: Duration = Duration::from_secs(3_600);
/// Pico-dollars a token: input leaves a remainder below a nano-dollar, output does not.
const INPUT_PICO: i64 = 7;
const OUTPUT_PICO: i64 = 600_000;

#[derive(Debug, Clone)]
pub enum Act {
    TopUp {
        cents: i64,
    },
    /// Under one of a few keys: some are given already, as the same or as another.
    Grant(GrantAct),
    /// Requests by number: some are counted already.
    Use(Vec<(u8, i64, i64)>),
    Wait {
        hours: u32,
    },
    Expire,
    /// Of one of the top-ups so far; some have too little left, or are too long ago.
    Refund {
        which: usize,
        cents: i64,
    },
}

#[derive(Debug, Clone)]
pub struct GrantAct {
    pub key: u8,
    pub nanos: i64,
    /// `Some(0)`: the usual 90 days. `None`: never.
    pub hours: Option<u32>,
    pub priority: i64,
}

pub fn acts() -> impl Strategy<Value = Vec<Act>> {
    // Few values, so that a key is often met by the same grant again.
    let nanos = prop_oneof![Just(1_999_i64), Just(1_000_001), Just(2_500_000_000)];
    let hours = prop_oneof![Just(None), Just(Some(0_u32)), Just(Some(5)), Just(Some(30))];
    let grant = (0_u8..4, nanos, hours, -1_i64..2).prop_map(|(key, nanos, hours, priority)| {
        Act::Grant(GrantAct {
            key,
            nanos,
            hours,
            priority,
        })
    });
    let output = prop_oneof![0_i64..3_000, 0_i64..6_000_000];
    let request = (0_u8..40, 0_i64..3_000, output);
    let uses = proptest::collection::vec(request, 1..4).prop_map(Act::Use);
    let wait = prop_oneof![1_u32..40, Just(2_200_u32)];
    let act = prop_oneof![
        1 => (500_i64..1_000).prop_map(|cents| Act::TopUp { cents }),
        4 => grant,
        5 => uses,
        3 => wait.prop_map(|hours| Act::Wait { hours }),
        2 => Just(Act::Expire),
        2 => (0_usize..4, 1_i64..600).prop_map(|(which, cents)| Act::Refund { which, cents }),
    ];
    proptest::collection::vec(act, 1..12)
}

/// What an organization must have.
#[derive(Default)]
pub struct Model {
    lots: Vec<ModelLot>,
    /// When each was paid.
    top_ups: Vec<Timestamp>,
    owed: i64,
    carry_pico: i64,
    grants: BTreeMap<u8, ModelGrant>,
    requests: BTreeMap<u8, (i64, i64)>,
}

struct ModelGrant {
    nanos: i64,
    priority: i64,
    given_at: Timestamp,
    expires_at: Option<Timestamp>,
}

#[derive(Debug)]
struct ModelLot {
    priority: i64,
    expires_at: Option<Timestamp>,
    is_bought: bool,
    /// Which of the top-ups opened it.
    top_up: Option<usize>,
    opened_at: Timestamp,
    left: i64,
}

impl Model {
    /// What an act comes to, and whether it is taken.
    pub fn apply(&mut self, act: &Act, now: Timestamp) -> bool {
        match act {
            Act::TopUp { cents } => {
                self.top_ups.push(now);
                self.add(ModelLot {
                    priority: 0,
                    expires_at: None,
                    is_bought: true,
                    top_up: Some(self.top_ups.len() - 1),
                    opened_at: now,
                    left: cents * 10_000_000,
                });
            }
            Act::Grant(grant) => return self.grant(grant, now),
            Act::Use(requests) => {
                let mut pico = 0;
                for (id, input, output) in requests {
                    if self.requests.insert(*id, (*input, *output)).is_none() {
                        pico += input * INPUT_PICO + output * OUTPUT_PICO;
                    }
                }
                self.pay(pico, now);
            }
            Act::Wait { .. } => {}
            Act::Expire => self.expire(now),
            Act::Refund { which, cents } => return self.refund(*which, cents * 10_000_000, now),
        }
        true
    }

    /// Prepaid, promotional, owed, expired.
    pub fn parts(&self, now: Timestamp) -> (i64, i64, i64, i64) {
        let sum = |is_bought| -> i64 {
            let lots = self.lots.iter().filter(|lot| lot.is_bought == is_bought);
            lots.map(|lot| lot.left).sum()
        };
        (sum(true), sum(false), self.owed, self.expired(now))
    }

    /// What is left of each lot, in the order in which they were opened: at one instant, given
    /// before bought.
    pub fn lots(&self) -> Vec<i64> {
        let mut lots: Vec<&ModelLot> = self.lots.iter().collect();
        lots.sort_by_key(|lot| (lot.opened_at, lot.is_bought));
        lots.into_iter().map(|lot| lot.left).collect()
    }

    fn add(&mut self, mut lot: ModelLot) {
        let settles = self.owed.min(lot.left);
        self.owed -= settles;
        lot.left -= settles;
        if lot.left > 0 {
            self.lots.push(lot);
        }
    }

    /// Whether the grant is taken.
    fn grant(&mut self, act: &GrantAct, now: Timestamp) -> bool {
        if let Some(given) = self.grants.get(&act.key) {
            let expires_at = act.expires_at(given.given_at, now);
            return (act.nanos, act.priority, expires_at)
                == (given.nanos, given.priority, given.expires_at);
        }
        let expires_at = act.expires_at(now, now);
        let given = ModelGrant {
            nanos: act.nanos,
            priority: act.priority,
            given_at: now,
            expires_at,
        };
        self.grants.insert(act.key, given);
        self.add(ModelLot {
            priority: act.priority,
            expires_at,
            is_bought: false,
            top_up: None,
            opened_at: now,
            left: act.nanos,
        });
        true
    }

    /// Whether it is given back.
    fn refund(&mut self, which: usize, nanos: i64, now: Timestamp) -> bool {
        let Some(paid_at) = self.paid_at(which) else {
            return false;
        };
        let (bought, given, owed, expired) = self.parts(now);
        let available = bought + given - owed - expired;
        let number = which % self.top_ups.len();
        let lot = self.lots.iter_mut().find(|lot| lot.top_up == Some(number));
        match lot {
            Some(lot) if lot.left.min(available) >= nanos && now < paid_at + 30 * 24 * HOUR => {
                lot.left -= nanos;
                true
            }
            Some(_) | None => false,
        }
    }

    fn paid_at(&self, which: usize) -> Option<Timestamp> {
        let number = which.checked_rem(self.top_ups.len())?;
        self.top_ups.get(number).copied()
    }

    fn pay(&mut self, pico: i64, now: Timestamp) {
        let pico = self.carry_pico + pico;
        self.carry_pico = pico % 1_000;
        let mut nanos = pico / 1_000;
        let mut usable: Vec<&mut ModelLot> = self
            .lots
            .iter_mut()
            .filter(|lot| lot.expires_at.is_none_or(|at| at > now))
            .collect();
        usable.sort_by_key(|lot| {
            let expiry = lot.expires_at.unwrap_or(Timestamp::MAX_UTC);
            (lot.priority, expiry, lot.is_bought, lot.opened_at)
        });
        for lot in usable {
            let paid = lot.left.min(nanos);
            lot.left -= paid;
            nanos -= paid;
        }
        self.owed += nanos;
    }

    fn expired(&self, now: Timestamp) -> i64 {
        let expired = self
            .lots
            .iter()
            .filter(|lot| lot.expires_at.is_some_and(|at| at <= now));
        expired.map(|lot| lot.left).sum()
    }

    fn expire(&mut self, now: Timestamp) {
        for lot in &mut self.lots {
            if lot.expires_at.is_some_and(|at| at <= now) {
                lot.left = 0;
            }
        }
    }
}

impl GrantAct {
    /// What is said now of a grant that was given then.
    fn expires_at(&self, given_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match self.hours {
            None => None,
            Some(0) => Some(given_at + 90 * 24 * HOUR),
            Some(hours) => Some(now + hours * HOUR),
        }
    }
}

//! A small model of what acts come to: credit in lots, what is owed, and what is carried. Holds are
//! in a file of their own.

use std::collections::BTreeMap;

use super::acts::{Act, DAY, GrantAct, HOUR, Model as RatedModel, RefundAmount, Request};
use super::model_holds::Holds;

const NANOS_A_CENT: i64 = 10_000_000;
const REFUND_WINDOW: i64 = 30 * DAY;
const USUAL_LIFETIME: i64 = 90 * DAY;

/// What an act is answered, or the code of its refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Done,
    /// So many requests are new.
    Counted(usize),
    /// The hold's state, the output that it covers, and what it cost in pico-dollars.
    Hold(&'static str, i64, Option<i64>),
    Refused(&'static str),
    /// There is no such hold or top-up.
    Nothing,
}

/// In nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    pub prepaid: i64,
    pub promotional: i64,
    pub owed: i64,
    pub expired: i64,
    pub held: i64,
}

impl Parts {
    pub const fn available(&self) -> i64 {
        self.prepaid + self.promotional - self.owed - self.expired - self.held
    }
}

/// What an organization must have.
#[derive(Default)]
pub struct Model {
    pub(super) now: i64,
    lots: Vec<Lot>,
    /// When each was paid.
    top_ups: Vec<i64>,
    owed: i64,
    carry_pico: i64,
    grants: BTreeMap<u8, Grant>,
    requests: BTreeMap<u8, Request>,
    pub(super) holds: Holds,
}

struct Grant {
    nanos: i64,
    priority: i64,
    given_at: i64,
    expires_at: Option<i64>,
}

#[derive(Debug)]
struct Lot {
    priority: i64,
    expires_at: Option<i64>,
    is_bought: bool,
    /// Which of the top-ups opened it.
    top_up: Option<usize>,
    opened_at: i64,
    left: i64,
}

impl Model {
    pub fn apply(&mut self, act: &Act) -> Answer {
        match act {
            Act::TopUp { cents } => self.top_up(*cents),
            Act::Grant(grant) => self.grant(grant),
            Act::Use(requests) => self.use_up(requests),
            Act::Open(open) => self.open(open),
            Act::Capture { hold, used } => self.capture(*hold, *used),
            Act::Release { hold } => self.release(*hold),
            Act::Heartbeat { hold } => self.heartbeat(*hold),
            Act::Refund { which, amount } => self.refund(*which, *amount),
            Act::Wait { seconds } => {
                self.now += seconds;
                self.holds.expire(self.now);
                Answer::Done
            }
            Act::ExpireCredit => {
                self.expire_credit();
                Answer::Done
            }
            // Nothing is set aside for them any more, whether or not that is written down.
            Act::ExpireHolds => Answer::Done,
        }
    }

    pub fn parts(&self) -> Parts {
        let sum = |is_bought| -> i64 {
            let lots = self.lots.iter().filter(|lot| lot.is_bought == is_bought);
            lots.map(|lot| lot.left).sum()
        };
        let expired = self.lots.iter().filter(|lot| lot.is_expired(self.now));
        Parts {
            prepaid: sum(true),
            promotional: sum(false),
            owed: self.owed,
            expired: expired.map(|lot| lot.left).sum(),
            held: self.holds.held(),
        }
    }

    /// What is left of each lot, in the order in which they were opened: at one instant, given
    /// before bought.
    pub fn lots(&self) -> Vec<i64> {
        let mut lots: Vec<&Lot> = self.lots.iter().collect();
        lots.sort_by_key(|lot| (lot.opened_at, lot.is_bought));
        lots.into_iter().map(|lot| lot.left).collect()
    }

    fn top_up(&mut self, cents: i64) -> Answer {
        self.top_ups.push(self.now);
        self.add(Lot {
            priority: 0,
            expires_at: None,
            is_bought: true,
            top_up: Some(self.top_ups.len() - 1),
            opened_at: self.now,
            left: cents * NANOS_A_CENT,
        });
        Answer::Done
    }

    fn grant(&mut self, act: &GrantAct) -> Answer {
        if let Some(given) = self.grants.get(&act.key) {
            let expires_at = act.expires_at(given.given_at, self.now);
            let is_same = (act.nanos, act.priority, expires_at)
                == (given.nanos, given.priority, given.expires_at);
            return if is_same {
                Answer::Done
            } else {
                Answer::Refused("key_reused")
            };
        }
        let expires_at = act.expires_at(self.now, self.now);
        let given = Grant {
            nanos: act.nanos,
            priority: act.priority,
            given_at: self.now,
            expires_at,
        };
        self.grants.insert(act.key, given);
        self.add(Lot {
            priority: act.priority,
            expires_at,
            is_bought: false,
            top_up: None,
            opened_at: self.now,
            left: act.nanos,
        });
        Answer::Done
    }

    /// What is owed is settled first.
    fn add(&mut self, mut lot: Lot) {
        let settles = self.owed.min(lot.left);
        self.owed -= settles;
        lot.left -= settles;
        if lot.left > 0 {
            self.lots.push(lot);
        }
    }

    fn use_up(&mut self, requests: &[Request]) -> Answer {
        let (input_rate, output_rate) = RatedModel::Odd.rates();
        let (mut picos, mut counted) = (0, 0);
        for request in requests {
            match self.requests.get(&request.id) {
                Some(first) if first == request => {}
                // Only where it is told alone.
                Some(_) => return Answer::Refused("id_reused"),
                None => {
                    self.requests.insert(request.id, *request);
                    picos += request.input * input_rate + request.output * output_rate;
                    counted += 1;
                }
            }
        }
        self.pay(picos);
        Answer::Counted(counted)
    }

    pub(super) fn pay(&mut self, picos: i64) {
        let picos = self.carry_pico + picos;
        self.carry_pico = picos % 1_000;
        let mut nanos = picos / 1_000;
        let now = self.now;
        let usable = self.lots.iter_mut().filter(|lot| !lot.is_expired(now));
        let mut usable: Vec<&mut Lot> = usable.collect();
        usable.sort_by_key(|lot| {
            let expiry = lot.expires_at.unwrap_or(i64::MAX);
            (lot.priority, expiry, lot.is_bought, lot.opened_at)
        });
        for lot in usable {
            let paid = lot.left.min(nanos);
            lot.left -= paid;
            nanos -= paid;
        }
        self.owed += nanos;
    }

    /// How many cents an act asks for.
    pub fn refund_cents(&self, which: usize, amount: RefundAmount) -> i64 {
        match amount {
            RefundAmount::Cents(cents) => cents,
            RefundAmount::AboveMost(more) => (self.most_refundable(which) + more).max(1),
        }
    }

    fn left_of_top_up(&self, which: usize) -> i64 {
        let number = which.checked_rem(self.top_ups.len());
        let lot = self.lots.iter().find(|lot| lot.top_up == number);
        match number {
            Some(_) => lot.map_or(0, |lot| lot.left),
            None => 0,
        }
    }

    /// In whole cents: what is left of it, and of that what is neither held nor owed.
    fn most_refundable(&self, which: usize) -> i64 {
        let available = self.parts().available();
        self.left_of_top_up(which).min(available).max(0) / NANOS_A_CENT
    }

    fn refund(&mut self, which: usize, amount: RefundAmount) -> Answer {
        let Some(number) = which.checked_rem(self.top_ups.len()) else {
            return Answer::Nothing;
        };
        let nanos = self.refund_cents(which, amount) * NANOS_A_CENT;
        let most = self.most_refundable(which) * NANOS_A_CENT;
        if self.left_of_top_up(which) < NANOS_A_CENT {
            return Answer::Refused("credit_used");
        }
        if most == 0 {
            return Answer::Refused("credit_held");
        }
        if self.now >= self.top_ups[number] + REFUND_WINDOW {
            return Answer::Refused("refund_window_over");
        }
        if nanos > most {
            return Answer::Refused("above_unused");
        }
        let mut lots = self.lots.iter_mut();
        if let Some(lot) = lots.find(|lot| lot.top_up == Some(number)) {
            lot.left -= nanos;
        }
        Answer::Done
    }

    fn expire_credit(&mut self) {
        let now = self.now;
        for lot in self.lots.iter_mut().filter(|lot| lot.is_expired(now)) {
            lot.left = 0;
        }
    }
}

impl Lot {
    fn is_expired(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

impl GrantAct {
    /// What is said now of a grant that was given then.
    fn expires_at(&self, given_at: i64, now: i64) -> Option<i64> {
        match self.hours {
            None => None,
            Some(0) => Some(given_at + USUAL_LIFETIME),
            Some(hours) => Some(now + hours * HOUR),
        }
    }
}

//! The model's holds: what is granted, and what each may be settled with.

use std::collections::BTreeMap;

use super::acts::{DAY, MINUTE, Model as RatedModel, OpenAct, Used};
use super::model::{Answer, Model};

const FLOOR: i64 = -1_000_000_000;
const LIFETIME: i64 = 10 * MINUTE;

#[derive(Default)]
pub struct Holds {
    all: Vec<Hold>,
    ids: BTreeMap<u8, usize>,
}

struct Hold {
    asked: OpenAct,
    covers: i64,
    nanos: i64,
    created_at: i64,
    expires_at: i64,
    state: &'static str,
    closed_at: i64,
    /// What was said, and what it cost.
    captured: Option<(Used, i64)>,
}

impl Holds {
    pub fn held(&self) -> i64 {
        let open = self.all.iter().filter(|hold| hold.state == "open");
        open.map(|hold| hold.nanos).sum()
    }

    /// As many back as are there, over and over.
    fn newest_but(&mut self, number: usize) -> Option<&mut Hold> {
        let back = number.checked_rem(self.all.len())?;
        self.all.iter_mut().rev().nth(back)
    }

    pub fn expire(&mut self, now: i64) {
        for hold in &mut self.all {
            if hold.state == "open" && hold.expires_at <= now {
                hold.state = "expired";
                hold.closed_at = hold.expires_at;
            }
        }
    }
}

impl Hold {
    const fn answer(&self) -> Answer {
        let cost = match self.captured {
            Some((_, cost)) => Some(cost),
            None => None,
        };
        Answer::Hold(self.state, self.covers, cost)
    }
}

const fn picos(model: RatedModel, input: i64, output: i64) -> i64 {
    let (input_rate, output_rate) = model.rates();
    input_rate * input + output_rate * output
}

/// What is set aside: rounded up.
const fn nanos(asked: &OpenAct, output: i64) -> i64 {
    (picos(asked.model, asked.input, output) + 999) / 1_000
}

/// The most output that so much covers; none: not even one token.
fn covered(asked: &OpenAct, available: i64) -> Option<i64> {
    let room = if available > 0 { available - FLOOR } else { -1 };
    let fits = |output: i64| available >= FLOOR && nanos(asked, output) <= room;
    let wanted = asked.most.min(asked.model.max_tokens());
    if fits(wanted) {
        return Some(wanted);
    }
    // Step by step would take long: from a little above what fits, down.
    let (input_rate, output_rate) = asked.model.rates();
    let about = (room * 1_000 - input_rate * asked.input) / output_rate + 2;
    (1..=about.clamp(0, wanted))
        .rev()
        .find(|output| fits(*output))
}

impl Model {
    pub(super) fn open(&mut self, asked: &OpenAct) -> Answer {
        let known = asked.id.and_then(|id| self.holds.ids.get(&id));
        if let Some(hold) = known.map(|index| &self.holds.all[*index]) {
            return if hold.asked == *asked {
                hold.answer()
            } else {
                Answer::Refused("id_reused")
            };
        }
        let Some(covers) = covered(asked, self.parts().available()) else {
            return Answer::Refused("insufficient_quota");
        };
        if let Some(id) = asked.id {
            self.holds.ids.insert(id, self.holds.all.len());
        }
        let hold = Hold {
            asked: *asked,
            covers,
            nanos: nanos(asked, covers),
            created_at: self.now,
            expires_at: self.now + LIFETIME,
            state: "open",
            closed_at: 0,
            captured: None,
        };
        let answer = hold.answer();
        self.holds.all.push(hold);
        answer
    }

    pub(super) fn capture(&mut self, back: usize, used: Used) -> Answer {
        let now = self.now;
        let Some(hold) = self.holds.newest_but(back) else {
            return Answer::Nothing;
        };
        if let Some((first, _)) = hold.captured {
            return if first == used {
                hold.answer()
            } else {
                Answer::Refused("hold_captured")
            };
        }
        if hold.state == "open" {
            hold.closed_at = now;
        } else if now - hold.closed_at > DAY {
            return Answer::Refused("hold_too_old");
        }
        let cost = if used.output == 0 || used.status >= 500 {
            0
        } else {
            picos(hold.asked.model, used.input, used.output)
        };
        hold.state = "captured";
        hold.captured = Some((used, cost));
        let answer = hold.answer();
        self.pay(cost);
        answer
    }

    pub(super) fn release(&mut self, back: usize) -> Answer {
        let now = self.now;
        let Some(hold) = self.holds.newest_but(back) else {
            return Answer::Nothing;
        };
        match hold.state {
            "captured" => return Answer::Refused("hold_captured"),
            "open" => {
                hold.state = "released";
                hold.closed_at = now;
            }
            _ => {}
        }
        hold.answer()
    }

    pub(super) fn heartbeat(&mut self, back: usize) -> Answer {
        let now = self.now;
        let Some(hold) = self.holds.newest_but(back) else {
            return Answer::Nothing;
        };
        match hold.state {
            "captured" => return Answer::Refused("hold_captured"),
            "released" => return Answer::Refused("hold_released"),
            "expired" => return Answer::Refused("hold_expired"),
            _ => {}
        }
        hold.expires_at = (now + LIFETIME).min(hold.created_at + DAY);
        hold.answer()
    }
}

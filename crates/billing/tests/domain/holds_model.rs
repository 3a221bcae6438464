//! What is done with holds, at random, and a small model of what it comes to.

use std::collections::BTreeMap;

use proptest::prelude::*;

/// Pico-dollars a token: input leaves a remainder below a nano-dollar, output does not.
const INPUT_PICO: i64 = 7;
const OUTPUT_PICO: i64 = 600_000;
const FLOOR: i64 = -1_000_000_000;
const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;
#[derive(Debug, Clone)]
pub enum Act {
    TopUp {
        cents: i64,
    },
    Give {
        nanos: i64,
        hours: Option<i64>,
    },
    /// Under one of a few ids, or under none.
    Open {
        id: Option<u8>,
        input: i64,
        most: i64,
    },
    /// One of the holds so far, by number.
    Capture {
        hold: usize,
        input: i64,
        output: i64,
        status: i64,
    },
    Release {
        hold: usize,
    },
    Heartbeat {
        hold: usize,
    },
    Use {
        id: u8,
        output: i64,
    },
    Wait {
        seconds: i64,
    },
    Sweep,
}

pub fn acts() -> impl Strategy<Value = Vec<Act>> {
    let tokens = prop_oneof![Just(0_i64), Just(1), Just(1_000), 0_i64..3_000_000];
    let most = prop_oneof![Just(1_i64), Just(1_000), Just(131_072), Just(900_000)];
    let nanos = prop_oneof![Just(1_i64), Just(50_000_000), Just(700_000_000)];
    let hours = prop_oneof![Just(None), Just(Some(1_i64)), Just(Some(25))];
    let id = prop_oneof![2 => Just(None), 1 => (0_u8..3).prop_map(Some)];
    let status = prop_oneof![4 => Just(200_i64), 1 => Just(502)];
    let seconds = prop_oneof![
        Just(1_i64),
        Just(9 * MINUTE),
        Just(10 * MINUTE),
        Just(HOUR),
        Just(24 * HOUR),
    ];
    let act = prop_oneof![
        1 => (500_i64..600).prop_map(|cents| Act::TopUp { cents }),
        3 => (nanos, hours).prop_map(|(nanos, hours)| Act::Give { nanos, hours }),
        6 => (id, tokens.clone(), most).prop_map(|(id, input, most)| Act::Open { id, input, most }),
        5 => (0_usize..8, tokens.clone(), tokens.clone(), status).prop_map(
            |(hold, input, output, status)| Act::Capture { hold, input, output, status }
        ),
        2 => (0_usize..8).prop_map(|hold| Act::Release { hold }),
        2 => (0_usize..8).prop_map(|hold| Act::Heartbeat { hold }),
        2 => (0_u8..9, tokens).prop_map(|(id, output)| Act::Use { id, output }),
        3 => seconds.prop_map(|seconds| Act::Wait { seconds }),
        1 => Just(Act::Sweep),
    ];
    proptest::collection::vec(act, 4..24)
}

/// What an act is answered: the hold's state, what it covers and what it cost; or a code.
pub type Answer = Result<(&'static str, i64, Option<i64>), &'static str>;

#[derive(Default)]
pub struct Model {
    now: i64,
    /// What is left, until when.
    lots: Vec<(Option<i64>, i64)>,
    owed: i64,
    carry: i64,
    pub holds: Vec<ModelHold>,
    ids: BTreeMap<u8, usize>,
    used: BTreeMap<u8, i64>,
}

pub struct ModelHold {
    asked: (i64, i64),
    covers: i64,
    nanos: i64,
    created_at: i64,
    expires_at: i64,
    state: &'static str,
    closed_at: i64,
    /// What was said, and what it cost.
    captured: Option<((i64, i64, i64), i64)>,
}

impl ModelHold {
    const fn answer(&self) -> Answer {
        let cost = match self.captured {
            Some((_, cost)) => Some(cost),
            None => None,
        };
        Ok((self.state, self.covers, cost))
    }
}

/// Rounded up.
const fn nanos_of(input: i64, output: i64) -> i64 {
    (INPUT_PICO * input + OUTPUT_PICO * output + 999) / 1_000
}

impl Model {
    fn held(&self) -> i64 {
        let open = self.holds.iter().filter(|hold| hold.state == "open");
        open.map(|hold| hold.nanos).sum()
    }

    /// Balance, held, available.
    pub fn balances(&self) -> (i64, i64, i64) {
        let all: i64 = self.lots.iter().map(|(_, left)| left).sum();
        let usable = self.lots.iter().filter(|lot| !self.is_expired(lot.0));
        let usable: i64 = usable.map(|(_, left)| left).sum();
        let held = self.held();
        (all - self.owed, held, usable - self.owed - held)
    }

    fn is_expired(&self, expires_at: Option<i64>) -> bool {
        expires_at.is_some_and(|at| at <= self.now)
    }

    pub fn wait(&mut self, seconds: i64) {
        self.now += seconds;
        for hold in &mut self.holds {
            if hold.state == "open" && hold.expires_at <= self.now {
                hold.state = "expired";
                hold.closed_at = hold.expires_at;
            }
        }
    }

    pub fn give(&mut self, nanos: i64, hours: Option<i64>) {
        let settles = self.owed.min(nanos);
        self.owed -= settles;
        if nanos > settles {
            let expires_at = hours.map(|hours| self.now + hours * HOUR);
            self.lots.push((expires_at, nanos - settles));
            self.lots.sort_by_key(|(at, _)| (at.is_none(), *at));
        }
    }

    fn pay(&mut self, picos: i64) {
        let all = self.carry + picos;
        self.carry = all % 1_000;
        let mut left = all / 1_000;
        let now = self.now;
        for (expires_at, in_lot) in &mut self.lots {
            if expires_at.is_none_or(|at| at > now) {
                let pays = left.min(*in_lot);
                *in_lot -= pays;
                left -= pays;
            }
        }
        self.owed += left;
    }

    pub fn open(&mut self, id: Option<u8>, input: i64, most: i64) -> Answer {
        if let Some(index) = id.and_then(|id| self.ids.get(&id)) {
            let hold = &self.holds[*index];
            return if hold.asked == (input, most) {
                hold.answer()
            } else {
                Err("id_reused")
            };
        }
        let available = self.balances().2;
        let room = if available > 0 { available - FLOOR } else { -1 };
        let wanted = most.min(131_072);
        let mut covers = wanted;
        // Step by step would take long: from a little above what fits, down.
        let fits = |output: i64| available >= FLOOR && nanos_of(input, output) <= room;
        if !fits(covers) {
            covers = ((room * 1_000 - INPUT_PICO * input) / OUTPUT_PICO + 2).clamp(0, wanted);
            while covers > 0 && !fits(covers) {
                covers -= 1;
            }
        }
        if covers < 1 {
            return Err("insufficient_quota");
        }
        if let Some(id) = id {
            self.ids.insert(id, self.holds.len());
        }
        let hold = ModelHold {
            asked: (input, most),
            covers,
            nanos: nanos_of(input, covers),
            created_at: self.now,
            expires_at: self.now + 10 * MINUTE,
            state: "open",
            closed_at: 0,
            captured: None,
        };
        let answer = hold.answer();
        self.holds.push(hold);
        answer
    }

    pub fn capture(&mut self, index: usize, input: i64, output: i64, status: i64) -> Answer {
        let is_free = output == 0 || status >= 500;
        let said = (input, output, status);
        let now = self.now;
        let hold = &mut self.holds[index];
        if let Some((first, _)) = hold.captured {
            return if first == said {
                hold.answer()
            } else {
                Err("hold_captured")
            };
        }
        if hold.state == "open" {
            hold.closed_at = now;
        } else if now - hold.closed_at > 24 * HOUR {
            return Err("hold_too_old");
        }
        let cost = if is_free {
            0
        } else {
            INPUT_PICO * input + OUTPUT_PICO * output
        };
        hold.state = "captured";
        hold.captured = Some((said, cost));
        let answer = hold.answer();
        self.pay(cost);
        answer
    }

    pub fn release(&mut self, index: usize) -> Answer {
        let now = self.now;
        let hold = &mut self.holds[index];
        match hold.state {
            "captured" => return Err("hold_captured"),
            "open" => {
                hold.state = "released";
                hold.closed_at = now;
            }
            _ => {}
        }
        hold.answer()
    }

    pub fn heartbeat(&mut self, index: usize) -> Answer {
        let now = self.now;
        let hold = &mut self.holds[index];
        match hold.state {
            "captured" => return Err("hold_captured"),
            "released" => return Err("hold_released"),
            "expired" => return Err("hold_expired"),
            _ => {}
        }
        hold.expires_at = (now + 10 * MINUTE).min(hold.created_at + 24 * HOUR);
        hold.answer()
    }

    pub fn use_up(&mut self, id: u8, output: i64) -> bool {
        if let Some(first) = self.used.get(&id) {
            return *first == output;
        }
        self.used.insert(id, output);
        self.pay(112 * INPUT_PICO + output * OUTPUT_PICO);
        true
    }
}

//! Random histories of holds, usage, gifts that expire, replays and waiting, against a small model:
//! every answer and every balance on the way is the model's.

use std::collections::BTreeMap;
use std::time::Duration;

use billing::credits::{Expiry, NewGrant};
use billing::{ApiKeyCaller, CaptureHold, Hold, HoldError, OpenHold, Problem};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use types::money::Money;
use types::time::Timestamp;
use types::usage::Tokens;

use crate::world::{World, event};

/// Pico-dollars a token: input leaves a remainder below a nano-dollar, output does not.
const INPUT_PICO: i64 = 7;
const OUTPUT_PICO: i64 = 600_000;
const FLOOR: i64 = -1_000_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
/// Histories of a test; there are four such tests.
const HISTORIES: u32 = 250;

#[derive(Debug, Clone)]
enum Act {
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

fn acts() -> impl Strategy<Value = Vec<Act>> {
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
type Answer = Result<(&'static str, i64, Option<i64>), &'static str>;

#[derive(Default)]
struct Model {
    now: i64,
    /// What is left, until when.
    lots: Vec<(Option<i64>, i64)>,
    owed: i64,
    carry: i64,
    holds: Vec<ModelHold>,
    ids: BTreeMap<u8, usize>,
    used: BTreeMap<u8, i64>,
}

struct ModelHold {
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
    fn balances(&self) -> (i64, i64, i64) {
        let all: i64 = self.lots.iter().map(|(_, left)| left).sum();
        let usable = self.lots.iter().filter(|lot| !self.is_expired(lot.0));
        let usable: i64 = usable.map(|(_, left)| left).sum();
        let held = self.held();
        (all - self.owed, held, usable - self.owed - held)
    }

    fn is_expired(&self, expires_at: Option<i64>) -> bool {
        expires_at.is_some_and(|at| at <= self.now)
    }

    fn wait(&mut self, seconds: i64) {
        self.now += seconds;
        for hold in &mut self.holds {
            if hold.state == "open" && hold.expires_at <= self.now {
                hold.state = "expired";
                hold.closed_at = hold.expires_at;
            }
        }
    }

    fn give(&mut self, nanos: i64, hours: Option<i64>) {
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

    fn open(&mut self, id: Option<u8>, input: i64, most: i64) -> Answer {
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

    fn capture(&mut self, index: usize, input: i64, output: i64, status: i64) -> Answer {
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

    fn release(&mut self, index: usize) -> Answer {
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

    fn heartbeat(&mut self, index: usize) -> Answer {
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

    fn use_up(&mut self, id: u8, output: i64) -> bool {
        if let Some(first) = self.used.get(&id) {
            return *first == output;
        }
        self.used.insert(id, output);
        self.pay(112 * INPUT_PICO + output * OUTPUT_PICO);
        true
    }
}

/// An organization with a history.
struct Party<'w> {
    world: &'w World,
    caller: ApiKeyCaller,
    start: Timestamp,
    name: String,
    holds: Vec<Hold>,
}

impl<'w> Party<'w> {
    async fn new(world: &'w World, number: u32) -> Self {
        let (tenancy, operator) = (world.billing.tenancy(), world.billing.operator());
        let name = format!("Acme-{number}");
        let owner = world.owner.user;
        let organization = tenancy.create_organization(&name, owner).await.unwrap();
        let project = operator.create_project(organization, "P").await.unwrap();
        let key = operator.create_key(organization, project, "K").await;
        let keys = world.billing.api_keys();
        let caller = keys.authenticate(&key.unwrap().1).await.unwrap().unwrap();
        Self {
            world,
            caller,
            start: world.billing.now(),
            name,
            holds: Vec::new(),
        }
    }

    async fn balances(&self) -> (i64, i64, i64) {
        let prepaid = self.world.billing.prepaid();
        let balance = prepaid.balance(self.caller.organization).await.unwrap();
        (
            balance.posted().unwrap().nanos(),
            balance.held.nanos(),
            balance.available().unwrap().nanos(),
        )
    }

    async fn give(&self, number: usize, nanos: i64, hours: Option<i64>) {
        let key = format!("{}-{number}", self.name);
        let expiry = hours.map_or(Expiry::Never, |hours| {
            let seconds = u64::try_from(hours * HOUR).unwrap();
            Expiry::At(self.world.billing.now() + Duration::from_secs(seconds))
        });
        let grant = NewGrant {
            expiry,
            ..NewGrant::new(key, Money::from_nanos(nanos), "A gift".to_owned())
        };
        let credits = self.world.billing.credits();
        credits
            .grant(self.caller.organization, grant)
            .await
            .unwrap();
    }

    fn told(hold: &Result<Hold, HoldError>) -> Answer {
        match hold {
            Ok(hold) => {
                let cost = match hold.state {
                    billing::HoldState::Captured { cost, .. } => Some(cost.picos()),
                    billing::HoldState::Open
                    | billing::HoldState::Released { .. }
                    | billing::HoldState::Expired { .. } => None,
                };
                Ok((hold.state.as_str(), hold.max_output_tokens, cost))
            }
            Err(error) => Err(error.code()),
        }
    }

    async fn open(&mut self, id: Option<u8>, input: i64, most: i64) -> Answer {
        let asked = OpenHold {
            id: id.map(|id| format!("req-{id}")),
            model: "gpt-oss-120b".to_owned(),
            input_tokens: input,
            max_output_tokens: Some(most),
            project: None,
            api_key: None,
        };
        let opened = self.world.billing.holds().open(&self.caller, asked).await;
        if let Ok(hold) = &opened
            && self.holds.iter().all(|known| known.id != hold.id)
        {
            self.holds.push(hold.clone());
        }
        Self::told(&opened)
    }

    async fn act_on(&self, act: &Act) -> Option<Answer> {
        let (organization, holds) = (self.caller.organization, self.world.billing.holds());
        let (Act::Capture { hold, .. } | Act::Release { hold } | Act::Heartbeat { hold }) = act
        else {
            return None;
        };
        let id = self.holds.get(*hold)?.id;
        let done = match act {
            Act::Capture {
                input,
                output,
                status,
                ..
            } => {
                let used = CaptureHold {
                    tokens: Tokens {
                        input: *input,
                        cached_input: 0,
                        output: *output,
                    },
                    status: Some(*status),
                    latency_ms: None,
                };
                holds.capture(organization, id, used).await
            }
            Act::Release { .. } => holds.release(organization, id).await,
            Act::Heartbeat { .. }
            | Act::Give { .. }
            | Act::Open { .. }
            | Act::Use { .. }
            | Act::Wait { .. }
            | Act::Sweep => holds.heartbeat(organization, id).await,
        };
        Some(Self::told(&done))
    }

    async fn use_up(&self, id: u8, output: i64) -> bool {
        let mut used = event(&format!("{id}"));
        used.tokens.output = output;
        // The same event, whenever it is sent.
        used.occurred_at = Some(self.start);
        let usage = self.world.billing.usage();
        usage.ingest(&self.caller, vec![used]).await.is_ok()
    }
}

async fn check(world: &World, number: u32, acts: &[Act]) -> TestCaseResult {
    let mut party = Party::new(world, number).await;
    let mut model = Model::default();
    for (place, act) in acts.iter().enumerate() {
        // Each is said twice: the second time changes nothing that the model would not.
        for time in 0..2 {
            match act {
                Act::Give { nanos, hours } if time == 0 => {
                    party.give(place, *nanos, *hours).await;
                    model.give(*nanos, *hours);
                }
                Act::Wait { seconds } if time == 0 => {
                    let waited = Duration::from_secs(u64::try_from(*seconds).unwrap());
                    world.clock.advance(waited);
                    model.wait(*seconds);
                }
                Act::Give { .. } | Act::Wait { .. } => {}
                Act::Sweep => {
                    world.billing.holds().expire_due().await.unwrap();
                }
                Act::Open { id, input, most } => {
                    let told = party.open(*id, *input, *most).await;
                    prop_assert_eq!(told, model.open(*id, *input, *most), "{:?}", act);
                }
                Act::Use { id, output } => {
                    let told = party.use_up(*id, *output).await;
                    prop_assert_eq!(told, model.use_up(*id, *output), "{:?}", act);
                }
                Act::Capture { hold, .. } | Act::Release { hold } | Act::Heartbeat { hold } => {
                    let told = party.act_on(act).await;
                    let expected = (*hold < model.holds.len()).then(|| match act {
                        Act::Capture {
                            input,
                            output,
                            status,
                            ..
                        } => model.capture(*hold, *input, *output, *status),
                        Act::Release { .. } => model.release(*hold),
                        Act::Heartbeat { .. }
                        | Act::Give { .. }
                        | Act::Open { .. }
                        | Act::Use { .. }
                        | Act::Wait { .. }
                        | Act::Sweep => model.heartbeat(*hold),
                    });
                    prop_assert_eq!(told, expected, "{:?}", act);
                }
            }
            prop_assert_eq!(party.balances().await, model.balances(), "after {:?}", act);
        }
    }
    Ok(())
}

fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(async {
        let world = World::new().await;
        let odd = billing::rates::SEED_JSON.replace("\"0.15\"", "\"0.000007\"");
        let effective_at = "2026-02-01T00:00:00Z".parse().unwrap();
        let rates = world.billing.rates();
        rates.load(&odd, effective_at).await.unwrap();
        world
    });
    let config = Config {
        cases: HISTORIES,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let number = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&acts(), |acts| {
            number.set(number.get() + 1);
            runtime.block_on(check(&world, number.get(), &acts))
        })
        .unwrap();
    runtime.block_on(world.finish());
}

// Four, so that they run beside each other: together 1,000 histories.

#[test]
fn random_histories_of_holds_are_the_models() {
    run();
}

#[test]
fn more_random_histories_of_holds_are_the_models() {
    run();
}

#[test]
fn still_more_random_histories_of_holds_are_the_models() {
    run();
}

#[test]
fn the_last_random_histories_of_holds_are_the_models() {
    run();
}

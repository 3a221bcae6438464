//! An organization that a history happens to, and how it is told.

use std::time::Duration;

use billing::credits::{Expiry, MOST_LOTS, NewGrant};
use billing::{
    ApiKeyCaller, CaptureHold, Hold, HoldError, HoldState, OpenHold, Problem, StartTopUp,
};
use types::ids::TopUpId;
use types::money::{Cents, Money};
use types::tenancy::Viewer;
use types::top_up::PayWith;
use types::usage::{Tokens, UsageEvent};

use super::acts::{Act, GrantAct, HOUR, OpenAct, Request, Used};
use super::model::{Answer, Parts};
use crate::gateway_side::VISA;
use crate::random;
use crate::refunds::asking;
use crate::world::{World, event};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Requests that are reported together go in one call, and nothing is said twice.
    Together,
    /// One call for each, in the other order; and everything is said twice that says who it is.
    OneByOne,
}

pub struct Party<'w> {
    world: &'w World,
    viewer: Viewer,
    caller: ApiKeyCaller,
    pub telling: Telling,
    name: String,
    top_ups: Vec<TopUpId>,
    holds: Vec<Hold>,
}

impl<'w> Party<'w> {
    pub async fn new(world: &'w World, name: String, telling: Telling) -> Self {
        let (viewer, caller) = random::organization(world, &name).await;
        Self {
            world,
            viewer,
            caller,
            telling,
            name,
            top_ups: Vec::new(),
            holds: Vec::new(),
        }
    }

    /// Says it as often as it is told; every time the answer must be the same.
    pub async fn tell(&mut self, act: &Act, refund_cents: i64) -> Answer {
        match act {
            Act::TopUp { cents } => self.top_up(*cents).await,
            Act::Grant(grant) => self.grant(grant).await,
            Act::Use(requests) => self.use_up(requests).await,
            Act::Open(asked) => self.open(asked).await,
            Act::Capture { hold, .. } | Act::Release { hold } | Act::Heartbeat { hold } => {
                let back = hold.checked_rem(self.holds.len());
                match back.and_then(|back| self.holds.iter().rev().nth(back)) {
                    Some(hold) => self.settle(act, hold).await,
                    None => Answer::Nothing,
                }
            }
            Act::Refund { which, .. } => self.refund(*which, refund_cents).await,
            Act::Wait { .. } | Act::ExpireCredit | Act::ExpireHolds => Answer::Done,
        }
    }

    fn times(&self) -> usize {
        match self.telling {
            Telling::Together => 1,
            Telling::OneByOne => 2,
        }
    }

    async fn top_up(&mut self, cents: i64) -> Answer {
        let request = StartTopUp {
            id: TopUpId::generate(),
            amount: Cents::new(cents),
            pay_with: PayWith::NewCard(self.world.token(VISA).await),
        };
        self.top_ups.push(request.id);
        for _ in 0..self.times() {
            let top_ups = self.world.billing.top_ups();
            top_ups.start(&self.viewer, request.clone()).await.unwrap();
        }
        Answer::Done
    }

    async fn grant(&self, act: &GrantAct) -> Answer {
        let amount = Money::from_nanos(act.nanos);
        let key = format!("{}-{}", self.name, act.key);
        let grant = NewGrant {
            priority: act.priority,
            expiry: match act.hours {
                None => Expiry::Never,
                Some(0) => Expiry::Usual,
                Some(hours) => Expiry::At(self.world.billing.now() + seconds(hours * HOUR)),
            },
            ..NewGrant::new(key, amount, "A gift".to_owned())
        };
        let mut answers = Vec::new();
        for _ in 0..self.times() {
            let credits = self.world.billing.credits();
            let given = credits.grant(self.viewer.organization, grant.clone()).await;
            answers.push(done_or_refused(given));
        }
        same(answers)
    }

    async fn refund(&self, which: usize, cents: i64) -> Answer {
        let number = which.checked_rem(self.top_ups.len());
        let Some(number) = number else {
            return Answer::Nothing;
        };
        let request = asking(self.top_ups[number], cents);
        let mut answers = Vec::new();
        for _ in 0..self.times() {
            let asked = self.world.ask_as(&self.viewer, &request).await;
            answers.push(done_or_refused(asked));
        }
        same(answers)
    }

    async fn use_up(&self, requests: &[Request]) -> Answer {
        let events = requests.iter().map(|request| UsageEvent {
            tokens: Tokens {
                input: request.input,
                cached_input: 0,
                output: request.output,
            },
            ..event(&format!("{}", request.id))
        });
        let calls: Vec<Vec<UsageEvent>> = match self.telling {
            Telling::Together => vec![events.collect()],
            Telling::OneByOne => {
                let backwards = events.rev().map(|event| vec![event]);
                let once: Vec<_> = backwards.collect();
                [once.clone(), once].concat()
            }
        };
        let mut counted = 0;
        for call in calls {
            let usage = self.world.billing.usage();
            match usage.ingest(&self.caller, call).await {
                Ok(ingested) => counted += ingested.counted,
                Err(error) => return Answer::Refused(error.code()),
            }
        }
        Answer::Counted(counted)
    }

    async fn open(&mut self, asked: &OpenAct) -> Answer {
        let request = OpenHold {
            id: asked.id.map(|id| format!("req-{id}")),
            model: asked.model.name().to_owned(),
            input_tokens: asked.input,
            max_output_tokens: Some(asked.most),
            project: None,
            api_key: None,
        };
        // Without an id each is another.
        let times = asked.id.map_or(1, |_| self.times());
        let mut answers = Vec::new();
        for _ in 0..times {
            let holds = self.world.billing.holds();
            let opened = holds.open(&self.caller, request.clone()).await;
            if let Ok(hold) = &opened
                && self.holds.iter().all(|known| known.id != hold.id)
            {
                self.holds.push(hold.clone());
            }
            answers.push(told(&opened));
        }
        same(answers)
    }

    /// A capture, a release or a heartbeat.
    async fn settle(&self, act: &Act, hold: &Hold) -> Answer {
        let (organization, holds) = (self.caller.organization, self.world.billing.holds());
        let mut answers = Vec::new();
        for _ in 0..self.times() {
            let settled = match act {
                Act::Capture { used, .. } => {
                    holds.capture(organization, hold.id, captured(*used)).await
                }
                Act::Release { .. } => holds.release(organization, hold.id).await,
                Act::Heartbeat { .. } => holds.heartbeat(organization, hold.id).await,
                Act::TopUp { .. }
                | Act::Grant(_)
                | Act::Use(_)
                | Act::Open(_)
                | Act::Refund { .. }
                | Act::Wait { .. }
                | Act::ExpireCredit
                | Act::ExpireHolds => panic!("{act:?} is about no hold"),
            };
            answers.push(told(&settled));
        }
        same(answers)
    }

    pub async fn parts(&self) -> Parts {
        let prepaid = self.world.billing.prepaid();
        let balance = prepaid.balance(self.viewer.organization).await.unwrap();
        let parts = Parts {
            prepaid: balance.prepaid.nanos(),
            promotional: balance.promotional.nanos(),
            owed: balance.owed.nanos(),
            expired: balance.expired.nanos(),
            held: balance.held.nanos(),
        };
        assert_eq!(balance.available().unwrap().nanos(), parts.available());
        parts
    }

    /// What is left of each lot, in the order in which they were opened.
    pub async fn lots(&self) -> Vec<i64> {
        let credits = self.world.billing.credits();
        let lots = credits.lots(self.viewer.organization, None, MOST_LOTS);
        let mut lots = lots.await.unwrap();
        // Within one instant ids rise only among those of one kind.
        lots.sort_by_key(|lot| (lot.lot.opened_at, lot.lot.kind, lot.lot.id));
        lots.iter().map(|lot| lot.lot.remaining.nanos()).collect()
    }
}

pub fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap())
}

fn captured(used: Used) -> CaptureHold {
    CaptureHold {
        tokens: Tokens {
            input: used.input,
            cached_input: 0,
            output: used.output,
        },
        status: Some(used.status),
        latency_ms: None,
    }
}

fn done_or_refused<T>(done: Result<T, impl Problem>) -> Answer {
    match done {
        Ok(_) => Answer::Done,
        Err(error) => Answer::Refused(error.code()),
    }
}

fn told(hold: &Result<Hold, HoldError>) -> Answer {
    match hold {
        Ok(hold) => {
            let cost = match hold.state {
                HoldState::Captured { cost, .. } => Some(cost.picos()),
                HoldState::Open | HoldState::Released { .. } | HoldState::Expired { .. } => None,
            };
            Answer::Hold(hold.state.as_str(), hold.max_output_tokens, cost)
        }
        Err(error) => Answer::Refused(error.code()),
    }
}

fn same(mut answers: Vec<Answer>) -> Answer {
    let first = answers.remove(0);
    assert!(
        answers.iter().all(|again| *again == first),
        "{first:?}, then {answers:?}"
    );
    first
}

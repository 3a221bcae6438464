//! Random histories of holds, usage, top-ups, gifts that expire, replays and waiting, against a
//! small model: every answer and every balance on the way is the model's.

use std::time::Duration;

use billing::credits::{Expiry, NewGrant};
use billing::{ApiKeyCaller, CaptureHold, Hold, HoldError, OpenHold, Problem, StartTopUp};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use types::ids::TopUpId;
use types::money::{Cents, Money};
use types::tenancy::Viewer;
use types::time::Timestamp;
use types::top_up::PayWith;
use types::usage::Tokens;

use crate::gateway_side::VISA;
use crate::holds_model::{Act, Answer, HOUR, Model, acts};
use crate::random;
use crate::world::{World, event};

/// An organization with a history.
struct Party<'w> {
    world: &'w World,
    viewer: Viewer,
    caller: ApiKeyCaller,
    start: Timestamp,
    name: String,
    holds: Vec<Hold>,
}

impl<'w> Party<'w> {
    async fn new(world: &'w World, number: u32) -> Self {
        let name = format!("Acme-{number}");
        let (viewer, caller) = random::organization(world, &name).await;
        Self {
            world,
            viewer,
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

    /// Said twice: the second time finds the first.
    async fn top_up(&self, cents: i64) {
        let request = StartTopUp {
            id: TopUpId::generate(),
            amount: Cents::new(cents),
            pay_with: PayWith::NewCard(self.world.token(VISA).await),
        };
        for _ in 0..2 {
            let top_ups = self.world.billing.top_ups();
            top_ups.start(&self.viewer, request.clone()).await.unwrap();
        }
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
            | Act::TopUp { .. }
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

async fn check(world: &World, number: u32, acts: Vec<Act>) -> TestCaseResult {
    let mut party = Party::new(world, number).await;
    let mut model = Model::default();
    for (place, act) in acts.iter().enumerate() {
        // Each is said twice: the second time changes nothing that the model would not.
        for time in 0..2 {
            match act {
                Act::TopUp { cents } if time == 0 => {
                    party.top_up(*cents).await;
                    model.give(*cents * 10_000_000, None);
                }
                Act::Give { nanos, hours } if time == 0 => {
                    party.give(place, *nanos, *hours).await;
                    model.give(*nanos, *hours);
                }
                Act::Wait { seconds } if time == 0 => {
                    let waited = Duration::from_secs(u64::try_from(*seconds).unwrap());
                    world.clock.advance(waited);
                    model.wait(*seconds);
                }
                Act::TopUp { .. } | Act::Give { .. } | Act::Wait { .. } => {}
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
                        | Act::TopUp { .. }
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

// Four, so that they run beside each other: together 1,000 histories.

#[test]
fn random_histories_of_holds_are_the_models() {
    random::histories(acts(), check);
}

#[test]
fn more_random_histories_of_holds_are_the_models() {
    random::histories(acts(), check);
}

#[test]
fn still_more_random_histories_of_holds_are_the_models() {
    random::histories(acts(), check);
}

#[test]
fn the_last_random_histories_of_holds_are_the_models() {
    random::histories(acts(), check);
}

//! Random histories of top-ups, grants, refunds, usage, expiries, replays and waiting against a small model:
//! told in calls of many events, and told one event at a time, backwards and with repeats. Both end
//! where the model does, in every lot.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use billing::credits::{Expiry, MOST_LOTS, NewGrant};
use billing::{ApiKeyCaller, StartTopUp};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use types::ids::TopUpId;
use types::money::{Cents, Money};
use types::tenancy::Viewer;
use types::top_up::PayWith;
use types::usage::{Tokens, UsageEvent};

use crate::credits_model::{Act, GrantAct, HOUR, Model, acts};
use crate::gateway_side::VISA;
use crate::random;
use crate::refunds::asking;
use crate::world::{World, event};

/// How a history is told.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Telling {
    Together,
    OneByOne,
}

/// An organization that a history happens to.
struct Party<'w> {
    world: &'w World,
    viewer: Viewer,
    caller: ApiKeyCaller,
    telling: Telling,
    name: String,
    top_ups: Mutex<Vec<TopUpId>>,
}

impl<'w> Party<'w> {
    async fn new(world: &'w World, name: String, telling: Telling) -> Self {
        let (viewer, caller) = random::organization(world, &name).await;
        Self {
            world,
            viewer,
            caller,
            telling,
            name,
            top_ups: Mutex::default(),
        }
    }

    async fn top_up(&self, cents: i64) {
        let request = StartTopUp {
            id: TopUpId::generate(),
            amount: Cents::new(cents),
            pay_with: PayWith::NewCard(self.world.token(VISA).await),
        };
        self.top_ups.lock().unwrap().push(request.id);
        for _ in 0..self.times() {
            let top_ups = self.world.billing.top_ups();
            top_ups.start(&self.viewer, request.clone()).await.unwrap();
        }
    }

    /// Whether the grant is taken.
    async fn grant(&self, act: &GrantAct) -> bool {
        let amount = Money::from_nanos(act.nanos);
        let key = format!("{}-{}", self.name, act.key);
        let grant = NewGrant {
            priority: act.priority,
            expiry: match act.hours {
                None => Expiry::Never,
                Some(0) => Expiry::Usual,
                Some(hours) => Expiry::At(self.world.billing.now() + hours * HOUR),
            },
            ..NewGrant::new(key, amount, "A gift".to_owned())
        };
        let mut taken = HashSet::new();
        for _ in 0..self.times() {
            let credits = self.world.billing.credits();
            let given = credits.grant(self.viewer.organization, grant.clone()).await;
            taken.insert(given.is_ok());
        }
        assert_eq!(taken.len(), 1, "{act:?}");
        taken.contains(&true)
    }

    /// Whether it is given back.
    async fn refund(&self, which: usize, cents: i64) -> bool {
        let top_up = {
            let top_ups = self.top_ups.lock().unwrap();
            let number = which.checked_rem(top_ups.len());
            number.map(|number| top_ups[number])
        };
        let Some(top_up) = top_up else { return false };
        let request = asking(top_up, cents);
        let mut taken = HashSet::new();
        for _ in 0..self.times() {
            let asked = self.world.ask_as(&self.viewer, &request).await;
            taken.insert(asked.is_ok());
        }
        assert_eq!(taken.len(), 1, "{request:?}");
        taken.contains(&true)
    }

    async fn use_up(&self, requests: &[(u8, i64, i64)]) {
        let events = requests.iter().map(|(id, input, output)| UsageEvent {
            tokens: Tokens {
                input: *input,
                cached_input: 0,
                output: *output,
            },
            ..event(&format!("{id}"))
        });
        let calls: Vec<Vec<UsageEvent>> = match self.telling {
            Telling::Together => vec![events.collect()],
            Telling::OneByOne => {
                let backwards = events.rev().map(|event| vec![event]);
                let once: Vec<_> = backwards.collect();
                [once.clone(), once].concat()
            }
        };
        for call in calls {
            let usage = self.world.billing.usage();
            usage.ingest(&self.caller, call).await.unwrap();
        }
    }

    const fn times(&self) -> u8 {
        match self.telling {
            Telling::Together => 1,
            Telling::OneByOne => 2,
        }
    }

    /// Prepaid, promotional, owed, expired.
    async fn parts(&self) -> (i64, i64, i64, i64) {
        let prepaid = self.world.billing.prepaid();
        let balance = prepaid.balance(self.viewer.organization).await.unwrap();
        (
            balance.prepaid.nanos(),
            balance.promotional.nanos(),
            balance.owed.nanos(),
            balance.expired.nanos(),
        )
    }

    /// What is left of each lot, in the order in which they were opened.
    async fn lots(&self) -> Vec<i64> {
        let credits = self.world.billing.credits();
        let lots = credits
            .lots(self.viewer.organization, None, MOST_LOTS)
            .await;
        let mut lots = lots.unwrap();
        // Within one instant ids rise only among those of one kind.
        lots.sort_by_key(|lot| (lot.lot.opened_at, lot.lot.kind, lot.lot.id));
        lots.iter().map(|lot| lot.lot.remaining.nanos()).collect()
    }
}

/// A number stands for one request in all of a history: whoever names it again repeats it.
fn same_again(acts: Vec<Act>) -> Vec<Act> {
    let mut known: BTreeMap<u8, (i64, i64)> = BTreeMap::new();
    let again = |act| match act {
        Act::Use(requests) => {
            let requests = requests.into_iter().map(|(id, input, output)| {
                let (input, output) = *known.entry(id).or_insert((input, output));
                (id, input, output)
            });
            Act::Use(requests.collect())
        }
        other @ (Act::TopUp { .. }
        | Act::Grant(_)
        | Act::Wait { .. }
        | Act::Expire
        | Act::Refund { .. }) => other,
    };
    acts.into_iter().map(again).collect()
}

async fn check(world: &World, number: u32, acts: Vec<Act>) -> TestCaseResult {
    let acts = same_again(acts);
    let mut model = Model::default();
    let together = Party::new(world, format!("T{number}"), Telling::Together).await;
    let one_by_one = Party::new(world, format!("O{number}"), Telling::OneByOne).await;
    let parties = [together, one_by_one];
    for act in &acts {
        if let Act::Wait { hours } = act {
            world.clock.advance(*hours * HOUR);
        }
        let now = world.billing.now();
        let is_taken = model.apply(act, now);
        for party in &parties {
            match act {
                Act::TopUp { cents } => party.top_up(*cents).await,
                Act::Grant(grant) => prop_assert_eq!(party.grant(grant).await, is_taken),
                Act::Refund { which, cents } => {
                    prop_assert_eq!(party.refund(*which, *cents).await, is_taken);
                }
                Act::Use(requests) => party.use_up(requests).await,
                Act::Wait { .. } => {}
                Act::Expire => {
                    world.billing.credits().expire_due().await.unwrap();
                }
            }
        }
        let expected = model.parts(now);
        for party in &parties {
            prop_assert_eq!(
                party.parts().await,
                expected,
                "{:?} after {:?}",
                party.telling,
                act
            );
        }
    }
    let expected = model.lots();
    for party in &parties {
        prop_assert_eq!(party.lots().await, expected.clone(), "{:?}", party.telling);
    }
    Ok(())
}

// Four, so that they run beside each other: together 1,000 histories.

#[test]
fn random_histories_end_where_the_model_does() {
    random::histories(acts(), check);
}

#[test]
fn more_random_histories_end_where_the_model_does() {
    random::histories(acts(), check);
}

#[test]
fn still_more_random_histories_end_where_the_model_does() {
    random::histories(acts(), check);
}

#[test]
fn the_last_random_histories_end_where_the_model_does() {
    random::histories(acts(), check);
}

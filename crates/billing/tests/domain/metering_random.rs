//! Random usage: a batch costs what its events cost one at a time, to the last pico-dollar.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use types::usage::{Tokens, UsageEvent};

use crate::world::{World, event};

fn tokens() -> impl Strategy<Value = Tokens> {
    (0_i64..3_000, 0_i64..3_000, 0_i64..3_000).prop_map(|(input, cached, output)| Tokens {
        input,
        cached_input: cached.min(input),
        output,
    })
}

fn histories() -> impl Strategy<Value = Vec<Tokens>> {
    proptest::collection::vec(tokens(), 1..12)
}

#[test]
fn a_batch_costs_what_its_events_cost_one_at_a_time() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(async {
        let world = World::new().await;
        // A price that leaves a remainder below a nano-dollar on most requests.
        let odd = billing::rates::SEED_JSON.replace("\"0.15\"", "\"0.000007\"");
        let effective_at = "2026-02-01T00:00:00Z".parse().unwrap();
        world
            .billing
            .rates()
            .load(&odd, effective_at)
            .await
            .unwrap();
        world
    });
    let owner = world.owner.user;
    let number = std::cell::Cell::new(0);
    let config = Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&histories(), |history| {
            runtime.block_on(async {
                number.set(number.get() + 1);
                let mut ends = Vec::new();
                for together in [true, false] {
                    let (tenancy, operator) = (world.billing.tenancy(), world.billing.operator());
                    let name = format!("Acme {} {together}", number.get());
                    let organization = tenancy.create_organization(&name, owner).await.unwrap();
                    let project = operator.create_project(organization, "P").await.unwrap();
                    let key = operator.create_key(organization, project, "K").await;
                    let (_, secret) = key.unwrap();
                    let keys = world.billing.api_keys();
                    let caller = keys.authenticate(&secret).await.unwrap().unwrap();
                    let events: Vec<UsageEvent> = (0..)
                        .zip(&history)
                        .map(|(id, tokens)| UsageEvent {
                            tokens: *tokens,
                            ..event(&format!("{id}"))
                        })
                        .collect();
                    let calls = if together {
                        vec![events]
                    } else {
                        events.into_iter().map(|event| vec![event]).collect()
                    };
                    for call in calls {
                        world.billing.usage().ingest(&caller, call).await.unwrap();
                    }
                    ends.push(world.balance_of(organization).await);
                }
                prop_assert_eq!(&ends[0], &ends[1]);
                let picos: i64 = history
                    .iter()
                    .map(|tokens| tokens.input * 7 + tokens.output * 600_000)
                    .sum();
                let expected = types::money::Money::from_nanos(-(picos / 1_000))
                    .dollars()
                    .exact();
                prop_assert_eq!(&ends[0], &expected);
                Ok(())
            })
        })
        .unwrap();
    runtime.block_on(world.finish());
}

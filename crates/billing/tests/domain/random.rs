//! What random histories share: a world for many of them, an organization for each, and the runner.

use std::cell::Cell;

use billing::ApiKeyCaller;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use types::tenancy::Viewer;

use crate::world::World;

/// Histories of a test; four such tests of a kind are 1,000.
const HISTORIES: u32 = 250;

/// Tells so many histories of `acts`, each with a number of its own.
pub fn histories<A>(
    acts: impl Strategy<Value = Vec<A>>,
    check: impl AsyncFn(&World, u32, Vec<A>) -> TestCaseResult,
) where
    A: std::fmt::Debug,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(world_with_odd_rates());
    let config = Config {
        cases: HISTORIES,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let number = Cell::new(0);
    TestRunner::new(config)
        .run(&acts, |acts| {
            number.set(number.get() + 1);
            runtime.block_on(check(&world, number.get(), acts))
        })
        .unwrap();
    runtime.block_on(world.finish());
}

/// Input tokens cost seven pico-dollars: each leaves a remainder.
async fn world_with_odd_rates() -> World {
    let world = World::new().await;
    let odd = billing::rates::SEED_JSON.replace("\"0.15\"", "\"0.000007\"");
    let effective_at = "2026-02-01T00:00:00Z".parse().unwrap();
    let rates = world.billing.rates();
    rates.load(&odd, effective_at).await.unwrap();
    world
}

/// A new organization of the owner's, with a project and a key.
pub async fn organization(world: &World, name: &str) -> (Viewer, ApiKeyCaller) {
    let (tenancy, operator) = (world.billing.tenancy(), world.billing.operator());
    let owner = world.owner.user;
    let organization = tenancy.create_organization(name, owner).await.unwrap();
    let project = operator.create_project(organization, "P").await.unwrap();
    let key = operator.create_key(organization, project, "K").await;
    let keys = world.billing.api_keys();
    let caller = keys.authenticate(&key.unwrap().1).await.unwrap().unwrap();
    let viewer = tenancy.viewer(owner, organization).await.unwrap().unwrap();
    (viewer, caller)
}

//! Random histories against a model of three numbers.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

#[derive(Debug, Clone)]
enum Act {
    TopUp { source: u8, amount: i64 },
    Spend { source: u8, amount: i64 },
    Owe { source: u8, amount: i64 },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let source = 0_u8..12;
    let amount = 1_i64..50;
    let act = (0..3, source, amount).prop_map(|(kind, source, amount)| match kind {
        0 => Act::TopUp { source, amount },
        1 => Act::Spend { source, amount },
        _ => Act::Owe { source, amount },
    });
    proptest::collection::vec(act, 1..30)
}

/// What the acts come to: prepaid, owed, and each source with the act that took it.
#[derive(Default)]
struct Model {
    prepaid: i64,
    owed: i64,
    sources: std::collections::HashMap<u8, String>,
}

impl Model {
    /// Whether the ledger is expected to take the act.
    fn apply(&mut self, act: &Act) -> bool {
        let (source, content) = match act {
            Act::TopUp { source, amount } => (source, format!("t{amount}")),
            Act::Spend { source, amount } => (source, format!("s{amount}")),
            Act::Owe { source, amount } => (source, format!("o{amount}")),
        };
        if let Some(taken) = self.sources.get(source) {
            return *taken == content;
        }
        match act {
            Act::TopUp { amount, .. } => self.prepaid += amount,
            Act::Spend { amount, .. } if *amount > self.prepaid => return false,
            Act::Spend { amount, .. } => self.prepaid -= amount,
            Act::Owe { amount, .. } => self.owed += amount,
        }
        self.sources.insert(*source, content);
        true
    }
}

#[test]
fn random_histories_end_where_the_model_does() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 100,
        failure_persistence: None,
        ..Config::default()
    });
    // One database for all histories, an organization for each.
    let world = tokio::sync::Mutex::new(runtime.block_on(World::new()));
    runner
        .run(&acts(), |acts| {
            runtime.block_on(async {
                let mut world = world.lock().await;
                let organization = world.open_organization().await;
                let mut model = Model::default();
                for (seconds, act) in (0..).zip(&acts) {
                    let (source, transfer) = transfer(organization, act);
                    let batch = batch(
                        &format!("{organization}{source}"),
                        vec![transfer],
                        at(seconds),
                    );
                    let posted = world.post_to(organization, &batch).await;
                    prop_assert_eq!(posted.is_ok(), model.apply(act), "{:?}: {:?}", act, posted);
                }
                let balances = (
                    world.balance(&prepaid(organization)).await,
                    world.balance(&owed(organization)).await,
                );
                prop_assert_eq!(balances, (model.prepaid, model.owed));
                Ok(())
            })
        })
        .unwrap();
    runtime.block_on(world.into_inner().finish());
}

fn transfer(organization: OrganizationId, act: &Act) -> (u8, Transfer) {
    match *act {
        Act::TopUp { source, amount } => (
            source,
            Transfer::new(CLEARING, prepaid(organization), nanos(amount)),
        ),
        Act::Spend { source, amount } => (
            source,
            Transfer::new(prepaid(organization), REVENUE, nanos(amount)),
        ),
        Act::Owe { source, amount } => (
            source,
            Transfer::new(owed(organization), REVENUE, nanos(amount)),
        ),
    }
}

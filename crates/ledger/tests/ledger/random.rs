//! Random histories against a model of a few numbers.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// Each under a source, which may be taken.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    /// Opens the source's lot.
    TopUp {
        amount: i64,
    },
    /// Draws on the lot of a source.
    Spend {
        lot: u8,
        amount: i64,
    },
    /// Gives back to the lot of a source.
    GiveBack {
        lot: u8,
        amount: i64,
    },
    Owe {
        amount: i64,
    },
}

fn acts() -> impl Strategy<Value = Vec<(u8, Act)>> {
    let (source, lot, amount) = (0_u8..12, 0_u8..12, 1_i64..50);
    let act = (0..5, source, lot, amount).prop_map(|(kind, source, lot, amount)| {
        let act = match kind {
            0 | 1 => Act::TopUp { amount },
            2 => Act::Spend { lot, amount },
            3 => Act::GiveBack { lot, amount },
            _ => Act::Owe { amount },
        };
        (source, act)
    });
    proptest::collection::vec(act, 1..30)
}

/// What the acts come to: each lot with what it had and has, what is owed, and each source with
/// the act that took it.
#[derive(Default)]
struct Model {
    lots: HashMap<u8, (i64, i64)>,
    owed: i64,
    sources: HashMap<u8, Act>,
}

impl Model {
    /// Whether the ledger is expected to take the act.
    fn apply(&mut self, source: u8, act: Act) -> bool {
        if let Some(taken) = self.sources.get(&source) {
            return *taken == act;
        }
        match act {
            Act::TopUp { amount } => {
                self.lots.insert(source, (amount, amount));
            }
            Act::Spend { lot, amount } => match self.lots.get_mut(&lot) {
                Some((_, left)) if *left >= amount => *left -= amount,
                Some(_) | None => return false,
            },
            Act::GiveBack { lot, amount } => match self.lots.get_mut(&lot) {
                Some((granted, left)) if *left + amount <= *granted => *left += amount,
                Some(_) | None => return false,
            },
            Act::Owe { amount } => self.owed += amount,
        }
        self.sources.insert(source, act);
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
                let ids: Vec<LotId> = (0..12).map(|_| LotId::generate()).collect();
                let mut model = Model::default();
                for (seconds, (source, act)) in (0..).zip(acts) {
                    let batch = batch_of(organization, &ids, source, act, at(seconds));
                    let posted = world.post_to(organization, &batch).await;
                    let expected = model.apply(source, act);
                    prop_assert_eq!(posted.is_ok(), expected, "{:?}: {:?}", act, posted);
                }
                let balances = (
                    world.balance(&prepaid(organization)).await,
                    world.balance(&owed(organization)).await,
                );
                let left: i64 = model.lots.values().map(|(_, left)| left).sum();
                prop_assert_eq!(balances, (left, model.owed));
                for (source, (granted, left)) in model.lots {
                    let id = ids[usize::from(source)];
                    let found = ledger::find_lot_in(&mut world.connection, organization, id);
                    let found = found.await.unwrap().unwrap();
                    let found = (found.granted.nanos(), found.remaining.nanos());
                    prop_assert_eq!(found, (granted, left));
                }
                Ok(())
            })
        })
        .unwrap();
    runtime.block_on(world.into_inner().finish());
}

fn batch_of(
    organization: OrganizationId,
    ids: &[LotId],
    source: u8,
    act: Act,
    booked_at: Timestamp,
) -> Batch {
    let name = format!("{organization}{source}");
    let id = |source: u8| ids[usize::from(source)];
    match act {
        Act::TopUp { amount } => {
            let transfer = bought(organization, id(source), amount);
            buying(&name, vec![transfer], booked_at)
        }
        Act::Spend { lot, amount } => {
            let transfer = spent(organization, id(lot), amount);
            batch(&name, vec![transfer], booked_at)
        }
        Act::GiveBack { lot, amount } => {
            let transfer = bought(organization, id(lot), amount);
            batch(&name, vec![transfer], booked_at)
        }
        Act::Owe { amount } => {
            let transfer = Transfer::new(owed(organization), REVENUE, nanos(amount));
            batch(&name, vec![transfer], booked_at)
        }
    }
}

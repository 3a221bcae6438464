//! In which currency the gateway's account settles. Books are kept in dollars: where Stripe turns
//! them into other money on its way, what it keeps and what banks take cannot be booked.

use std::collections::BTreeSet;

use super::findings::Findings;
use super::report::{Disagreement, Kind, Side};
use crate::jobs::reconciliation::Reconciliation;

const CURRENCY: &str = "usd";

/// A key that may not read the balance leaves the question open: it is no disagreement.
pub(super) async fn compare(this: &Reconciliation, found: &mut Findings) {
    match this.core().gateway.balance_currencies().await {
        Ok(currencies) => found.add(elsewhere(&currencies)),
        Err(error) => {
            tracing::info!(%error, "it is not known in which currency the gateway settles");
        }
    }
}

fn elsewhere(currencies: &BTreeSet<String>) -> Option<Disagreement> {
    let first = currencies.first()?;
    (!currencies.contains(CURRENCY)).then(|| Disagreement {
        kind: Kind::SettlesElsewhere,
        organization: None,
        top_up: None,
        reference: None,
        ours: Side {
            currency: Some(CURRENCY.to_owned()),
            ..Side::default()
        },
        gateway: Side {
            currency: Some(first.clone()),
            ..Side::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_without_dollars_settles_elsewhere_and_a_new_one_is_not_judged() {
        let found = |currencies: &[&str]| {
            let currencies = currencies.iter().map(|&currency| currency.to_owned());
            elsewhere(&currencies.collect()).map(|found| found.gateway.currency.unwrap())
        };
        assert_eq!(found(&[]), None);
        assert_eq!(found(&["usd"]), None);
        assert_eq!(found(&["eur", "usd"]), None);
        assert_eq!(found(&["eur", "gbp"]).as_deref(), Some("eur"));
    }
}

//! `reconcile` and `notices`, as an operator types them beside a server that does not run.

use serde_json::Value;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection};

use super::Installation;

const SEED: [&str; 3] = ["seed", "--addr", "127.0.0.1:4321"];

impl Installation {
    pub(super) async fn execute(&self, statement: &'static str) {
        install_default_drivers();
        let mut connection = AnyConnection::connect(&self.url()).await.unwrap();
        let changed = sqlx::query(statement).execute(&mut connection).await;
        assert_eq!(changed.unwrap().rows_affected(), 1, "{statement}");
        connection.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_agrees_and_what_is_planted_is_listed_with_what_to_do() {
    let installation = Installation::create().await;
    installation.json(&SEED, "").await;
    let agreed = installation.run(&["reconcile"], "").await;
    assert!(agreed.is_success, "{}{}", agreed.output, agreed.errors);
    let last = agreed.output.lines().last().unwrap();
    assert!(last.starts_with("agreed: "), "{}", agreed.output);
    assert!(!last.starts_with("agreed: 0 payments"), "{last}");
    let agreed = installation.json(&["reconcile", "--json"], "").await;
    assert_eq!(agreed["agrees"], true, "{agreed}");

    installation
        .execute(
            "update payments set fee_cents = 1 where id = (
                 select min(id) from payments where state = 'succeeded')",
        )
        .await;
    let differs = installation.run(&["reconcile"], "").await;
    assert!(!differs.is_success, "{}", differs.output);
    assert!(
        differs.output.starts_with("fee_differs"),
        "{}",
        differs.output
    );
    let last = differs.output.lines().last().unwrap();
    assert!(last.starts_with("disagreements: 1, in "), "{last}");
    let words = ["reconcile", "--json", "--since", "2026-01-01"];
    let differs = installation.run(&words, "").await;
    assert!(!differs.is_success);
    let told: Value = serde_json::from_str(&differs.output).unwrap();
    let found = &told["disagreements"][0];
    assert_eq!(found["kind"], "fee_differs");
    assert_eq!(found["ours"]["cents"], 1);
    for name in ["top_up", "reference", "organization", "what_to_do"] {
        assert!(found[name].is_string(), "{name}: {found}");
    }
    installation.database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_said_in_a_line() {
    let installation = Installation::create().await;
    for (words, expected) in [
        (&["reconcile", "--since", "yesterday"][..], "2026-11-01"),
        (&["reconcile", "--last"], "has not compared anything yet"),
        (&["notices", "dismiss", "evt_1"], "no notice evt_1"),
    ] {
        if words.contains(&"--last") {
            installation.run(&["migrate"], "").await;
        }
        let ended = installation.run(words, "").await;
        assert!(!ended.is_success, "{words:?}");
        assert!(
            ended.errors.contains(expected),
            "{words:?}: {}",
            ended.errors
        );
    }
    installation.database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_notices_are_listed_until_they_are_dismissed() {
    let installation = Installation::create().await;
    assert!(installation.run(&["migrate"], "").await.is_success);
    let none = installation.run(&["notices", "list"], "").await;
    assert!(none.is_success, "{}{}", none.output, none.errors);
    installation
        .execute(
            "insert into gateway_events (id, kind, outcome, occurred_at, received_at)
             values ('evt_1', 'payment_intent.succeeded', 'conflicting', 0, 0)",
        )
        .await;
    let listed = installation.run(&["notices", "list"], "").await;
    assert!(!listed.is_success);
    assert!(
        listed.output.starts_with("conflicting"),
        "{}",
        listed.output
    );
    let dismissed = installation.run(&["notices", "dismiss", "evt_1"], "").await;
    assert!(dismissed.is_success, "{}", dismissed.errors);
    assert!(installation.run(&["notices", "list"], "").await.is_success);
    installation.database.drop().await;
}

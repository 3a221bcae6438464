use crate::world::{World, event};

#[tokio::test]
async fn the_journal_holds_every_batch_with_its_postings_and_asserts_the_balances() {
    let world = World::new().await;
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("1")])
        .await
        .unwrap();
    world.top_up(2_500, "4242424242424242").await;
    let mut journal = Vec::new();
    world.billing.export_beancount(&mut journal).await.unwrap();
    let journal = String::from_utf8(journal).unwrap();
    let organization = world.owner.organization;
    for line in [
        format!("1970-01-01 open Liabilities:Org-{organization}:Prepaid USD"),
        format!("  Assets:Org-{organization}:Owed  0.000043200 USD"),
        "  Income:Usage  -0.000043200 USD".to_owned(),
        format!("  Assets:Org-{organization}:Owed  -0.000043200 USD"),
        format!("  Liabilities:Org-{organization}:Prepaid  -24.999956800 USD"),
        "  Expenses:Gateway-Fees  1.030000000 USD".to_owned(),
        format!("2026-03-12 balance Liabilities:Org-{organization}:Prepaid -24.999956800 ~ 0 USD"),
        format!("2026-03-12 balance Assets:Org-{organization}:Owed 0.000000000 ~ 0 USD"),
        "2026-03-12 balance Income:Usage -0.000043200 ~ 0 USD".to_owned(),
        "2026-03-12 balance Expenses:Gateway-Fees 1.030000000 ~ 0 USD".to_owned(),
        "2026-03-12 balance Expenses:Promotion 0.000000000 ~ 0 USD".to_owned(),
    ] {
        assert!(
            journal.lines().any(|found| found == line),
            "no `{line}` in\n{journal}"
        );
    }
    let count = |word: &str| {
        let lines = journal.lines();
        lines.filter(|line| line.contains(word)).count()
    };
    assert_eq!(count(" balance "), count(" open "), "of every account");
    world.finish().await;
}

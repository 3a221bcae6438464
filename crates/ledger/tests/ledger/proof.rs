use super::*;

/// Changes a row behind the ledger's back.
async fn tamper(world: &mut World, table: &str, statement: &str) {
    let off = if world.database.is_postgres() {
        format!("drop trigger {table}_are_not_changed on {table}")
    } else {
        format!("drop trigger {table}_are_not_updated")
    };
    if ["transfers", "postings", "batches"].contains(&table) {
        world
            .connection
            .execute(sqlx::AssertSqlSafe(off))
            .await
            .unwrap();
    }
    let changed = world
        .connection
        .execute(sqlx::AssertSqlSafe(statement.to_owned()))
        .await
        .unwrap();
    assert!(changed.rows_affected() > 0, "{statement}");
}

#[tokio::test]
async fn one_wrong_unit_anywhere_is_found_and_named() {
    for (table, statement) in [
        (
            "transfers",
            "update transfers set amount_nano = amount_nano + 1 where position = 0",
        ),
        (
            "postings",
            "update postings set amount_nano = amount_nano + 1 where sequence = 1",
        ),
        (
            "postings",
            "update postings set balance_nano = balance_nano + 1 where sequence = 2",
        ),
        (
            "postings",
            "update postings set sequence = 9 where sequence = 2",
        ),
        (
            "postings",
            "update postings set booked_at = booked_at + 1 where sequence = 2",
        ),
        (
            "batches",
            "update batches set balance_nano = balance_nano - 1 where sequence = 2",
        ),
        (
            "batches",
            "update batches set sequence = 9 where sequence = 2",
        ),
        (
            "accounts",
            "update accounts set balance_nano = balance_nano + 1 where kind = 'prepaid'",
        ),
        (
            "accounts",
            "update accounts set posting_count = 9 where kind = 'prepaid'",
        ),
        ("books", "update books set balance_nano = balance_nano + 1"),
        ("books", "update books set batch_count = 9"),
        (
            "books",
            "update books set chain_hash = 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'",
        ),
        (
            "batches",
            "update batches set chain_hash = 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'",
        ),
        (
            "batches",
            "update batches set source = 'test:9' where sequence = 1",
        ),
        (
            "batches",
            "update batches set code = 'other' where sequence = 2",
        ),
    ] {
        let mut world = World::new().await;
        world.top_up("1", 25, 0).await;
        world.top_up("2", 10, 1).await;
        tamper(&mut world, table, statement).await;
        let proof = prove_in(&mut world.connection).await.unwrap();
        assert!(
            proof.checks.iter().any(|check| !check.holds()),
            "not found: {statement}"
        );
        world.connection.close().await.unwrap();
        world.database.remove().await;
    }
}

#[tokio::test]
async fn a_proof_counts_what_it_checked() {
    let mut world = World::new().await;
    world.top_up("1", 25, 0).await;
    world.top_up("2", 10, 1).await;
    let proof = prove_in(&mut world.connection).await.unwrap();
    assert_eq!((proof.accounts, proof.transfers), (4, 2));
    world.finish().await;
}

use sqlx::{AnyConnection, Connection, Executor};

use crate::world::{World, event};

/// Changes rows behind the domain's back, past the triggers.
async fn tamper(world: &World, table: &str, statement: &str) {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let off = if world.is_postgres() {
        format!("drop trigger if exists {table}_are_not_changed on {table}")
    } else {
        format!("drop trigger if exists {table}_are_not_updated")
    };
    connection.execute(sqlx::AssertSqlSafe(off)).await.unwrap();
    let changed = connection
        .execute(sqlx::AssertSqlSafe(statement.to_owned()))
        .await
        .unwrap();
    assert!(changed.rows_affected() > 0, "{statement}");
    connection.close().await.unwrap();
}

#[tokio::test]
async fn one_wrong_unit_in_usage_or_top_ups_is_found() {
    for (table, statement) in [
        (
            "usage_events",
            "update usage_events set input_tokens = input_tokens + 1",
        ),
        (
            "usage_events",
            "update usage_events set cost_pico = cost_pico + 1",
        ),
        ("usage_events", "update usage_events set occurred_at = 0"),
        (
            "usage_batches",
            "update usage_batches set event_count = event_count + 1",
        ),
        (
            "usage_batches",
            "update usage_batches set cost_pico = cost_pico + 1000, posted_nano = posted_nano + 1",
        ),
        (
            "usage_carries",
            "update usage_carries set carry_pico = carry_pico + 1",
        ),
        (
            "usage_days",
            "update usage_days set cost_pico = cost_pico + 1",
        ),
        (
            "usage_days",
            "update usage_days set requests = requests + 1",
        ),
        ("usage_days", "update usage_days set day = '2026-03-10'"),
        ("usage_days", "update usage_days set first_booked_at = 0"),
        (
            "top_ups",
            "update top_ups set amount_cents = amount_cents + 1",
        ),
        (
            "top_ups",
            "update top_ups set state = 'canceled' where state = 'succeeded'",
        ),
        (
            "payments",
            "update payments set state = 'pending' where state = 'succeeded'",
        ),
    ] {
        let world = World::new().await;
        world.top_up(2_500, "4242424242424242").await;
        world
            .billing
            .usage()
            .ingest(&world.caller, vec![event("1")])
            .await
            .unwrap();
        assert!(world.billing.prove().await.unwrap().holds());
        tamper(&world, table, statement).await;
        assert!(
            !world.billing.prove().await.unwrap().holds(),
            "not found: {statement}"
        );
        world.finish_broken().await;
    }
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_usage_and_rates() {
    let world = World::new().await;
    world
        .billing
        .usage()
        .ingest(&world.caller, vec![event("1")])
        .await
        .unwrap();
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    for statement in [
        "update usage_events set cost_pico = 0",
        "delete from usage_events",
        "update usage_batches set created_at = 0",
        "delete from usage_batches",
        "update model_rates set input_pico = 0",
        "delete from model_rates",
    ] {
        let error = connection
            .execute(sqlx::AssertSqlSafe(statement.to_owned()))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("append-only"),
            "{statement}: {error}"
        );
    }
    connection.close().await.unwrap();
    world.finish().await;
}

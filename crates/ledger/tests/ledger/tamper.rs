//! Changing rows behind the product's back, as somebody could who has the database: what proofs
//! and constraints are for.

use sqlx::{AnyConnection, Connection, Executor, Row};

use crate::database::TestDatabase;

/// Connects with no trigger in the way: nothing is append-only any more. Keys and checks hold.
pub async fn past_triggers(database: &TestDatabase) -> AnyConnection {
    let mut connection = AnyConnection::connect(&database.url).await.unwrap();
    let (list, off) = if database.is_postgres() {
        let list = "select cast(relname as text) as name from pg_class
                    where oid in (select tgrelid from pg_trigger where not tgisinternal)";
        (list, "alter table {} disable trigger user")
    } else {
        connection
            .execute("pragma foreign_keys = on")
            .await
            .unwrap();
        let list = "select name from sqlite_master where type = 'trigger'";
        (list, "drop trigger {}")
    };
    for row in sqlx::query(list).fetch_all(&mut connection).await.unwrap() {
        let name: String = row.try_get("name").unwrap();
        run(&mut connection, &off.replace("{}", &name)).await;
    }
    connection
}

/// Changes rows with neither triggers nor foreign keys in the way.
pub async fn tamper(database: &TestDatabase, statement: &str) {
    let mut connection = past_triggers(database).await;
    let off = if database.is_postgres() {
        "set session_replication_role = replica"
    } else {
        "pragma foreign_keys = off"
    };
    run(&mut connection, off).await;
    let changed = run(&mut connection, statement).await;
    assert!(changed > 0, "changed nothing: {statement}");
    connection.close().await.unwrap();
}

async fn run(connection: &mut AnyConnection, statement: &str) -> u64 {
    let done = connection
        .execute(sqlx::AssertSqlSafe(statement.to_owned()))
        .await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"))
        .rows_affected()
}

//! The schema itself holds organizations apart: no row can name what belongs to another.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AnyConnection, Executor, Row};

use crate::tamper::past_triggers;
use crate::world::{World, event};

#[tokio::test]
async fn a_row_cannot_name_what_belongs_to_another_organization() {
    let world = World::new().await;
    let (stranger, their_caller, _) = world.another().await;
    let usage = world.billing.usage();
    for caller in [&world.caller, &their_caller] {
        usage.ingest(caller, vec![event("1")]).await.unwrap();
    }
    world.billing.analytics().catch_up().await.unwrap();
    world.top_up(500, "4242424242424242").await;
    world
        .billing
        .sessions()
        .sign_in("owner@example.com", crate::world::PASSWORD, "::1")
        .await
        .unwrap();
    let mut connection = past_triggers(world.database()).await;
    for (table, column, parents) in [
        ("api_keys", "project_id", "projects"),
        ("usage_series", "project_id", "projects"),
        ("usage_series", "api_key_id", "api_keys"),
        ("usage_days", "project_id", "projects"),
        ("usage_hours", "project_id", "projects"),
        ("usage_hours", "api_key_id", "api_keys"),
    ] {
        let statement = format!(
            "update {table} set {column} =
                 (select id from {parents} where organization_id = '{}' limit 1)
             where organization_id = '{}'",
            stranger.organization, world.owner.organization
        );
        assert_refused(&mut connection, &statement).await;
    }
    for (table, column, value) in [
        (
            "sessions",
            "organization_id",
            stranger.organization.to_string(),
        ),
        ("sessions", "user_id", stranger.user.to_string()),
    ] {
        let statement = format!(
            "update {table} set {column} = '{value}' where organization_id = '{}'",
            world.owner.organization
        );
        assert_refused(&mut connection, &statement).await;
    }
    sqlx::Connection::close(connection).await.unwrap();
    world.finish().await;
}

async fn assert_refused(connection: &mut AnyConnection, statement: &str) {
    let answer = connection
        .execute(sqlx::AssertSqlSafe(statement.to_owned()))
        .await;
    let refused = matches!(
        &answer,
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation()
    );
    assert!(refused, "{statement}: {answer:?}");
}

/// Child, name of the key, parent, and one of the child's columns in it.
const SQLITE_KEYS: &str = "select tables.name as child, cast(keys.id as text) as name,
        keys.\"table\" as parent, keys.\"from\" as \"column\"
    from sqlite_master as tables join pragma_foreign_key_list(tables.name) as keys
    where tables.type = 'table'";
const POSTGRES_KEYS: &str = "select cast(cast(conrelid as regclass) as text) as child,
        cast(conname as text) as name, cast(cast(confrelid as regclass) as text) as parent,
        cast(attname as text) as \"column\"
    from pg_constraint join pg_attribute on attrelid = conrelid and attnum = any (conkey)
    where contype = 'f'";

#[tokio::test]
async fn every_key_between_tables_of_organizations_holds_the_organization_too() {
    let world = World::new().await;
    let mut connection = past_triggers(world.database()).await;
    let (keys, columns) = if world.is_postgres() {
        let columns = "select cast(table_name as text) as name from information_schema.columns
                       where table_schema = 'public' and column_name = 'organization_id'";
        (POSTGRES_KEYS, columns)
    } else {
        let columns = "select tables.name from sqlite_master as tables
                       join pragma_table_info(tables.name) as columns
                       where tables.type = 'table' and columns.name = 'organization_id'";
        (SQLITE_KEYS, columns)
    };
    let rows = sqlx::query(columns).fetch_all(&mut connection).await;
    let owned: BTreeSet<String> = rows.unwrap().iter().map(|row| row.get("name")).collect();
    let mut found: BTreeMap<[String; 3], BTreeSet<String>> = BTreeMap::new();
    for row in sqlx::query(keys).fetch_all(&mut connection).await.unwrap() {
        let key = ["child", "parent", "name"].map(|column| row.get(column));
        found.entry(key).or_default().insert(row.get("column"));
    }
    let mut checked = 0;
    for ([child, parent, _], columns) in found {
        if owned.contains(&child) && owned.contains(&parent) {
            checked += 1;
            assert!(
                columns.contains("organization_id"),
                "{child} names {parent} by {columns:?} alone"
            );
        }
    }
    assert!(checked >= 6, "only {checked} keys were found");
    sqlx::Connection::close(connection).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn whoever_stops_being_a_member_is_signed_out() {
    let world = World::new().await;
    let sessions = world.billing.sessions();
    let session = sessions
        .sign_in("owner@example.com", crate::world::PASSWORD, "::1")
        .await
        .unwrap();
    let mut connection = past_triggers(world.database()).await;
    connection.execute("delete from memberships").await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from sessions")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 0);
    assert_eq!(sessions.find(&session.token).await.unwrap(), None);
    sqlx::Connection::close(connection).await.unwrap();
    world.finish().await;
}

//! Both databases end in the same tables and columns: the list beside this file.

use sqlx::{AnyConnection, Connection, Row};

use crate::world::World;

const COLUMNS: &str = include_str!("columns.txt");

/// SQLite's own words for what both have: it counts only in an `integer primary key`. With the
/// columns that are computed.
const SQLITE: &str = "select tables.name || '.' || columns.name || ' '
        || case lower(columns.type)
            when 'integer' then 'bigint' when 'blob' then 'bytea' else lower(columns.type) end
        || case when columns.\"notnull\" = 1 then '' else ' null' end as line
    from sqlite_master as tables join pragma_table_xinfo(tables.name) as columns
    where tables.type = 'table' and tables.name not like 'sqlite_%'
        and tables.name not like '_sqlx%'";

const POSTGRES: &str = "select cast(table_name || '.' || column_name || ' ' || data_type
        || case when is_nullable = 'NO' then '' else ' null' end as text) as line
    from information_schema.columns
    where table_schema = 'public' and table_name not like '\\_sqlx%'";

#[tokio::test]
async fn the_database_has_the_columns_that_both_have() {
    let world = World::new().await;
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let query = if world.is_postgres() {
        POSTGRES
    } else {
        SQLITE
    };
    let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("line").unwrap())
        .collect();
    lines.sort_unstable();
    let found = lines.join("\n") + "\n";
    assert!(found == COLUMNS, "columns.txt should read:\n{found}");
    connection.close().await.unwrap();
    world.finish().await;
}

//! Setting a database back to a moment of a story: one prepared story then serves hundreds of
//! orders, ours and the gateway's side of it alike.

use sqlx::{AnyConnection, Connection, Row};

use crate::database::TestDatabase;
use crate::tamper::past_triggers;
use crate::world::World;

/// A connection past all triggers and foreign keys, and the moments that were kept.
pub struct Moments {
    connection: AnyConnection,
    /// Each with its columns, but for those that are made of others.
    tables: Vec<(String, String)>,
}

const OF_POSTGRES: &str = "select cast(tables.table_name as text) as name,
        string_agg(cast(columns.column_name as text), ', ') as columns
    from information_schema.tables as tables
    join information_schema.columns as columns on columns.table_name = tables.table_name
        and columns.table_schema = tables.table_schema
    where tables.table_schema = 'public' and columns.is_generated = 'NEVER'
    group by tables.table_name order by tables.table_name";

const OF_SQLITE: &str = "select tables.name as name, group_concat(columns.name, ', ') as columns
    from sqlite_master as tables, pragma_table_info(tables.name) as columns
    where tables.type = 'table' and tables.name not like 'sqlite_%'
    group by tables.name order by tables.name";

/// What notices of the gateway change. Usage is left alone: a process keeps sums of it in memory.
const OURS: [&str; 15] = [
    "accounts",
    "batches",
    "books",
    "disputes",
    "fraud_warnings",
    "gateway_detachments",
    "gateway_event_failures",
    "gateway_events",
    "lots",
    "payment_methods",
    "payments",
    "postings",
    "refunds",
    "top_ups",
    "transfers",
];

impl Moments {
    /// Of what notices change in the database that the story's process uses.
    pub async fn of_ours(database: &TestDatabase) -> Self {
        let connection = past_triggers(database).await;
        let (list, off) = if database.is_postgres() {
            (OF_POSTGRES, "set session_replication_role = replica")
        } else {
            (OF_SQLITE, "pragma foreign_keys = off")
        };
        let mut ours = Self::open(connection, list, off).await;
        ours.tables
            .retain(|(table, _)| OURS.contains(&table.as_str()));
        assert_eq!(ours.tables.len(), OURS.len());
        ours
    }

    /// Of every object at the gateway.
    pub async fn of_gateway(world: &World) -> Self {
        let path = world.gateway_store().join("sandbox.sqlite3");
        let url = format!("sqlite://{}", path.display());
        let connection = AnyConnection::connect(&url).await.unwrap();
        let mut objects = Self::open(connection, OF_SQLITE, "pragma foreign_keys = off").await;
        objects.tables.retain(|(table, _)| table == "objects");
        assert_eq!(objects.tables.len(), 1);
        objects
    }

    async fn open(mut connection: AnyConnection, list: &str, off: &str) -> Self {
        run(&mut connection, off).await;
        let list = sqlx::query(sqlx::AssertSqlSafe(list.to_owned()));
        let rows = list.fetch_all(&mut connection).await.unwrap();
        let tables = rows
            .iter()
            .map(|row| (row.get("name"), row.get("columns")))
            .collect();
        Self { connection, tables }
    }

    /// Keeps everything as it is now, under a name.
    pub async fn keep(&mut self, moment: &str) {
        for (table, columns) in &self.tables {
            let kept = format!("create table {moment}_{table} as select {columns} from {table}");
            run(&mut self.connection, &kept).await;
        }
    }

    /// Makes everything as it was then.
    pub async fn set_back(&mut self, moment: &str) {
        let back = self.tables.iter().map(|(table, columns)| {
            format!(
                "delete from {table};
                 insert into {table} ({columns}) select {columns} from {moment}_{table};"
            )
        });
        // In one go: it is done for each order.
        let all = format!("begin; {} commit;", back.collect::<String>());
        let all = sqlx::raw_sql(sqlx::AssertSqlSafe(all));
        all.execute(&mut self.connection).await.unwrap();
    }

    /// Leaves the database as it is, without the moments: a proof reads all tables.
    pub async fn close(mut self, moments: &[&str]) {
        for moment in moments {
            for (table, _) in &self.tables {
                run(
                    &mut self.connection,
                    &format!("drop table {moment}_{table}"),
                )
                .await;
            }
        }
        self.connection.close().await.unwrap();
    }
}

async fn run(connection: &mut AnyConnection, statement: &str) {
    let statement = sqlx::query(sqlx::AssertSqlSafe(statement.to_owned()));
    statement.execute(connection).await.unwrap();
}

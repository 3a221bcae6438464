//! The database of one test: SQLite in its directory, or a new database on the PostgreSQL server
//! that `BILLING_TEST_DATABASE_URL` names.

use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

const SERVER: &str = "BILLING_TEST_DATABASE_URL";

pub enum TestDatabase {
    Sqlite,
    Postgres { server: String, name: String },
}

impl TestDatabase {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no command line of their own"
    )]
    pub async fn create() -> Self {
        match std::env::var(SERVER) {
            Ok(server) => Self::on(server).await,
            Err(_) => Self::Sqlite,
        }
    }

    /// A new database on a PostgreSQL server.
    pub async fn on(server: String) -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        run(&server, &format!("create database {name}")).await;
        Self::Postgres { server, name }
    }

    /// What `--database-url` is given; nothing for SQLite.
    pub fn url(&self) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Postgres { server, name } => {
                let (base, query) = server.split_once('?').unwrap_or((server, ""));
                let host = base.rsplit_once('/').map_or(base, |(host, _)| host);
                // `postgres://host` has no path: its last slash belongs to the scheme.
                let host = if host.ends_with('/') { base } else { host };
                let query = if query.is_empty() {
                    String::new()
                } else {
                    format!("?{query}")
                };
                Some(format!("{host}/{name}{query}"))
            }
        }
    }

    pub async fn drop(self) {
        if let Self::Postgres { server, name } = self {
            run(
                &server,
                &format!("drop database if exists {name} with (force)"),
            )
            .await;
        }
    }
}

async fn run(server: &str, statement: &str) {
    let mut connection = PgConnection::connect(server)
        .await
        .expect("PostgreSQL answers");
    connection
        .execute(sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())))
        .await
        .expect("the statement runs");
    connection.close().await.expect("the connection closes");
}

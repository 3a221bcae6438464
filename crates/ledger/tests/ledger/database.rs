//! A database of its own for each test: an SQLite file, or, when `BILLING_TEST_DATABASE_URL` names
//! a PostgreSQL server, a database made there.

use std::path::PathBuf;

use sqlx::{AnyConnection, Connection, Executor};
use types::ids::BatchId;

pub struct TestDatabase {
    pub url: String,
    kind: Kind,
}

enum Kind {
    Sqlite { directory: PathBuf },
    Postgres { server: String, name: String },
}

impl TestDatabase {
    pub async fn create() -> Self {
        sqlx::any::install_default_drivers();
        let name = format!("test_{}", BatchId::generate().as_uuid().simple());
        #[expect(
            clippy::disallowed_methods,
            reason = "tests are told their server this way"
        )]
        match std::env::var("BILLING_TEST_DATABASE_URL") {
            Ok(server) => {
                let mut admin = AnyConnection::connect(&server).await.unwrap();
                admin
                    .execute(sqlx::AssertSqlSafe(format!("create database {name}")))
                    .await
                    .unwrap();
                let (base, _) = server.rsplit_once('/').unwrap();
                Self {
                    url: format!("{base}/{name}"),
                    kind: Kind::Postgres { server, name },
                }
            }
            Err(_) => {
                let directory = std::env::temp_dir().join(name);
                std::fs::create_dir(&directory).unwrap();
                let file = directory.join("billing.sqlite3");
                let url = format!("sqlite://{}?mode=rwc", file.display());
                Self {
                    url,
                    kind: Kind::Sqlite { directory },
                }
            }
        }
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.kind, Kind::Postgres { .. })
    }

    /// Removes it. A test that fails leaves a PostgreSQL database to be looked at.
    pub async fn remove(self) {
        if let Kind::Postgres { server, name } = &self.kind {
            let mut admin = AnyConnection::connect(server).await.unwrap();
            let drop = format!("drop database {name} with (force)");
            admin.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Kind::Sqlite { directory } = &self.kind {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

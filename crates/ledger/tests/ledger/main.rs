//! The ledger through its public door, on either database.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod accounts;
mod balances;
mod clocks;
mod database;
mod lots;
mod posting;
mod proof;
mod random;
mod tamper;

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    AccountId, Batch, Connection, LotKind, NewLot, Normal, PostError, Posted, Source, Transfer,
    lock_books_in, open_accounts_in, open_books_in, post_in, prove_in,
};
use sqlx::{AnyConnection, Connection as _, Executor};
use types::ids::{BatchId, LotId, OrganizationId};
use types::money::Money;
use types::time::Timestamp;

use database::TestDatabase;

const REVENUE: AccountId = AccountId::platform("usage_revenue");
const CLEARING: AccountId = AccountId::platform("gateway_clearing");

fn prepaid(organization: OrganizationId) -> AccountId {
    AccountId::of(organization, "prepaid")
}

fn owed(organization: OrganizationId) -> AccountId {
    AccountId::of(organization, "owed")
}

fn nanos(amount: i64) -> Money {
    Money::from_nanos(amount)
}

/// The lot that the top-up of that number opens.
fn lot(number: u32) -> LotId {
    format!("00000000-0000-7000-8000-{number:012}")
        .parse()
        .unwrap()
}

/// Into a lot.
fn bought(organization: OrganizationId, lot: LotId, amount: i64) -> Transfer {
    Transfer::new(CLEARING, prepaid(organization), nanos(amount)).of_lot(lot)
}

/// Out of a lot.
fn spent(organization: OrganizationId, lot: LotId, amount: i64) -> Transfer {
    Transfer::new(prepaid(organization), REVENUE, nanos(amount)).of_lot(lot)
}

/// A lot of bought credit that never expires.
fn purchase(id: LotId) -> NewLot {
    NewLot {
        id,
        kind: LotKind::Purchase,
        priority: 0,
        expires_at: None,
    }
}

/// A batch that opens the lots that it buys.
fn buying(source: &str, transfers: Vec<Transfer>, booked_at: Timestamp) -> Batch {
    let lots = transfers.iter().filter_map(|transfer| transfer.lot);
    let opens = lots.map(purchase).collect();
    Batch {
        opens,
        ..batch(source, transfers, booked_at)
    }
}

/// Noon of a day, plus seconds.
fn at(seconds: i64) -> Timestamp {
    let noon: DateTime<Utc> = "2026-03-11T12:00:00Z".parse().unwrap();
    noon + TimeDelta::seconds(seconds)
}

fn batch(source: &str, transfers: Vec<Transfer>, booked_at: Timestamp) -> Batch {
    Batch {
        id: BatchId::generate(),
        source: Source::new("test", source),
        code: "test",
        transfers,
        opens: Vec::new(),
        booked_at,
    }
}

/// A database with the platform's accounts and one organization whose prepaid may not go below
/// zero.
struct World {
    database: TestDatabase,
    connection: AnyConnection,
    organization: OrganizationId,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let mut connection = AnyConnection::connect(&database.url).await.unwrap();
        if database.is_postgres() {
            sqlx::migrate!("../../migrations/postgres")
                .run(&mut connection)
                .await
                .unwrap();
        } else {
            connection
                .execute("pragma foreign_keys = on")
                .await
                .unwrap();
            sqlx::migrate!("../../migrations/sqlite")
                .run(&mut connection)
                .await
                .unwrap();
        }
        let platform = [
            (REVENUE, Normal::Credit, None),
            (CLEARING, Normal::Debit, None),
        ];
        open_accounts_in(&mut connection, &platform, at(0))
            .await
            .unwrap();
        let mut world = Self {
            database,
            connection,
            organization: OrganizationId::generate(),
        };
        world.organization = world.open_organization().await;
        world
    }

    async fn open_organization(&mut self) -> OrganizationId {
        let organization = OrganizationId::generate();
        sqlx::query("insert into organizations (id, name, created_at) values ($1, 'Acme', 0)")
            .bind(organization.to_string())
            .execute(&mut self.connection)
            .await
            .unwrap();
        open_books_in(&mut self.connection, organization, at(0))
            .await
            .unwrap();
        let accounts = [
            (prepaid(organization), Normal::Credit, Some(Money::ZERO)),
            (owed(organization), Normal::Debit, Some(Money::ZERO)),
        ];
        open_accounts_in(&mut self.connection, &accounts, at(0))
            .await
            .unwrap();
        organization
    }

    /// Posts in a transaction of its own, which is left when there is an error.
    async fn post(&mut self, batch: &Batch) -> Result<Posted, PostError> {
        self.post_to(self.organization, batch).await
    }

    async fn post_to(
        &mut self,
        organization: OrganizationId,
        batch: &Batch,
    ) -> Result<Posted, PostError> {
        let mut tx = self.connection.begin().await.unwrap();
        let mut books = lock_books_in(&mut tx, organization).await.unwrap();
        let posted = post_in(&mut tx, &mut books, batch, batch.booked_at).await;
        if posted.is_ok() {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        posted
    }

    async fn top_up(&mut self, source: &str, amount: i64, seconds: i64) -> Posted {
        let transfer = bought(self.organization, lot(source.parse().unwrap()), amount);
        self.post(&buying(source, vec![transfer], at(seconds)))
            .await
            .unwrap()
    }

    async fn balance(&mut self, account: &AccountId) -> i64 {
        ledger::balance_in(&mut self.connection, account)
            .await
            .unwrap()
            .nanos()
    }

    /// For a test that broke the books on purpose.
    async fn finish_broken(self) {
        self.connection.close().await.unwrap();
        self.database.remove().await;
    }

    /// The books must prove after every test.
    async fn finish(mut self) {
        let proof = prove_in(&mut self.connection).await.unwrap();
        for check in &proof.checks {
            assert!(check.holds(), "{}: {:#?}", check.name, check.differences);
        }
        self.connection.close().await.unwrap();
        self.database.remove().await;
    }
}

async fn refused(connection: &mut Connection, statement: &str) -> String {
    let mut savepoint = connection.begin().await.unwrap();
    let error = savepoint
        .execute(sqlx::AssertSqlSafe(statement.to_owned()))
        .await
        .unwrap_err();
    savepoint.rollback().await.unwrap();
    error.to_string()
}

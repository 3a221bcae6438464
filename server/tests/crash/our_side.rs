//! What our database has, row by row.

use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection};

use crate::process::Installation;

pub struct OurSide {
    connection: AnyConnection,
}

impl OurSide {
    pub async fn of(installation: &Installation) -> Self {
        install_default_drivers();
        let url = installation.database_url();
        let connection = AnyConnection::connect(&url).await;
        Self {
            connection: connection.expect("the database opens"),
        }
    }

    pub async fn close(self) {
        self.connection.close().await.expect("it closes");
    }

    /// How a top-up stands; `None` when it was never started.
    pub async fn state(&mut self, top_up: &str) -> Option<String> {
        sqlx::query_scalar("select state from top_ups where id = $1")
            .bind(top_up)
            .fetch_optional(&mut self.connection)
            .await
            .expect("top-ups")
    }

    /// What the ledger credited for a top-up, batch by batch, in cents.
    pub async fn credited_cents(&mut self, top_up: &str) -> Vec<i64> {
        let nanos: Vec<i64> = sqlx::query_scalar(
            "select cast(sum(transfers.amount_nano) as bigint) from batches
             join transfers on transfers.batch_id = batches.id
             join accounts on accounts.id = transfers.credit_account_id
                 and accounts.organization_id = batches.organization_id
             where batches.source = $1 group by batches.id",
        )
        .bind(format!("topup:{top_up}"))
        .fetch_all(&mut self.connection)
        .await
        .expect("credits");
        nanos.into_iter().map(|nanos| nanos / 10_000_000).collect()
    }

    /// How a refund stands; `None` when it was never started.
    pub async fn refund_state(&mut self, refund: &str) -> Option<String> {
        sqlx::query_scalar("select state from refunds where id = $1")
            .bind(refund)
            .fetch_optional(&mut self.connection)
            .await
            .expect("refunds")
    }

    /// What of a top-up is noted as gone back, in cents.
    pub async fn refunded_cents(&mut self, top_up: &str) -> i64 {
        sqlx::query_scalar("select refunded_cents from top_ups where id = $1")
            .bind(top_up)
            .fetch_one(&mut self.connection)
            .await
            .expect("a top-up")
    }

    /// How often a card is saved, and whether it is on the list of those to be forgotten.
    pub async fn card(&mut self, token: &str) -> (i64, bool) {
        let saved = "select count(*) from payment_methods
            where gateway_method = $1 and removed_at is null";
        let forgotten = "select count(*) from gateway_detachments where gateway_method = $1";
        (
            self.count(saved, token).await,
            self.count(forgotten, token).await > 0,
        )
    }

    async fn count(&mut self, query: &'static str, token: &str) -> i64 {
        sqlx::query_scalar(query)
            .bind(token)
            .fetch_one(&mut self.connection)
            .await
            .expect("a count")
    }
}

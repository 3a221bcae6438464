//! PostgreSQL has no room, or ends our connections: an honest answer, and nobody has to start
//! anything again. What a full disk does to SQLite is `full_disk`'s.

use reqwest::StatusCode;
use sqlx::{Connection, Executor, PgConnection};

use crate::support::tenant::{event, told};
use crate::support::{TestServer, with_server};

/// What PostgreSQL says once a table cannot grow.
const FILL: &str = "
    create function disk_is_full() returns trigger language plpgsql as $$
    begin
        raise exception 'could not extend file: No space left on device' using errcode = '53100';
    end $$;
    create trigger disk_is_full before insert on usage_events
        for each statement execute function disk_is_full();";
const FREE: &str = "drop function disk_is_full cascade";
const END_CONNECTIONS: &str = "
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()";

/// A connection of somebody else's; nothing on SQLite.
async fn outside(test: &TestServer) -> Option<PgConnection> {
    let url = test.database_url.as_ref()?;
    Some(PgConnection::connect(url).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_503_until_there_is_room() {
    with_server(async |test| {
        let Some(mut outside) = outside(test).await else {
            return;
        };
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("25").await;
        outside.execute(FILL).await.unwrap();
        for _ in 0..3 {
            let answer = tenant.report_json(&event("kept")).await;
            assert!(answer.headers().contains_key("retry-after"));
            let (status, body) = told(answer).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
            assert_eq!(body["error"]["code"], "unknown_outcome", "{body}");
        }
        assert_eq!(tenant.balance().await, "25.00");

        outside.execute(FREE).await.unwrap();
        for _ in 0..2 {
            let (status, body) = told(tenant.report_json(&event("kept")).await).await;
            assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
        }
        assert_eq!(tenant.balance().await, "24.9999568");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_ended_are_made_anew() {
    with_server(async |test| {
        let Some(mut outside) = outside(test).await else {
            return;
        };
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("25").await;
        for round in 0..5 {
            outside.execute(END_CONNECTIONS).await.unwrap();
            // Whoever asks first may be told to ask again, and nobody after that.
            let event = event(&format!("round-{round}"));
            let mut refused = 0;
            for _ in 0..6 {
                let (status, body) = told(tenant.report_json(&event).await).await;
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    refused += 1;
                } else {
                    assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
                }
            }
            assert!(refused <= 1, "round {round}: {refused}");
        }
        assert_eq!(tenant.balance().await, "24.999784");
    })
    .await;
}

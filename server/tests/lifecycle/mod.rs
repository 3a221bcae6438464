//! Starting, ending, and what operators ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use server::lifecycle::Server;
use tokio::io::AsyncWriteExt;

use crate::support::tenant::event;
use crate::support::{TestDatabase, TestDirectory, TestServer, client, config, with_server};

#[tokio::test(flavor = "multi_thread")]
async fn operators_learn_whether_it_lives_is_ready_and_what_it_counts() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        assert_eq!(
            tenant.report_json(&event("1")).await.status(),
            StatusCode::NO_CONTENT
        );
        let read = async |path: &str| {
            let response = client().get(test.at(path)).send().await.unwrap();
            (response.status(), response.text().await.unwrap())
        };
        assert_eq!(read("/healthz").await.0, StatusCode::OK);
        assert_eq!(read("/readyz").await.0, StatusCode::OK);
        let (status, metrics) = read("/metrics").await;
        assert_eq!(status, StatusCode::OK);
        let events = r#"route="/v1/events",status="204""#;
        assert!(metrics.contains(events), "{metrics}");
        assert!(
            metrics.contains(r#"billing_usage_events_total{result="counted"}"#),
            "{metrics}"
        );
        assert!(
            !metrics.contains(&tenant.api_key),
            "a key is in the metrics"
        );
    })
    .await;
}

/// Reports until the server has gone; whatever was acknowledged must be there afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_loses_nothing_that_it_acknowledged() {
    let database = TestDatabase::create().await;
    let directory = TestDirectory::with_site();
    let config = config(&directory, &database);
    let server = Server::start(&config).await.unwrap();
    let test = TestServer {
        url: format!("http://{}", server.addr),
        server,
        directory,
        database_url: database.url(),
    };
    let tenant = Arc::new(test.tenant("Ada").await);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let reporters: Vec<_> = (0..4)
        .map(|reporter| {
            let (tenant, acknowledged) = (Arc::clone(&tenant), Arc::clone(&acknowledged));
            tokio::spawn(report_until_refused(tenant, acknowledged, reporter))
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    while acknowledged.load(Ordering::SeqCst) == 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let TestServer {
        server, directory, ..
    } = test;
    server.stop().await;
    for reporter in reporters {
        reporter.await.unwrap();
    }

    let server = Server::start(&config).await.unwrap();
    let proof = server.billing.prove().await.unwrap();
    server.stop().await;
    database.drop().await;
    drop(directory);
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    assert!(acknowledged > 0, "nothing was under way");
    assert!(proof.holds());
    // An answer may be lost on its way; an acknowledged event may not.
    assert!(
        proof.events >= acknowledged,
        "{} of {acknowledged} are there",
        proof.events
    );
}

async fn report_until_refused(
    tenant: Arc<crate::support::Tenant>,
    acknowledged: Arc<AtomicU64>,
    reporter: u32,
) {
    let url = tenant.events_url();
    let client = client();
    for number in 0..10_000 {
        let request = client
            .post(&url)
            .header("x-api-key", &tenant.api_key)
            .json(&event(&format!("{reporter}-{number}")));
        match request.send().await {
            Ok(response) if response.status() == StatusCode::NO_CONTENT => {
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Ok(response) => panic!("refused: {}", response.status()),
            Err(_) => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finds_everything_where_it_was() {
    let database = TestDatabase::create().await;
    let directory = TestDirectory::with_site();
    let config = config(&directory, &database);
    let server = Server::start(&config).await.unwrap();
    let test = TestServer {
        url: format!("http://{}", server.addr),
        server,
        directory,
        database_url: database.url(),
    };
    let tenant = test.tenant("Ada").await;
    tenant.add_credit("25").await;
    let TestServer {
        server, directory, ..
    } = test;
    server.stop().await;

    let server = Server::start(&config).await.unwrap();
    let balance = server
        .billing
        .prepaid()
        .balance(tenant.organization)
        .await
        .unwrap();
    let rates = server.billing.rates().models().await.unwrap().len();
    server.stop().await;
    database.drop().await;
    drop(directory);
    assert_eq!(balance.posted().unwrap().dollars().exact(), "25.00");
    assert_eq!(rates, 18, "the built-in rates are loaded once");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_stripes_keys_stop_the_start_with_a_sentence() {
    let database = TestDatabase::create().await;
    let directory = TestDirectory::with_site();
    let mut config = config(&directory, &database);
    config.gateway.stripe_secret_key = Some("sk_test_1".to_owned().into());
    let error = Server::start(&config)
        .await
        .err()
        .expect("it does not start");
    database.drop().await;
    assert!(
        error.to_string().contains("--stripe-publishable-key"),
        "{error}"
    );
    assert!(!error.to_string().contains("sk_test_1"));
}

/// Half a request is nobody's: it must not keep a server from ending.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_becomes_whole_does_not_hold_up_the_end() {
    let database = TestDatabase::create().await;
    let directory = TestDirectory::with_site();
    let config = config(&directory, &database);
    let server = Server::start(&config).await.unwrap();
    let mut half = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    half.write_all(b"GET /healthz HTT").await.unwrap();
    // An idle connection is closed at once.
    let idle = client();
    let url = format!("http://{}/healthz", server.addr);
    assert_eq!(
        idle.get(&url).send().await.unwrap().status(),
        StatusCode::OK
    );

    let began = Instant::now();
    server.stop().await;
    let took = began.elapsed();
    database.drop().await;
    assert!(took < Duration::from_secs(20), "it took {took:?}");
}

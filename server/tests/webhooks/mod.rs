//! The gateway's notices at `/webhooks/stripe`.

use std::sync::OnceLock;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use sha2::Sha256;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection};

use crate::support::tenant::told;
use crate::support::{client, with_config, with_server};

const PATH: &str = "/webhooks/stripe";

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_the_gateway_did_not_sign_is_refused() {
    with_server(async |test| {
        let body = r#"{"id":"evt_1","object":"event","type":"payment_intent.succeeded"}"#;
        let signatures = [
            None,
            Some(""),
            Some("t=1,v1=00"),
            Some("nonsense"),
            Some(
                "t=99999999999,v1=0000000000000000000000000000000000000000000000000000000000000000",
            ),
        ];
        for signature in signatures {
            let mut request = client().post(test.at(PATH)).body(body);
            if let Some(signature) = signature {
                request = request.header("stripe-signature", signature);
            }
            let (status, answer) = told(request.send().await.unwrap()).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{signature:?}: {answer}");
            assert_eq!(answer["error"]["type"], "invalid_request_error");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_larger_than_any_that_is_sent_is_refused() {
    with_server(async |test| {
        let response = client()
            .post(test.at(PATH))
            .header("stripe-signature", "t=1,v1=00")
            .body(vec![b' '; 300 * 1024])
            .send()
            .await
            .unwrap();
        let (status, answer) = told(response).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer["error"]["code"], "request_too_large");
    })
    .await;
}

/// The sandbox delivers by itself; what a notice came to stands in our own list of them. The metrics
/// are the process's and may be other stories' too.
#[tokio::test(flavor = "multi_thread")]
async fn the_sandboxs_notices_arrive_and_are_applied() {
    let url = OnceLock::new();
    let keep_url = |config: &mut server::lifecycle::ServeConfig| {
        url.get_or_init(|| config.database.url());
    };
    with_config(keep_url, async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("25").await;
        install_default_drivers();
        let url = url.get().expect("the server has started").expose_secret();
        let mut database = AnyConnection::connect(url).await.unwrap();
        let mut outcomes: Vec<String> = Vec::new();
        for _ in 0..200 {
            outcomes = sqlx::query_scalar(
                "select outcome from gateway_events where kind = 'payment_intent.succeeded'",
            )
            .fetch_all(&mut database)
            .await
            .unwrap();
            if !outcomes.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        database.close().await.unwrap();
        assert_eq!(outcomes, ["applied"]);
        let balance = tenant.balance().await;
        assert_eq!(balance, "25.00", "a notice credits nothing twice");
        let metrics = client().get(test.at("/metrics")).send().await.unwrap();
        let text = metrics.text().await.unwrap();
        for counted in [
            r#"billing_gateway_events_total{result="applied"}"#,
            r#"billing_top_ups_total{outcome="succeeded"}"#,
        ] {
            assert!(text.contains(counted), "{text}");
        }
    })
    .await;
}

/// It is the gateway's: sending it again would not help, and its signature is not at fault.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_notice_that_cannot_be_read_is_taken_and_counted() {
    with_server(async |test| {
        let sandbox = test.server.sandbox.as_ref().unwrap();
        let body = r#"{"object":"event"}"#;
        let time = test.server.billing.now().timestamp();
        let mut mac = Hmac::<Sha256>::new_from_slice(sandbox.webhook_secret().as_bytes()).unwrap();
        mac.update(format!("{time}.{body}").as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let answer = client()
            .post(test.at(PATH))
            .header("stripe-signature", format!("t={time},v1={signature}"))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let metrics = client().get(test.at("/metrics")).send().await.unwrap();
        let text = metrics.text().await.unwrap();
        let counted = r#"billing_gateway_events_total{result="unreadable"}"#;
        assert!(text.contains(counted), "{text}");
    })
    .await;
}

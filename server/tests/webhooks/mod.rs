//! The gateway's notices at `/webhooks/stripe`.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use serde_json::Value;
use sha2::Sha256;

use crate::support::tenant::told;
use crate::support::{client, with_server};

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
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    })
    .await;
}

/// The sandbox delivers by itself; our answers are in its own list of deliveries, and what was
/// applied is in our metrics.
#[tokio::test(flavor = "multi_thread")]
async fn the_sandboxs_notices_arrive_and_are_taken() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        tenant.add_credit("25").await;
        let mut taken = 0;
        for _ in 0..100 {
            let metrics = client().get(test.at("/metrics")).send().await.unwrap();
            let text = metrics.text().await.unwrap();
            taken = text
                .lines()
                .filter(|line| line.starts_with("billing_gateway_events_total"))
                // `applied` or `already_applied`: it was about a payment of ours.
                .filter(|line| line.contains("applied"))
                .count();
            if taken > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(taken > 0, "no notice arrived");
        let metrics = client().get(test.at("/metrics")).send().await.unwrap();
        let text = metrics.text().await.unwrap();
        let once = r#"billing_top_ups_total{outcome="succeeded"} 1"#;
        assert!(text.lines().any(|line| line == once), "{text}");
        assert_eq!(
            tenant.balance().await,
            "25.00",
            "a notice credits nothing twice"
        );
        let _: Value = tenant.browser().await.json("billing_page", &[]).await;
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

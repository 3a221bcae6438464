//! Signed events: what arrives, how often, in which order, and what survives.

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use support::receiver::Receiver;
use support::{Api, CARD, Folder, text};
use tokio::sync::oneshot;

async fn open(folder: &Folder, receiver: &Receiver) -> Api {
    let mut config = folder.config();
    config.webhook_url = Some(receiver.url.clone());
    Api::open(config).await
}

/// The worker; it stops when the sender is dropped or used.
fn start(api: &Api) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let sandbox = api.sandbox.clone();
    let worker = tokio::spawn(async move {
        sandbox
            .deliver_webhooks(async { drop(stopped.await) })
            .await;
    });
    (stop, worker)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a signature is compared with the real time"
)]
fn is_signed(secret: &str, header: &str, body: &str) -> bool {
    let (time, signature) = header.split_once(",v1=").expect("t=…,v1=…");
    let time: u64 = time
        .strip_prefix("t=")
        .and_then(|t| t.parse().ok())
        .expect("a time");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time")
        .as_secs();
    assert!(now.abs_diff(time) < 60, "signed just now");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(format!("{time}.{body}").as_bytes());
    hex::encode(mac.finalize().into_bytes()) == signature
}

#[tokio::test]
async fn events_arrive_signed_and_in_order() {
    let (folder, receiver) = (Folder::new(), Receiver::start().await);
    let api = open(&folder, &receiver).await;
    let (stop, worker) = start(&api);
    let (customer, method) = api.customer_with(CARD).await;
    api.charge(&customer, &method, &[("metadata[top_up_id]", "t1")])
        .await
        .ok();
    receiver.wait_for(5).await;
    assert_eq!(receiver.accepted(), api.event_types().await);
    for delivery in receiver.deliveries() {
        assert!(is_signed(
            api.sandbox.webhook_secret(),
            &delivery.signature,
            &delivery.body
        ));
        assert!(!is_signed(
            "whsec_other",
            &delivery.signature,
            &delivery.body
        ));
    }
    let last = receiver.deliveries()[4].event();
    assert_eq!(last["type"], "payment_intent.succeeded");
    assert_eq!(last["data"]["object"]["metadata"]["top_up_id"], "t1");
    assert_eq!(last["api_version"], sandbox::API_VERSION);
    assert_eq!(last["pending_webhooks"], 1);
    stop.send(()).expect("a running worker");
    worker.await.expect("a clean stop");
    let event = api
        .get(&format!("/v1/events/{}", text(&last, "/id")))
        .await
        .ok();
    assert_eq!(event["pending_webhooks"], 0);
}

#[tokio::test]
async fn a_refused_event_is_sent_again_until_it_is_taken() {
    let (folder, receiver) = (Folder::new(), Receiver::start().await);
    let api = open(&folder, &receiver).await;
    receiver.answer_next(&[500, 302]);
    let (_stop, _worker) = start(&api);
    api.customer().await;
    receiver.wait_for(1).await;
    // Back-off is 1, then 5 seconds; the clock is moved instead of waiting.
    api.advance(1).await;
    receiver.wait_for(2).await;
    api.advance(5).await;
    receiver.wait_for(3).await;
    assert_eq!(receiver.accepted(), ["customer.created"]);
    let ids: Vec<Value> = receiver
        .deliveries()
        .iter()
        .map(|d| d.event()["id"].clone())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[tokio::test]
async fn an_unreachable_receiver_gets_everything_after_a_restart() {
    let (folder, receiver) = (Folder::new(), Receiver::start().await);
    let first = {
        let mut config = folder.config();
        config.webhook_url = Some("http://127.0.0.1:9/closed".into());
        Api::open(config).await
    };
    first.post("/_control/run", &[]).await.ok();
    first.customer().await;
    first.post("/_control/run", &[]).await.ok();
    let undelivered = first.get("/v1/events?delivery_success=false").await.ok();
    assert_eq!(undelivered["data"].as_array().map(Vec::len), Some(1));
    drop(first);
    let second = open(&folder, &receiver).await;
    second.post("/_control/run", &[]).await.ok();
    assert_eq!(receiver.accepted(), ["customer.created"]);
    let undelivered = second.get("/v1/events?delivery_success=false").await.ok();
    assert_eq!(undelivered["data"], json!([]));
    let delivered = second.get("/v1/events?delivery_success=true").await.ok();
    assert_eq!(delivered["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_delivery_is_given_up_after_three_days() {
    let folder = Folder::new();
    let mut config = folder.config();
    config.webhook_url = Some("http://127.0.0.1:9/closed".into());
    let api = Api::open(config).await;
    api.customer().await;
    for _ in 0..13 {
        api.post("/_control/run", &[]).await.ok();
    }
    let list = api.get("/_control/deliveries").await.ok();
    assert_eq!(text(&list, "/data/0/state"), "abandoned");
    assert_eq!(list["data"][0]["attempts"], 13);
    assert!(!text(&list, "/data/0/last_error").is_empty());
    assert_eq!(api.post("/_control/run", &[]).await.ok()["sent"], 0);
}

#[tokio::test]
async fn ordered_faults_lose_double_delay_and_reorder_events() {
    let (folder, receiver) = (Folder::new(), Receiver::start().await);
    let api = open(&folder, &receiver).await;
    let (customer, method) = api.customer_with(CARD).await;
    api.post("/_control/run", &[]).await.ok();
    let before = receiver.accepted().len();
    let order = async |form: &[(&str, &str)]| {
        api.post("/_control/faults", form).await.ok();
    };
    order(&[("fault", "webhook_lost"), ("target", "charge.")]).await;
    order(&[
        ("fault", "webhook_duplicated"),
        ("target", "payment_intent.succeeded"),
    ])
    .await;
    api.charge(&customer, &method, &[]).await.ok();
    api.post("/_control/run", &[]).await.ok();
    let types = [
        "payment_intent.created",
        "payment_intent.succeeded",
        "payment_intent.succeeded",
    ];
    assert_eq!(receiver.accepted()[before..], types);

    let before = receiver.accepted().len();
    order(&[("fault", "webhook_reordered"), ("count", "3")]).await;
    api.charge(&customer, &method, &[]).await.ok();
    api.post("/_control/run", &[]).await.ok();
    let types = [
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.created",
    ];
    assert_eq!(receiver.accepted()[before..], types);

    let before = receiver.accepted().len();
    order(&[
        ("fault", "webhook_delayed"),
        ("seconds", "60"),
        ("count", "2"),
    ])
    .await;
    let (_stop, _worker) = start(&api);
    api.charge(&customer, &method, &[]).await.ok();
    receiver.wait_for(before + 1).await;
    assert_eq!(receiver.accepted()[before..], ["payment_intent.succeeded"]);
    api.advance(61).await;
    receiver.wait_for(before + 3).await;
    assert_eq!(
        receiver.accepted()[before + 1..],
        ["payment_intent.created", "charge.succeeded"]
    );
    let error = api
        .post("/_control/faults", &[("fault", "gremlins")])
        .await
        .error(400);
    assert_eq!(text(&error, "/param"), "fault");
}

#[tokio::test]
async fn an_event_can_be_delivered_once_more_and_events_can_be_searched() {
    let (folder, receiver) = (Folder::new(), Receiver::start().await);
    let api = open(&folder, &receiver).await;
    let (customer, method) = api.customer_with(CARD).await;
    api.charge(&customer, &method, &[]).await.ok();
    api.post("/_control/run", &[]).await.ok();
    let list = async |query: &str| {
        let events = api.get(&format!("/v1/events?{query}")).await.ok();
        events["data"].as_array().expect("a list").clone()
    };
    let succeeded = list("type=payment_intent.succeeded").await;
    assert_eq!(succeeded.len(), 1);
    assert_eq!(list("type=payment_intent.*").await.len(), 2);
    assert_eq!(
        list("types[]=charge.succeeded&types[]=customer.created")
            .await
            .len(),
        2
    );
    let newest = list("limit=2").await;
    let next = list(&format!(
        "limit=2&starting_after={}",
        text(&newest[1], "/id")
    ))
    .await;
    let back = list(&format!("limit=2&ending_before={}", text(&next[0], "/id"))).await;
    assert_eq!(newest, back);
    let before = receiver.accepted().len();
    let path = format!("/_control/events/{}/repeat", text(&succeeded[0], "/id"));
    api.post(&path, &[]).await.ok();
    api.post("/_control/run", &[]).await.ok();
    assert_eq!(receiver.accepted()[before..], ["payment_intent.succeeded"]);
}

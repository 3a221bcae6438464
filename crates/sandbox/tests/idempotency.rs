//! Keys: one effect, one result, whatever goes wrong on the way.

mod support;

use std::time::Duration;

use support::{Api, CARD, Folder, charge_form, id, text};

const INTENTS: &str = "/v1/payment_intents";

#[tokio::test]
async fn the_same_key_gives_the_first_result_again() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let form = charge_form(&customer, &method);
    let first = api.post_keyed("k1", INTENTS, &form).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    let mut reordered = form.clone();
    reordered.reverse();
    let again = api.post_keyed("k1", INTENTS, &reordered).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_eq!(first.text, again.text);
    let list = api
        .get(&format!("{INTENTS}?customer={customer}"))
        .await
        .ok();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_same_key_with_other_content_is_refused() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    api.post_keyed("k1", INTENTS, &charge_form(&customer, &method))
        .await
        .ok();
    let mut other = charge_form(&customer, &method);
    other[0].1 = "9900";
    let error = api.post_keyed("k1", INTENTS, &other).await.error(400);
    assert_eq!(text(&error, "/type"), "idempotency_error");
    let error = api.post_keyed("k1", "/v1/customers", &[]).await.error(400);
    assert_eq!(text(&error, "/type"), "idempotency_error");
}

#[tokio::test]
async fn a_decline_is_kept_too_but_a_wrong_parameter_leaves_the_key_free() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let method = api.card("4000000000009995").await;
    let form = charge_form("", &method);
    let first = api.post_keyed("k1", INTENTS, &form).await;
    let again = api.post_keyed("k1", INTENTS, &form).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    assert_eq!(
        api.get("/v1/charges").await.ok()["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );

    api.post_keyed("k2", INTENTS, &[("currency", "usd")])
        .await
        .error(400);
    let good = [("amount", "500"), ("currency", "usd")];
    api.post_keyed("k2", INTENTS, &good).await.ok();
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let form = charge_form(&customer, &method);
    let first = id(&api.post_keyed("k1", INTENTS, &form).await.ok());
    api.advance(86_000).await;
    assert_eq!(id(&api.post_keyed("k1", INTENTS, &form).await.ok()), first);
    api.advance(86_400).await;
    assert_ne!(id(&api.post_keyed("k1", INTENTS, &form).await.ok()), first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_identical_calls_at_once_are_one_charge_with_one_answer() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (api, customer, method) = (api.clone(), customer.clone(), method.clone());
        calls.spawn(async move {
            api.post_keyed("same", INTENTS, &charge_form(&customer, &method))
                .await
                .ok()
        });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let list = api
        .get(&format!("/v1/charges?customer={customer}"))
        .await
        .ok();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn while_an_answer_is_on_its_way_its_key_is_in_use() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let slow = [("fault", "answer_slow"), ("seconds", "4")];
    api.post("/_control/faults", &slow).await.ok();
    let form = charge_form(&customer, &method);
    let (first, second) = tokio::join!(
        api.post_keyed("k1", INTENTS, &form),
        api.post_keyed("k1", INTENTS, &form),
    );
    let (done, refused) = if first.status == 200 {
        (first, second)
    } else {
        (second, first)
    };
    done.ok();
    assert_eq!(refused.header("stripe-should-retry"), Some("true"));
    assert_eq!(text(&refused.error(409), "/code"), "idempotency_key_in_use");
}

#[tokio::test]
async fn an_answer_lost_after_success_is_found_again_by_its_key() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with("4000009900000012").await;
    let form = charge_form(&customer, &method);
    let error = api.post_keyed("k1", INTENTS, &form).await.error(500);
    assert_eq!(text(&error, "/type"), "api_error");
    let again = api.post_keyed("k1", INTENTS, &form).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.ok()["status"], "succeeded");
    let list = api
        .get(&format!("/v1/charges?customer={customer}"))
        .await
        .ok();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_answer_lost_before_anything_happened_leaves_nothing_and_the_repetition_pays() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with("4000009900000020").await;
    let form = charge_form(&customer, &method);
    api.post_keyed("k1", INTENTS, &form).await.error(500);
    let list = format!("{INTENTS}?customer={customer}");
    assert_eq!(
        api.get(&list).await.ok()["data"].as_array().map(Vec::len),
        Some(0)
    );
    let again = api.post_keyed("k1", INTENTS, &form).await;
    assert_eq!(again.header("idempotent-replayed"), None);
    assert_eq!(again.ok()["status"], "succeeded");
    assert_eq!(
        api.get(&list).await.ok()["data"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_stop_what_it_started() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let form = charge_form(&customer, &method);
    let call = api.post_keyed("k1", INTENTS, &form);
    // Polled once, which starts it, and dropped.
    let hung_up = tokio::time::timeout(Duration::ZERO, call).await;
    assert!(hung_up.is_err());
    let again = api.post_keyed("k1", INTENTS, &form).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    again.ok();
}

#[tokio::test]
async fn ordered_faults_lose_or_break_the_next_answers() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (customer, method) = api.customer_with(CARD).await;
    let form = charge_form(&customer, &method);
    let charges = async || {
        let list = api
            .get(&format!("/v1/charges?customer={customer}"))
            .await
            .ok();
        list["data"].as_array().map(Vec::len)
    };
    let order = async |fault, count| {
        let form = [("fault", fault), ("count", count), ("target", INTENTS)];
        api.post("/_control/faults", &form).await.ok();
    };
    order("answer_lost_before", "2").await;
    api.post("/v1/customers", &[]).await.ok();
    api.post_keyed("k1", INTENTS, &form).await.error(500);
    api.post_keyed("k1", INTENTS, &form).await.error(500);
    assert_eq!(charges().await, Some(0));
    api.post_keyed("k1", INTENTS, &form).await.ok();
    assert_eq!(charges().await, Some(1));

    order("answer_lost_after", "1").await;
    api.post_keyed("k2", INTENTS, &form).await.error(500);
    assert_eq!(charges().await, Some(2));
    api.post_keyed("k2", INTENTS, &form).await.ok();

    order("answer_broken", "1").await;
    let broken = api.post_keyed("k3", INTENTS, &form).await;
    assert_eq!(broken.text, "", "the answer ends before it begins");
    api.post_keyed("k3", INTENTS, &form).await.ok();
    assert_eq!(charges().await, Some(3));
}

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use types::ids::OrganizationId;
use types::money::Cents;
use types::payment::DeclineReason;

use super::scripted::{Scripted, Turn, settings};
use super::*;
use crate::payments::gateway::Settled;

const TOP_UP: &str = "01932f6e-7c1a-7000-8000-0123456789ab";
const ORGANIZATION: &str = "01932f6e-7c1a-7000-8000-0000000000aa";

fn request() -> ChargeRequest {
    ChargeRequest {
        key: "01932f6e-7c1a-7000-8000-000000000001".into(),
        customer: "cus_1".parse().unwrap(),
        payment_method: "pm_1".parse().unwrap(),
        amount: Cents::new(2_500),
        top_up: TOP_UP.parse().unwrap(),
        organization: ORGANIZATION.parse::<OrganizationId>().unwrap(),
        save_card: true,
        presence: Presence::OnSession,
        return_url: Some("https://billing.example/billing?top_up=1".into()),
    }
}

fn intent(id: &str, status: &str, top_up: &str) -> Value {
    json!({
        "id": id, "amount": 2_500, "amount_received": 2_500, "currency": "usd",
        "status": status, "metadata": { "top_up_id": top_up },
    })
}

fn paid() -> Value {
    intent("pi_1", "succeeded", TOP_UP)
}

fn settled(id: &str) -> Outcome {
    Outcome::Succeeded(Settled {
        intent: id.parse().unwrap(),
        amount: Cents::new(2_500),
        fee: None,
        method: None,
        kept_besides: None,
    })
}

fn error(kind: &str, code: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "message": "pm_1 is private" } })
}

fn decoded(form: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://x/?{form}")).unwrap();
    url.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_charge_says_all_that_makes_it_findable_and_safe_to_repeat() {
    let gateway = Scripted::play(vec![Turn::Answer(200, paid())]);
    assert_eq!(
        gateway.gateway.charge(&request()).await,
        Ok(settled("pi_1"))
    );
    let seen = gateway.seen().remove(0);
    assert_eq!(seen.line, "POST /base/v1/payment_intents");
    assert_eq!(
        seen.header("authorization"),
        Some("Bearer sk_test_scripted")
    );
    assert_eq!(seen.header("stripe-version"), Some("2026-10-28.endive"));
    assert_eq!(seen.header("idempotency-key"), Some(request().key.as_str()));
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let expected = [
        ("expand[]", "latest_charge.balance_transaction"),
        ("expand[]", "payment_method"),
        ("amount", "2500"),
        ("currency", "usd"),
        ("confirm", "true"),
        ("capture_method", "automatic"),
        ("customer", "cus_1"),
        ("payment_method", "pm_1"),
        ("metadata[top_up_id]", TOP_UP),
        ("metadata[organization_id]", ORGANIZATION),
        ("payment_method_types[]", "card"),
        ("setup_future_usage", "off_session"),
        ("return_url", "https://billing.example/billing?top_up=1"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(decoded(&seen.body), expected);
}

#[test]
fn in_a_persons_absence_nothing_is_saved_and_no_page_is_opened() {
    let absent = ChargeRequest {
        presence: Presence::OffSession,
        ..request()
    };
    let form = charge_form(&absent, &["card"]);
    let has = |name| form.iter().any(|(known, _)| *known == name);
    assert!(has("off_session"));
    assert!(!has("setup_future_usage") && !has("return_url"));
}

#[tokio::test]
async fn link_may_pay_where_it_was_offered_and_else_cards_and_nothing_else() {
    let pays = |presence, save_card| ChargeRequest {
        presence,
        save_card,
        ..request()
    };
    let entered = pays(Presence::OnSession, true);
    let saved = pays(Presence::OnSession, false);
    let absent = pays(Presence::OffSession, false);
    let table = [
        (true, &entered, &["card", "link"][..]),
        (true, &saved, &["card"]),
        (true, &absent, &["card"]),
        (false, &entered, &["card"]),
        (false, &saved, &["card"]),
    ];
    for (takes_link, request, expected) in table {
        let mut settings = settings("http://127.0.0.1:9", "sk_test_1", Duration::from_secs(1));
        settings.tokenizer.takes_link = takes_link;
        let mut scripted = Scripted::play(vec![Turn::Answer(200, paid())]);
        scripted.gateway.kinds = Gateway::new(&settings).unwrap().kinds;
        scripted.gateway.charge(request).await.unwrap();
        let form = decoded(&scripted.seen().remove(0).body);
        let told = |start: &str| -> Vec<_> {
            let named = form.iter().filter(|(name, _)| name.starts_with(start));
            named.map(|(_, value)| value.as_str()).collect()
        };
        assert_eq!(told("payment_method_types"), expected, "{request:?}");
        // Whatever else is switched on at Stripe.
        assert!(told("automatic").is_empty());
        // Stripe keeps no Link without it, and wants it of nothing else.
        let accepted = expected.contains(&"link").then_some("offline");
        assert_eq!(
            told("mandate_data").first().copied(),
            accepted,
            "{request:?}"
        );
    }
}

#[tokio::test]
async fn whatever_may_pass_is_tried_again_under_the_same_key() {
    let hiccups = [
        Turn::HangUp,
        Turn::BreakOff,
        Turn::Answer(409, error("idempotency_error", "idempotency_key_in_use")),
        Turn::Answer(429, error("invalid_request_error", "lock_timeout")),
        Turn::Answer(500, error("api_error", "")),
        Turn::AnswerWith(503, &[], "<html>busy</html>".into()),
        Turn::AnswerWith(424, &[("stripe-should-retry", "true")], String::new()),
    ];
    for hiccup in hiccups {
        let gateway = Scripted::play(vec![hiccup, Turn::Answer(200, paid())]);
        assert_eq!(
            gateway.gateway.charge(&request()).await,
            Ok(settled("pi_1"))
        );
        let seen = gateway.seen();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0], seen[1]);
    }
}

#[tokio::test]
async fn trying_again_ends_with_not_knowing() {
    let hang_ups = (0..5).map(|_| Turn::HangUp).collect();
    let gateway = Scripted::play(hang_ups);
    assert_eq!(
        gateway.gateway.charge(&request()).await,
        Err(GatewayError::Unreachable)
    );
    assert_eq!(gateway.seen().len(), 3);
}

#[tokio::test]
async fn what_a_repeat_cannot_mend_is_not_repeated() {
    let unknown = [
        (
            Turn::AnswerWith(500, &[("stripe-should-retry", "false")], "{}".into()),
            GatewayError::Failed { status: 500 },
        ),
        (
            Turn::Answer(401, error("invalid_request_error", "")),
            GatewayError::Unauthorized,
        ),
        (
            Turn::Answer(403, error("invalid_request_error", "")),
            GatewayError::Unauthorized,
        ),
        (
            Turn::Answer(400, error("idempotency_error", "")),
            GatewayError::KeyReused,
        ),
        (
            Turn::Answer(400, error("a_new_kind", "")),
            GatewayError::Unreadable,
        ),
        (
            Turn::AnswerWith(200, &[], "<html>".into()),
            GatewayError::Unreadable,
        ),
        // A page of something that is not the gateway refuses nothing.
        (
            Turn::AnswerWith(404, &[], "<html>".into()),
            GatewayError::Unreadable,
        ),
        (
            Turn::AnswerWith(302, &[("location", "http://127.0.0.1:1/")], String::new()),
            GatewayError::Failed { status: 302 },
        ),
    ];
    for (turn, expected) in unknown {
        let gateway = Scripted::play(vec![turn, Turn::Answer(200, paid())]);
        assert_eq!(gateway.gateway.charge(&request()).await, Err(expected));
        assert_eq!(gateway.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_no_is_an_answer() {
    let declined = json!({ "error": { "type": "card_error", "code": "expired_card",
        "decline_code": "expired_card" } });
    let reason = DeclineReason::ExpiredCard;
    let cases = [
        (
            402,
            declined,
            Outcome::Declined {
                intent: None,
                reason,
            },
        ),
        (
            400,
            error("invalid_request_error", "resource_missing"),
            Outcome::Refused {
                code: "resource_missing".into(),
            },
        ),
        (
            404,
            error("invalid_request_error", "resource_missing"),
            Outcome::Refused {
                code: "resource_missing".into(),
            },
        ),
    ];
    for (status, body, expected) in cases {
        let gateway = Scripted::play(vec![Turn::Answer(status, body)]);
        assert_eq!(gateway.gateway.charge(&request()).await, Ok(expected));
    }
}

#[tokio::test]
async fn silence_is_not_waited_for_longer_than_the_timeout() {
    let timeout = Duration::from_millis(300);
    let silence = Turn::Silence(Duration::from_secs(5));
    let gateway = Scripted::play_within(timeout, vec![silence, Turn::Answer(200, paid())]);
    let started = Instant::now();
    assert_eq!(
        gateway.gateway.charge(&request()).await,
        Err(GatewayError::TimedOut)
    );
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(gateway.seen().len(), 1);
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_unreachable() {
    let gateway = Scripted::play(Vec::new());
    let intent = "pi_1".parse().unwrap();
    assert_eq!(
        gateway.gateway.find_intent(&intent).await,
        Err(GatewayError::Unreachable)
    );
}

#[tokio::test]
async fn the_truth_about_an_intent_is_asked_with_its_fee_and_card() {
    let gateway = Scripted::play(vec![Turn::Answer(200, paid())]);
    let intent = "pi_1".parse().unwrap();
    assert_eq!(
        gateway.gateway.find_intent(&intent).await,
        Ok(settled("pi_1"))
    );
    let line = gateway.seen().remove(0).line;
    let (path, query) = line.split_once('?').unwrap();
    assert_eq!(path, "GET /base/v1/payment_intents/pi_1");
    assert_eq!(decoded(query).len(), 2);
}

#[tokio::test]
async fn a_charge_is_found_by_its_top_up_on_any_page() {
    let first = json!({ "has_more": true,
        "data": [intent("pi_9", "processing", "another"), intent("pi_8", "canceled", "another")] });
    let second = json!({ "has_more": false, "data": [{ "id": "pi_3" }, paid()] });
    let gateway = Scripted::play(vec![Turn::Answer(200, first), Turn::Answer(200, second)]);
    let since = Timestamp::from_timestamp(1_795_413_600, 0).unwrap();
    let (customer, top_up) = ("cus_1".parse().unwrap(), TOP_UP.parse().unwrap());
    let found = gateway
        .gateway
        .find_by_top_up(&customer, top_up, since)
        .await;
    assert_eq!(found, Ok(Some(settled("pi_1"))));
    let queries: Vec<_> = gateway
        .seen()
        .iter()
        .map(|seen| decoded(&seen.line))
        .collect();
    let value = |page: usize, name: &str| {
        queries[page]
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    assert_eq!(value(0, "created[gte]").as_deref(), Some("1795413300"));
    assert_eq!(value(0, "customer").as_deref(), Some("cus_1"));
    assert_eq!(value(0, "starting_after"), None);
    assert_eq!(value(1, "starting_after").as_deref(), Some("pi_8"));
}

#[tokio::test]
async fn of_several_intents_for_a_top_up_the_paid_one_decides() {
    let page = json!({ "has_more": false, "data": [
        intent("pi_3", "canceled", TOP_UP), intent("pi_2", "succeeded", TOP_UP),
        intent("pi_1", "processing", TOP_UP),
    ] });
    let gateway = Scripted::play(vec![Turn::Answer(200, page)]);
    let (customer, top_up) = ("cus_1".parse().unwrap(), TOP_UP.parse().unwrap());
    let found = gateway
        .gateway
        .find_by_top_up(&customer, top_up, Timestamp::UNIX_EPOCH)
        .await;
    assert_eq!(found, Ok(Some(settled("pi_2"))));
}

#[tokio::test]
async fn a_search_has_an_end() {
    let (customer, top_up) = ("cus_1".parse().unwrap(), TOP_UP.parse().unwrap());
    let nothing = json!({ "has_more": false, "data": [] });
    let gateway = Scripted::play(vec![Turn::Answer(200, nothing)]);
    let found = gateway
        .gateway
        .find_by_top_up(&customer, top_up, Timestamp::UNIX_EPOCH)
        .await;
    assert_eq!(found, Ok(None));
    let page = json!({ "has_more": true, "data": [intent("pi_9", "processing", "another")] });
    let endless = (0..20).map(|_| Turn::Answer(200, page.clone())).collect();
    let gateway = Scripted::play(endless);
    let found = gateway
        .gateway
        .find_by_top_up(&customer, top_up, Timestamp::UNIX_EPOCH)
        .await;
    assert_eq!(found, Err(GatewayError::TooManyIntents));
    assert_eq!(gateway.seen().len(), 10);
}

#[test]
fn the_secret_key_shows_in_no_debug_text() {
    let timeout = Duration::from_secs(1);
    let settings = settings("https://api.example.test", "sk_test_51Secret", timeout);
    let gateway = Gateway::new(&settings).unwrap();
    assert!(!format!("{gateway:?} {settings:?}").contains("51Secret"));
}

#[test]
fn settings_that_would_leak_or_cannot_work_are_refused() {
    let refusal =
        |url: &str, key: &str| Gateway::new(&settings(url, key, Duration::from_secs(1))).err();
    let cases = [
        ("http://api.example.test", "sk_live_1", "LiveKeyInClear"),
        ("http://127.0.0.1:3000", "rk_live_1", "LiveKeyInClear"),
        ("ftp://api.example.test", "sk_test_1", "BadUrl"),
        ("api.example.test", "sk_test_1", "BadUrl"),
        ("https://api.example.test", "", "BadKey"),
        ("https://api.example.test", "sk_test_1\r\nx: y", "BadKey"),
    ];
    for (url, key, expected) in cases {
        let error = refusal(url, key).unwrap();
        assert_eq!(format!("{error:?}"), expected, "{url}");
    }
    assert!(refusal("https://api.example.test", "sk_live_1").is_none());
    assert!(refusal("http://127.0.0.1:3000/sandbox", "sk_test_1").is_none());
}

#[tokio::test]
async fn a_charge_is_cancelled_under_a_key_of_its_own() {
    let gateway = Scripted::play(vec![Turn::Answer(200, intent("pi_1", "canceled", TOP_UP))]);
    let id: GatewayIntent = "pi_1".parse().unwrap();
    let canceled = Outcome::Canceled { intent: id.clone() };
    assert_eq!(gateway.gateway.cancel(&id).await, Ok(canceled));
    let seen = gateway.seen().remove(0);
    assert_eq!(seen.line, "POST /base/v1/payment_intents/pi_1/cancel");
    assert_eq!(seen.header("idempotency-key"), Some("cancel:pi_1"));
    assert_eq!(seen.body, "cancellation_reason=abandoned");
}

#[tokio::test]
async fn a_charge_that_cannot_be_cancelled_tells_what_it_is() {
    let refused = error("invalid_request_error", "payment_intent_unexpected_state");
    let gateway = Scripted::play(vec![Turn::Answer(400, refused), Turn::Answer(200, paid())]);
    let id = "pi_1".parse().unwrap();
    assert_eq!(gateway.gateway.cancel(&id).await, Ok(settled("pi_1")));
}

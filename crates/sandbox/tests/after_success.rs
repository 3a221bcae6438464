//! Money that goes back: refunds, disputes, inquiries, warnings, and what they do to the balance.

mod support;

use serde_json::Value;
use support::{Api, CARD, Folder, id, text};

/// A successful charge of 25 dollars with the card: (intent, charge).
async fn paid(api: &Api, number: &str) -> (String, String) {
    let method = api.card(number).await;
    let intent = api.charge("", &method, &[]).await.ok();
    (id(&intent), text(&intent, "/latest_charge").to_owned())
}

async fn only(api: &Api, path: &str) -> Value {
    let list = api.get(path).await.ok();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{list}");
    list["data"][0].clone()
}

/// The sum over the whole balance in cents.
async fn balance(api: &Api) -> i64 {
    let balance = api.get("/v1/balance").await.ok();
    let cents = |name: &str| balance[name][0]["amount"].as_i64().unwrap_or(0);
    cents("available") + cents("pending")
}

#[tokio::test]
async fn a_charge_is_refunded_in_parts_but_never_beyond_itself() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (intent, charge) = paid(&api, CARD).await;
    let part = [("payment_intent", intent.as_str()), ("amount", "1000")];
    let refund = api.post_keyed("r1", "/v1/refunds", &part).await.ok();
    assert_eq!(text(&refund, "/status"), "succeeded");
    assert_eq!(
        api.post_keyed("r1", "/v1/refunds", &part).await.ok(),
        refund
    );
    let too_much = [("charge", charge.as_str()), ("amount", "1501")];
    assert_eq!(
        api.post("/v1/refunds", &too_much).await.error(400)["param"],
        "amount"
    );
    let state = api.get(&format!("/v1/charges/{charge}")).await.ok();
    assert_eq!(
        (&state["amount_refunded"], &state["refunded"]),
        (&1_000.into(), &false.into())
    );
    let rest = [
        ("charge", charge.as_str()),
        ("reason", "requested_by_customer"),
    ];
    assert_eq!(api.post("/v1/refunds", &rest).await.ok()["amount"], 1_500);
    assert_eq!(
        api.get(&format!("/v1/charges/{charge}")).await.ok()["refunded"],
        true
    );
    let error = api.post("/v1/refunds", &rest).await.error(400);
    assert_eq!(text(&error, "/code"), "charge_already_refunded");
    assert_eq!(balance(&api).await, -103, "the fee is not given back");
    let list = api
        .get(&format!("/v1/refunds?payment_intent={intent}"))
        .await
        .ok();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_failed_charge_has_nothing_to_refund() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let method = api.card("4000000000000002").await;
    let error = api.charge("", &method, &[]).await.error(402);
    let by_charge = [("charge", text(&error, "/charge"))];
    api.post("/v1/refunds", &by_charge).await.error(400);
    let by_intent = [("payment_intent", text(&error, "/payment_intent/id"))];
    api.post("/v1/refunds", &by_intent).await.error(400);
    api.post("/v1/refunds", &[]).await.error(400);
}

#[tokio::test]
async fn a_refund_can_be_pending_and_arrive_later() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (_, charge) = paid(&api, "4000000000007726").await;
    let refund = api.post("/v1/refunds", &[("charge", &charge)]).await.ok();
    assert_eq!(text(&refund, "/status"), "pending");
    api.advance(11).await;
    let refund = api.get(&format!("/v1/refunds/{}", id(&refund))).await.ok();
    assert_eq!(text(&refund, "/status"), "succeeded");
    assert!(
        api.event_types()
            .await
            .contains(&"refund.updated".to_owned())
    );
}

#[tokio::test]
async fn a_refund_can_fail_later_and_the_money_comes_back() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (_, charge) = paid(&api, "4000000000005126").await;
    let refund = api.post("/v1/refunds", &[("charge", &charge)]).await.ok();
    assert_eq!(text(&refund, "/status"), "succeeded");
    assert_eq!(balance(&api).await, -103);
    api.advance(11).await;
    let refund = api.get(&format!("/v1/refunds/{}", id(&refund))).await.ok();
    assert_eq!(text(&refund, "/status"), "failed");
    assert_eq!(text(&refund, "/failure_reason"), "expired_or_canceled_card");
    assert!(text(&refund, "/failure_balance_transaction").starts_with("txn_"));
    let charge = api.get(&format!("/v1/charges/{charge}")).await.ok();
    assert_eq!(
        (&charge["amount_refunded"], &charge["refunded"]),
        (&0.into(), &false.into())
    );
    assert_eq!(balance(&api).await, 2_397);
    assert!(
        api.event_types()
            .await
            .contains(&"refund.failed".to_owned())
    );
}

#[tokio::test]
async fn a_dispute_withdraws_and_winning_it_reinstates() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (intent, charge) = paid(&api, "4000000000000259").await;
    api.advance(2).await;
    let dispute = only(&api, &format!("/v1/disputes?payment_intent={intent}")).await;
    assert_eq!(text(&dispute, "/status"), "needs_response");
    assert_eq!(text(&dispute, "/reason"), "fraudulent");
    assert_eq!(dispute["balance_transactions"][0]["net"], -4_000);
    assert_eq!(
        api.get(&format!("/v1/charges/{charge}")).await.ok()["disputed"],
        true
    );
    let error = api
        .post("/v1/refunds", &[("charge", &charge)])
        .await
        .error(400);
    assert_eq!(text(&error, "/code"), "charge_disputed");
    let path = format!("/v1/disputes/{}", id(&dispute));
    let evidence = [("evidence[uncategorized_text]", "winning_evidence")];
    assert_eq!(
        text(&api.post(&path, &evidence).await.ok(), "/status"),
        "under_review"
    );
    api.advance(2).await;
    let won = api.get(&path).await.ok();
    assert_eq!(text(&won, "/status"), "won");
    assert_eq!(won["balance_transactions"][1]["net"], 2_500);
    assert_eq!(
        balance(&api).await,
        2_397 - 1_500,
        "the dispute's fee stays"
    );
    let types = api.event_types().await;
    for kind in [
        "created",
        "funds_withdrawn",
        "updated",
        "funds_reinstated",
        "closed",
    ] {
        assert!(types.contains(&format!("charge.dispute.{kind}")), "{kind}");
    }
    api.post(&format!("{path}/close"), &[]).await.error(400);
}

#[tokio::test]
async fn a_dispute_is_lost_by_evidence_or_by_giving_in() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    for how in ["evidence", "close"] {
        let (intent, _) = paid(&api, "4000000000002685").await;
        api.advance(2).await;
        let dispute = only(&api, &format!("/v1/disputes?payment_intent={intent}")).await;
        assert_eq!(text(&dispute, "/reason"), "product_not_received");
        let path = format!("/v1/disputes/{}", id(&dispute));
        if how == "close" {
            api.post(&format!("{path}/close"), &[]).await.ok();
        } else {
            let evidence = [("evidence[uncategorized_text]", "losing_evidence")];
            api.post(&path, &evidence).await.ok();
            api.advance(2).await;
        }
        assert_eq!(text(&api.get(&path).await.ok(), "/status"), "lost");
    }
    assert_eq!(balance(&api).await, 2 * (2_397 - 4_000));
}

/// A disputed payment: the dispute's path.
async fn disputed(api: &Api) -> String {
    let (intent, _) = paid(api, "4000000000000259").await;
    api.advance(2).await;
    let dispute = only(api, &format!("/v1/disputes?payment_intent={intent}")).await;
    format!("/v1/disputes/{}", id(&dispute))
}

#[tokio::test]
async fn a_dispute_that_nobody_answers_in_time_is_lost_and_one_with_evidence_waits() {
    const WEEK: i64 = 7 * 86_400;
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (silent, answered) = (disputed(&api).await, disputed(&api).await);
    let evidence = [("evidence[uncategorized_text]", "here it is")];
    api.post(&answered, &evidence).await.ok();
    api.advance(WEEK - 10).await;
    let dispute = api.get(&silent).await.ok();
    assert_eq!(text(&dispute, "/status"), "needs_response");
    assert_eq!(dispute["evidence_details"]["past_due"], false);
    api.advance(20).await;
    let dispute = api.get(&silent).await.ok();
    assert_eq!(text(&dispute, "/status"), "lost");
    assert_eq!(dispute["evidence_details"]["past_due"], true);
    assert!(
        api.event_types()
            .await
            .contains(&"charge.dispute.closed".to_owned())
    );
    let dispute = api.get(&answered).await.ok();
    assert_eq!(text(&dispute, "/status"), "under_review");
    api.post(&silent, &evidence).await.error(400);
}

#[tokio::test]
async fn a_dispute_is_decided_once() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let winning = [("evidence[uncategorized_text]", "winning_evidence")];
    // Handed in twice before the bank decides.
    let twice = disputed(&api).await;
    api.post(&twice, &winning).await.ok();
    api.post(&twice, &winning).await.ok();
    // And a merchant who gives in meanwhile.
    let given_in = disputed(&api).await;
    api.post(&given_in, &winning).await.ok();
    api.post(&format!("{given_in}/close"), &[]).await.ok();
    api.advance(2).await;
    let moved = async |path: &str| {
        let dispute = api.get(path).await.ok();
        let moved = dispute["balance_transactions"].as_array().map(Vec::len);
        (text(&dispute, "/status").to_owned(), moved)
    };
    assert_eq!(moved(&twice).await, ("won".to_owned(), Some(2)));
    assert_eq!(moved(&given_in).await, ("lost".to_owned(), Some(1)));
}

#[tokio::test]
async fn a_charge_can_be_disputed_several_times() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (intent, _) = paid(&api, "4000000404000079").await;
    api.advance(2).await;
    let disputes = api
        .get(&format!("/v1/disputes?payment_intent={intent}"))
        .await
        .ok();
    let amounts: Vec<i64> = disputes["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|dispute| dispute["amount"].as_i64())
        .collect();
    assert_eq!(amounts.len(), 2);
    assert_eq!(amounts.iter().sum::<i64>(), 2_500);
}

#[tokio::test]
async fn an_inquiry_takes_nothing_until_it_is_escalated() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (intent, charge) = paid(&api, "4000000000001976").await;
    api.advance(2).await;
    let inquiry = only(&api, &format!("/v1/disputes?payment_intent={intent}")).await;
    assert_eq!(text(&inquiry, "/status"), "warning_needs_response");
    assert_eq!(balance(&api).await, 2_397);
    assert_eq!(
        api.get(&format!("/v1/charges/{charge}")).await.ok()["disputed"],
        false
    );
    let path = format!("/v1/disputes/{}", id(&inquiry));
    let evidence = [("evidence[uncategorized_text]", "escalate_inquiry_evidence")];
    api.post(&path, &evidence).await.ok();
    api.advance(2).await;
    assert_eq!(
        text(&api.get(&path).await.ok(), "/status"),
        "needs_response"
    );
    assert_eq!(balance(&api).await, 2_397 - 4_000);
}

#[tokio::test]
async fn an_early_fraud_warning_takes_nothing() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let (_, charge) = paid(&api, "4000000000005423").await;
    api.advance(2).await;
    let path = format!("/v1/radar/early_fraud_warnings?charge={charge}");
    let warning = only(&api, &path).await;
    assert_eq!(warning["actionable"], true);
    assert_eq!(balance(&api).await, 2_397);
    assert!(
        api.event_types()
            .await
            .contains(&"radar.early_fraud_warning.created".to_owned())
    );
}

#[tokio::test]
async fn money_becomes_available_after_two_days_or_at_once() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    paid(&api, CARD).await;
    paid(&api, "4000000000000077").await;
    let both = async || {
        let balance = api.get("/v1/balance").await.ok();
        let cents = |name: &str| balance[name][0]["amount"].as_i64();
        (cents("available"), cents("pending"))
    };
    assert_eq!(both().await, (Some(2_397), Some(2_397)));
    api.advance(2 * 86_400).await;
    assert_eq!(both().await, (Some(4_794), Some(0)));
}

//! Unused credit that goes back to the card that paid for it.

use std::time::Duration;

use billing::{OperatorRefund, Problem, RefundError, StartRefund};
use futures::future::join_all;
use serde_json::Value;
use types::history::{HistoryKind, HistoryStatus};
use types::ids::{RefundId, TopUpId};
use types::money::Cents;
use types::refund::{Aftermath, RefundOffer, RefundRefusal, RefundState, RefundView};
use types::tenancy::{Role, Viewer};
use types::top_up::TopUpState;

use crate::credits::{DAY, costly, dollars, gift};
use crate::gateway_side::{VISA, notices_of, tell};
use crate::world::World;

/// Its refunds are pending at first.
const SETTLES_LATER: &str = "4000000000007726";
/// Its refunds succeed and fail later.
const FAILS_LATER: &str = "4000000000005126";

pub fn asking(top_up: TopUpId, cents: i64) -> StartRefund {
    StartRefund {
        id: RefundId::generate(),
        top_up,
        amount: Cents::new(cents),
    }
}

impl World {
    pub async fn ask(&self, request: &StartRefund) -> Result<RefundView, RefundError> {
        self.ask_as(&self.owner, request).await
    }

    pub async fn ask_as(
        &self,
        viewer: &Viewer,
        request: &StartRefund,
    ) -> Result<RefundView, RefundError> {
        self.billing
            .refunds()
            .request(viewer, request.clone())
            .await
    }

    pub async fn refused_refund(&self, request: &StartRefund) -> &'static str {
        self.ask(request).await.unwrap_err().code()
    }

    pub async fn offer(&self, top_up: TopUpId) -> RefundOffer {
        let organization = self.owner.organization;
        let offer = self.billing.refunds().offer(organization, top_up).await;
        offer.unwrap().unwrap()
    }

    pub async fn since(&self, top_up: TopUpId) -> Aftermath {
        let found = self.billing.top_ups().find(&self.owner, top_up).await;
        match found.unwrap().unwrap().state {
            TopUpState::Succeeded { since, .. } => since,
            other @ (TopUpState::Processing
            | TopUpState::RequiresAction { .. }
            | TopUpState::Failed { .. }
            | TopUpState::Canceled) => panic!("{other:?}"),
        }
    }

    /// What went back at the gateway: amounts and statuses, newest first.
    pub async fn refunds_at_gateway(&self) -> Vec<(i64, String)> {
        let answer = reqwest::Client::new()
            .get(format!("{}/v1/refunds?limit=100", self.gateway_url))
            .bearer_auth(&self.gateway_key)
            .send()
            .await
            .unwrap();
        let page: Value = answer.json().await.unwrap();
        let refunds = page["data"].as_array().unwrap();
        refunds
            .iter()
            .map(|refund| {
                let status = refund["status"].as_str().unwrap().to_owned();
                (refund["amount"].as_i64().unwrap(), status)
            })
            .collect()
    }

    pub async fn gateway_time_goes_by(&self, seconds: &str) {
        self.post_to_gateway("/_control/clock", &[("advance", seconds)])
            .await;
    }

    /// The gateway's name for the payment behind the newest notice of a kind.
    pub async fn intent_of(&self, kind: &str) -> String {
        let told = notices_of(self, kind).await;
        let object = &told.last().unwrap()["data"]["object"];
        let intent = if kind.starts_with("payment_intent.") {
            &object["id"]
        } else {
            &object["payment_intent"]
        };
        intent.as_str().unwrap().to_owned()
    }

    /// Description, exact amount and pill of each row, newest first.
    pub async fn rows(&self) -> Vec<(String, String, &'static str)> {
        let organization = self.owner.organization;
        let page = self.billing.history().page(organization, None, 50).await;
        let rows = page.unwrap().rows;
        rows.iter()
            .map(|row| (row.description(), row.amount.exact(), row.status_label()))
            .collect()
    }
}

#[tokio::test]
async fn unused_credit_goes_back_in_part_and_then_the_rest() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    let until = "2026-04-10T12:00:00Z".parse().unwrap();
    let most = Cents::new(2_500);
    assert_eq!(
        world.offer(top_up).await,
        RefundOffer::Refundable { most, until }
    );
    world.clock.advance(Duration::from_secs(1));
    let refund = world.ask(&asking(top_up, 1_000)).await.unwrap();
    assert_eq!(refund.state, RefundState::Succeeded);
    assert_eq!(world.balance().await, "15.00");
    let refunded = Cents::new(1_000);
    assert_eq!(
        world.since(top_up).await,
        Aftermath::PartiallyRefunded { refunded }
    );
    assert_eq!(world.offer(top_up).await.most(), Some(Cents::new(1_500)));
    world.clock.advance(Duration::from_secs(1));
    world.ask(&asking(top_up, 1_500)).await.unwrap();
    assert_eq!(world.balance().await, "0.00");
    assert_eq!(world.since(top_up).await, Aftermath::Refunded);
    let why = RefundRefusal::Used;
    assert_eq!(world.offer(top_up).await, RefundOffer::Refused { why });
    let sent = |cents: i64| (cents, "succeeded".to_owned());
    assert_eq!(world.refunds_at_gateway().await, [sent(1_500), sent(1_000)]);
    let row = |what: &str, amount: &str, pill| (what.to_owned(), amount.to_owned(), pill);
    let expected = [
        row("Refund", "-15.00", "Refund"),
        row("Refund", "-10.00", "Refund"),
        row("Credit", "25.00", "Refunded"),
    ];
    assert_eq!(world.rows().await, expected);
    world.finish().await;
}

#[tokio::test]
async fn the_same_request_is_the_same_refund_however_often_and_at_once() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    let request = asking(top_up, 1_000);
    let answers = join_all((0..20).map(|_| world.ask(&request))).await;
    for answer in answers {
        assert_eq!(answer.unwrap().amount, Cents::new(1_000));
    }
    assert_eq!(world.refunds_at_gateway().await.len(), 1);
    assert_eq!(world.balance().await, "15.00");
    let other = StartRefund {
        amount: Cents::new(900),
        ..request.clone()
    };
    assert_eq!(world.refused_refund(&other).await, "id_reused");
    // Another organization's person under the same id.
    let (stranger, ..) = world.another().await;
    let error = world.ask_as(&stranger, &request).await.unwrap_err();
    assert_eq!(error.code(), "top_up_not_found");
    world.finish().await;
}

#[tokio::test]
async fn twenty_refunds_at_once_never_give_back_more_than_there_is() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    let requests: Vec<_> = (0..20).map(|_| asking(top_up, 1_000)).collect();
    let answers = join_all(requests.iter().map(|request| world.ask(request))).await;
    let given = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(given, 2);
    assert_eq!(world.refunds_at_gateway().await.len(), 2);
    assert_eq!(world.balance().await, "5.00");
    world.finish().await;
}

#[tokio::test]
async fn only_what_was_paid_and_is_unused_goes_back() {
    let world = World::new().await;
    world.give(gift("gift", dollars(3))).await;
    let top_up = world.top_up(500, VISA).await.id;
    let cases = [
        (asking(top_up, 0), "below_minimum"),
        (asking(top_up, -500), "below_minimum"),
        (asking(top_up, 501), "above_unused"),
        (asking(TopUpId::generate(), 100), "top_up_not_found"),
    ];
    for (request, code) in &cases {
        assert_eq!(world.refused_refund(request).await, *code, "{request:?}");
    }
    // The gift pays for two requests, the card's credit for two more.
    world
        .use_up((0..4).map(|n| costly(&n.to_string())).collect())
        .await;
    assert_eq!(world.offer(top_up).await.most(), Some(Cents::new(200)));
    assert_eq!(
        world.refused_refund(&asking(top_up, 201)).await,
        "above_unused"
    );
    world.ask(&asking(top_up, 200)).await.unwrap();
    assert_eq!(world.balance().await, "0.00");
    assert_eq!(
        world.refused_refund(&asking(top_up, 1)).await,
        "credit_used"
    );
    // What was given is nobody's money: no top-up leads to it.
    world.give(gift("another", dollars(3))).await;
    assert_eq!(
        world.refused_refund(&asking(top_up, 1)).await,
        "credit_used"
    );
    world.finish().await;
}

#[tokio::test]
async fn after_the_window_only_the_operator_gives_back() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    world.clock.advance(30 * DAY - Duration::from_secs(1));
    assert_eq!(world.offer(top_up).await.most(), Some(Cents::new(2_500)));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(
        world.refused_refund(&asking(top_up, 100)).await,
        "refund_window_over"
    );
    let organization = world.owner.organization;
    let request = |cents: i64| OperatorRefund {
        key: "ticket-7".to_owned(),
        top_up,
        amount: Cents::new(cents),
        reason: "Goodwill".to_owned(),
    };
    let refunds = world.billing.refunds();
    let asked = refunds
        .request_as_operator(organization, request(700))
        .await;
    let asked = asked.unwrap();
    assert_eq!(asked.state, RefundState::Processing);
    assert_eq!(world.balance().await, "18.00");
    let again = refunds
        .request_as_operator(organization, request(700))
        .await;
    assert_eq!(again.unwrap().id, asked.id);
    let other = refunds
        .request_as_operator(organization, request(800))
        .await;
    assert_eq!(other.unwrap_err().code(), "id_reused");
    let too_much = OperatorRefund {
        key: "ticket-8".to_owned(),
        ..request(1_801)
    };
    let too_much = refunds.request_as_operator(organization, too_much).await;
    assert_eq!(too_much.unwrap_err().code(), "above_unused");
    // The server that runs asks the gateway.
    world.clock.advance(Duration::from_secs(11));
    assert_eq!(refunds.ask_due().await.unwrap().asked, 1);
    let found = refunds.find(organization, asked.id).await.unwrap().unwrap();
    assert_eq!(found.state, RefundState::Succeeded);
    assert_eq!(world.refunds_at_gateway().await.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn whoever_may_not_change_money_gives_none_back() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Owner) {
        let viewer = world.viewer_with(role).await;
        let asked = world.ask_as(&viewer, &asking(top_up, 100)).await;
        match role {
            Role::BillingAdmin => assert_eq!(asked.unwrap().state, RefundState::Succeeded),
            Role::Member | Role::Finance => assert_eq!(asked.unwrap_err().code(), "not_allowed"),
            Role::Owner => unreachable!(),
        }
    }
    assert_eq!(world.balance().await, "24.00");
    world.finish().await;
}

#[tokio::test]
async fn a_pending_refund_has_left_the_balance_and_arrives_later() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, SETTLES_LATER).await.id;
    world.clock.advance(Duration::from_secs(1));
    let refund = world.ask(&asking(top_up, 1_000)).await.unwrap();
    assert_eq!(refund.state, RefundState::Processing);
    assert_eq!(world.balance().await, "15.00");
    let row = world.rows().await.remove(0);
    assert_eq!((row.1.as_str(), row.2), ("-10.00", "Refund pending"));
    world.gateway_time_goes_by("11").await;
    for notice in notices_of(&world, "refund.updated").await {
        tell(&world, &notice).await.unwrap();
    }
    assert_eq!(world.rows().await.remove(0).2, "Refund");
    assert_eq!(world.balance().await, "15.00");
    world.finish().await;
}

#[tokio::test]
async fn a_refund_that_fails_later_gives_its_credit_back() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, FAILS_LATER).await.id;
    let request = asking(top_up, 1_000);
    assert_eq!(
        world.ask(&request).await.unwrap().state,
        RefundState::Succeeded
    );
    // Sixteen dollars' worth is used meanwhile: one of them is owed.
    world
        .use_up((0..10).map(|n| costly(&n.to_string())).collect())
        .await;
    world.use_up(vec![costly("last")]).await;
    assert_eq!(world.balance().await, "-1.50");
    world.gateway_time_goes_by("11").await;
    let mut told = notices_of(&world, "refund.failed").await;
    told.extend(notices_of(&world, "refund.updated").await);
    told.extend(notices_of(&world, "refund.created").await);
    for notice in told.iter().chain(&told) {
        tell(&world, notice).await.unwrap();
    }
    assert_eq!(world.balance().await, "8.50");
    assert_eq!(world.since(top_up).await, Aftermath::Kept);
    let again = world.ask(&request).await.unwrap();
    assert_eq!(again.state, RefundState::Failed);
    let organization = world.owner.organization;
    let page = world.billing.history().page(organization, None, 50).await;
    let rows = page.unwrap().rows;
    let row = rows
        .iter()
        .find(|row| matches!(row.kind, HistoryKind::Refund { .. }))
        .unwrap();
    assert_eq!((row.status_label(), row.is_posted()), ("Failed", false));
    assert_eq!(row.status, HistoryStatus::Canceled);
    // What is left of it can be asked for again.
    assert_eq!(world.offer(top_up).await.most(), Some(Cents::new(850)));
    world.finish().await;
}

#[tokio::test]
async fn what_was_refunded_in_the_gateways_own_pages_leaves_the_balance_too() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, VISA).await.id;
    world
        .use_up((0..10).map(|n| costly(&n.to_string())).collect())
        .await;
    let intent = world.intent_of("payment_intent.succeeded").await;
    let form = [("payment_intent", intent.as_str()), ("amount", "2500")];
    world.post_to_gateway("/v1/refunds", &form).await;
    // A person is quicker than the notice: the gateway has nothing left to give.
    let asked = world.ask(&asking(top_up, 500)).await.unwrap();
    assert_eq!(asked.state, RefundState::Failed);
    assert_eq!(world.balance().await, "10.00");
    for kind in ["charge.refunded", "refund.created", "charge.refunded"] {
        for notice in notices_of(&world, kind).await {
            tell(&world, &notice).await.unwrap();
        }
    }
    // Ten were left of it; what was used is owed.
    assert_eq!(world.balance().await, "-15.00");
    assert_eq!(world.since(top_up).await, Aftermath::Refunded);
    world.top_up(2_000, VISA).await;
    assert_eq!(world.balance().await, "5.00");
    world.finish().await;
}

/// A refund takes other credit where its own is used, and gives that back when it fails. So a lot may
/// have more than its card may get back.
#[tokio::test]
async fn no_more_is_offered_than_the_card_has_not_got_back_whatever_its_lot_has() {
    let world = World::new().await;
    let first = world.top_up(600, FAILS_LATER).await.id;
    let intent = world.intent_of("payment_intent.succeeded").await;
    world.use_up(vec![costly("1"), costly("2")]).await;
    let form = [("payment_intent", intent.as_str()), ("amount", "450")];
    world.post_to_gateway("/v1/refunds", &form).await;
    for notice in notices_of(&world, "refund.created").await {
        tell(&world, &notice).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(1));
    world.top_up(750, VISA).await;
    world.clock.advance(Duration::from_secs(1));
    let third = world.top_up(600, VISA).await.id;
    world.gateway_time_goes_by("11").await;
    for notice in notices_of(&world, "refund.failed").await {
        tell(&world, &notice).await.unwrap();
    }
    world.ask(&asking(first, 300)).await.unwrap();
    world.ask(&asking(third, 150)).await.unwrap();
    assert_eq!(world.offer(third).await.most(), Some(Cents::new(450)));
    assert_eq!(
        world.refused_refund(&asking(third, 600)).await,
        "above_unused"
    );
    let rest = world.ask(&asking(third, 450)).await.unwrap();
    assert_eq!(rest.state, RefundState::Succeeded);
    assert_eq!(world.since(third).await, Aftermath::Refunded);
    world.finish().await;
}

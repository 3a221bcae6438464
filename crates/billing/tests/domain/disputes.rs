//! Payments that their card's owner complains about at the bank.

use std::time::Duration;

use billing::credits::LotKind;
use serde_json::Value;
use types::dispute::{DisputeNotice, DisputeStage, DisputeSum};
use types::money::Cents;
use types::refund::Aftermath;
use types::top_up::TopUpState;

use crate::credits::{costly, dollars, gift};
use crate::gateway_side::{VISA, break_answers, heal, notices, notices_of, tell};
use crate::refunds::asking;
use crate::world::World;

const DISPUTED: &str = "4000000000000259";
const DISPUTED_IN_PARTS: &str = "4000000404000079";
const INQUIRY: &str = "4000000000001976";
const WARNED_OF: &str = "4000000000005423";

impl World {
    /// The card's owner complains, and we are told.
    pub async fn complain(&self) {
        self.gateway_time_goes_by("2").await;
        self.hear_of("charge.dispute.").await;
    }

    /// All that the gateway has to tell of what starts so, oldest first.
    async fn hear_of(&self, kind: &str) {
        for notice in notices(self).await {
            if notice["type"].as_str().unwrap().starts_with(kind) {
                tell(self, &notice).await.unwrap();
            }
        }
    }

    /// The bank decides about the newest dispute, and we are told.
    async fn rule(&self, evidence: &str) {
        self.decide(evidence).await;
        self.hear_of("charge.dispute.").await;
    }

    pub async fn decide(&self, evidence: &str) {
        let told = notices_of(self, "charge.dispute.created").await;
        let dispute = told.last().unwrap()["data"]["object"]["id"].clone();
        let path = format!("/v1/disputes/{}", dispute.as_str().unwrap());
        let form = [("evidence[uncategorized_text]", evidence)];
        self.post_to_gateway(&path, &form).await;
        self.gateway_time_goes_by("2").await;
    }

    async fn stages(&self) -> Vec<(DisputeStage, i64, i64)> {
        let organization = self.owner.organization;
        let disputes = self.billing.disputes().list(organization).await.unwrap();
        disputes
            .iter()
            .map(|one| (one.stage, one.withdrawn.get(), one.reversed.get()))
            .collect()
    }

    async fn is_frozen(&self) -> bool {
        let organization = self.owner.organization;
        let disputes = self.billing.disputes();
        disputes.is_recharge_frozen(organization).await.unwrap()
    }

    async fn notice(&self) -> DisputeNotice {
        let organization = self.owner.organization;
        let notice = self.billing.disputes().notice(organization).await;
        notice.unwrap().expect("something is disputed")
    }
}

fn sum(count: u32, cents: i64) -> DisputeSum {
    DisputeSum {
        count,
        amount: Cents::new(cents),
    }
}

#[tokio::test]
async fn a_dispute_takes_the_credit_and_a_won_one_gives_it_back() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, DISPUTED).await.id;
    world.complain().await;
    assert_eq!(world.balance().await, "0.00");
    assert_eq!(world.since(top_up).await, Aftermath::Disputed);
    assert_eq!(
        world.refused_refund(&asking(top_up, 100)).await,
        "payment_disputed"
    );
    let notice = world.notice().await;
    assert_eq!((notice.awaited, notice.lost), (sum(1, 2_500), sum(0, 0)));
    assert!(notice.recharge_frozen);
    world.rule("winning_evidence").await;
    assert_eq!(world.balance().await, "25.00");
    assert_eq!(world.since(top_up).await, Aftermath::Kept);
    assert_eq!(world.stages().await, [(DisputeStage::Won, 0, 0)]);
    assert!(!world.is_frozen().await);
    let row = |what: &str, amount: &str, pill| (what.to_owned(), amount.to_owned(), pill);
    let expected = [
        row("Dispute", "25.00", "Dispute won"),
        row("Dispute", "-25.00", "Dispute won"),
        row("Credit", "25.00", "Credit"),
    ];
    let mut rows = world.rows().await;
    rows.sort();
    let mut expected = Vec::from(expected);
    expected.sort();
    assert_eq!(rows, expected);
    world.finish().await;
}

#[tokio::test]
async fn a_lost_dispute_of_used_credit_takes_other_bought_credit_and_the_rest_is_owed() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, DISPUTED).await.id;
    world.top_up(500, VISA).await;
    world.give(gift("gift", dollars(3))).await;
    // The gift is used first, then $19.50 of the disputed credit: $5.50 of it is left.
    world
        .use_up((0..15).map(|n| costly(&n.to_string())).collect())
        .await;
    world.give(gift("another", dollars(2))).await;
    world.complain().await;
    // Its own rest and the other card's credit; the gift stays, and $14.50 is owed.
    let prepaid = world.billing.prepaid();
    let balance = prepaid.balance(world.owner.organization).await.unwrap();
    assert_eq!(balance.prepaid.dollars().exact(), "0.00");
    assert_eq!(balance.promotional.dollars().exact(), "2.00");
    assert_eq!(balance.owed.dollars().exact(), "14.50");
    world.rule("losing_evidence").await;
    assert_eq!(world.since(top_up).await, Aftermath::Reversed);
    assert_eq!(world.stages().await, [(DisputeStage::Lost, 2_500, 2_500)]);
    // Until the operator has looked at it nothing is charged by itself.
    assert!(world.is_frozen().await);
    let organization = world.owner.organization;
    assert_eq!(
        world
            .billing
            .disputes()
            .release(organization)
            .await
            .unwrap(),
        1
    );
    assert!(!world.is_frozen().await);
    assert_eq!(
        world.billing.disputes().notice(organization).await.unwrap(),
        None
    );
    world.top_up(2_000, VISA).await;
    assert_eq!(world.balance().await, "7.50");
    world.finish().await;
}

#[tokio::test]
async fn a_dispute_that_was_released_while_it_was_open_is_to_be_looked_at_again_once_lost() {
    let world = World::new().await;
    world.top_up(2_500, DISPUTED).await;
    world.complain().await;
    let disputes = world.billing.disputes();
    let organization = world.owner.organization;
    assert_eq!(disputes.release(organization).await.unwrap(), 1);
    // A notice that says nothing new leaves it released.
    world.hear_of("charge.dispute.").await;
    assert!(!world.is_frozen().await);
    world.rule("losing_evidence").await;
    assert!(world.is_frozen().await);
    let notice = world.notice().await;
    assert_eq!((notice.awaited, notice.lost), (sum(0, 0), sum(1, 2_500)));
    // Released for good: the same word again holds nothing back.
    assert_eq!(disputes.release(organization).await.unwrap(), 1);
    world.hear_of("charge.dispute.").await;
    assert!(!world.is_frozen().await);
    world.finish().await;
}

#[tokio::test]
async fn what_comes_back_of_used_credit_settles_what_is_owed_and_fills_its_lot() {
    let world = World::new().await;
    // Two dollars are owed before: the disputed credit's lot has only $23 of it.
    world.use_up(vec![costly("1")]).await;
    world.top_up(2_500, DISPUTED).await;
    world.complain().await;
    assert_eq!(world.balance().await, "-1.50");
    world.rule("winning_evidence").await;
    assert_eq!(world.balance().await, "23.50");
    // Settled by hand in between, a part of what comes back is more than the lot ever had.
    world
        .use_up((0..20).map(|n| costly(&format!("more {n}"))).collect())
        .await;
    assert_eq!(world.balance().await, "-6.50");
    let lots = world.lots().await;
    assert!(lots.iter().all(|lot| lot.lot.kind == LotKind::Purchase));
    world.finish().await;
}

#[tokio::test]
async fn what_comes_back_after_somebody_paid_the_debt_opens_a_lot_of_its_own() {
    let world = World::new().await;
    world.use_up(vec![costly("1")]).await;
    world.top_up(2_500, DISPUTED).await;
    world.complain().await;
    world.top_up(500, VISA).await;
    assert_eq!(world.balance().await, "3.50");
    world.rule("winning_evidence").await;
    assert_eq!(world.balance().await, "28.50");
    let granted: Vec<String> = (world.lots().await.iter())
        .map(|lot| lot.lot.remaining.dollars().exact())
        .collect();
    assert_eq!(granted.len(), 3, "{granted:?}");
    assert!(granted.contains(&"1.50".to_owned()), "{granted:?}");
    world.finish().await;
}

#[tokio::test]
async fn two_disputes_of_one_payment_together_take_no_more_than_was_paid() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, DISPUTED_IN_PARTS).await.id;
    world.complain().await;
    assert_eq!(world.balance().await, "0.00");
    let mut stages = world.stages().await;
    stages.sort_by_key(|stage| stage.1);
    let open = |cents| (DisputeStage::Open, cents, cents);
    assert_eq!(stages, [open(1_250), open(1_250)]);
    world.rule("winning_evidence").await;
    assert_eq!(world.balance().await, "12.50");
    assert_eq!(world.since(top_up).await, Aftermath::Disputed);
    world.finish().await;
}

#[tokio::test]
async fn what_was_refunded_before_is_not_taken_from_the_credit_again() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, INQUIRY).await.id;
    world.ask(&asking(top_up, 1_000)).await.unwrap();
    world.complain().await;
    assert_eq!(world.balance().await, "15.00");
    world.rule("escalate_inquiry_evidence").await;
    // The bank took all of it; the ten dollars are our loss.
    assert_eq!(world.balance().await, "0.00");
    assert_eq!(world.stages().await, [(DisputeStage::Open, 2_500, 1_500)]);
    world.rule("winning_evidence").await;
    assert_eq!(world.balance().await, "15.00");
    let refunded = Cents::new(1_000);
    assert_eq!(
        world.since(top_up).await,
        Aftermath::PartiallyRefunded { refunded }
    );
    world.finish().await;
}

#[tokio::test]
async fn of_what_was_refunded_before_nothing_is_said_to_be_taken_nor_of_what_is_lost_to_be_held() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, INQUIRY).await.id;
    world.ask(&asking(top_up, 1_000)).await.unwrap();
    world.complain().await;
    world.rule("escalate_inquiry_evidence").await;
    let notice = world.notice().await;
    assert_eq!((notice.awaited, notice.lost), (sum(1, 2_500), sum(0, 0)));
    world.rule("losing_evidence").await;
    let notice = world.notice().await;
    assert_eq!((notice.awaited, notice.lost), (sum(0, 0), sum(1, 1_500)));

    // The next one is held back beside it, until its bank decides.
    let another = world.top_up(3_000, DISPUTED).await.id;
    world.complain().await;
    let notice = world.notice().await;
    assert_eq!(notice.top_up, another);
    assert_eq!(
        (notice.awaited, notice.lost),
        (sum(1, 3_000), sum(1, 1_500))
    );
    world.finish().await;
}

#[tokio::test]
async fn an_inquiry_moves_nothing_until_it_is_escalated() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, INQUIRY).await.id;
    world.complain().await;
    assert_eq!(world.balance().await, "25.00");
    assert_eq!(world.stages().await, [(DisputeStage::Inquiry, 0, 0)]);
    assert_eq!(world.since(top_up).await, Aftermath::Kept);
    assert!(!world.is_frozen().await);
    world.rule("escalate_inquiry_evidence").await;
    assert_eq!(world.balance().await, "0.00");
    assert_eq!(world.stages().await, [(DisputeStage::Open, 2_500, 2_500)]);
    assert!(world.is_frozen().await);
    world.finish().await;
}

#[tokio::test]
async fn a_fraud_warning_is_kept_and_moves_nothing() {
    let world = World::new().await;
    let top_up = world.top_up(2_500, WARNED_OF).await.id;
    world.gateway_time_goes_by("2").await;
    world.hear_of("radar.").await;
    world.hear_of("radar.").await;
    let organization = world.owner.organization;
    let warnings = world
        .billing
        .disputes()
        .warnings(organization)
        .await
        .unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].top_up, top_up);
    assert_eq!(world.balance().await, "25.00");
    world.finish().await;
}

#[tokio::test]
async fn a_dispute_whose_notices_are_lost_is_found_at_the_gateway() {
    let world = World::new().await;
    world.top_up(2_500, DISPUTED).await;
    world.gateway_time_goes_by("2").await;
    assert_eq!(world.billing.disputes().sweep().await.unwrap(), 1);
    assert_eq!(world.balance().await, "0.00");
    assert_eq!(world.billing.disputes().sweep().await.unwrap(), 1);
    assert_eq!(world.balance().await, "0.00");
    world.finish().await;
}

#[tokio::test]
async fn a_dispute_that_is_heard_of_before_its_payment_is_known_for_ours() {
    let world = World::with_gateway_timeout(Duration::from_secs(2)).await;
    // The customer is there before answers are lost.
    world.top_up(500, VISA).await;
    let token = world.token(DISPUTED).await;
    break_answers(&world, "answer_slow", "/v1/payment_intents").await;
    let top_up = world.top_up_with(2_500, &token).await;
    assert_eq!(top_up.state, TopUpState::Processing);
    heal(&world).await;
    world.complain().await;
    // It was credited, and taken again.
    assert_eq!(world.since(top_up.id).await, Aftermath::Disputed);
    assert_eq!(world.balance().await, "5.00");
    world.finish().await;
}

/// A word that was asked for before another and is written after it changes nothing back.
#[tokio::test]
async fn notices_that_are_looked_into_at_once_end_with_the_newest_word() {
    let world = World::new().await;
    world.top_up(2_500, DISPUTED).await;
    world.gateway_time_goes_by("2").await;
    let told = notices(&world).await;
    let told: Vec<&Value> = told.iter().filter(|notice| is_dispute(notice)).collect();
    let told: Vec<_> = told.iter().cycle().take(12).collect();
    let answers = futures::future::join_all(told.iter().map(|notice| tell(&world, notice))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(world.balance().await, "0.00");
    assert_eq!(world.stages().await, [(DisputeStage::Open, 2_500, 2_500)]);
    world.finish().await;
}

fn is_dispute(notice: &Value) -> bool {
    notice["type"]
        .as_str()
        .unwrap()
        .starts_with("charge.dispute.")
}

//! All that a gateway tells of one payment, in every order there is, each notice delivered one to
//! three times: the ledger, the lots and the rows end the same.
//!
//! A story is lived once, at the gateway, and the moments of it are kept. Then its notices are
//! handed over in one order after another, from the same beginning each time. The gateway stands at
//! the story's end throughout, or goes on as late as it can: a notice finds it at the moment at
//! which it was sent, or at that of a later one that came before it.

use std::collections::{BTreeMap, BTreeSet};

use billing::Received;
use serde_json::Value;
use sqlx::{AnyConnection, Connection};
use types::top_up::TopUpState;

use crate::credits::costly;
use crate::gateway_side::{VISA, notices, tell};
use crate::set_back::Moments;
use crate::world::{World, confirm};

/// The bank asks, its owner approves, and then there is not enough money.
const ASKS_THEN_DECLINES: &str = "4000008260003178";
/// An inquiry first: while it lasts, a refund can be made.
const INQUIRY: &str = "4000000000001976";

/// Every order of the first `count` numbers.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        let longer = all.iter().flat_map(|order: &Vec<usize>| {
            let next = (0..count).filter(|n| !order.contains(n));
            next.map(|n| [order.as_slice(), &[n]].concat())
        });
        all = longer.collect();
    }
    all
}

/// One comes three times and one twice, other ones in every order, and the repeats come late.
fn with_repeats(order: &[usize], number: usize) -> Vec<usize> {
    let count = order.len();
    let thrice = order[number % count];
    let twice = order[(number + 1 + number / count % (count - 1)) % count];
    let repeats = [thrice, twice, thrice];
    [&order[..2], &repeats[..1], &order[2..], &repeats[1..]].concat()
}

#[test]
fn every_order_is_there_once_and_every_notice_comes_one_to_three_times() {
    let mut all = orders(6);
    assert_eq!(all.len(), 720);
    for (number, order) in all.iter().enumerate() {
        let told = with_repeats(order, number);
        for place in 0..6 {
            let times = told.iter().filter(|told| **told == place).count();
            assert!((1..=3).contains(&times), "{told:?}");
        }
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 720);
}

/// The whole ledger of an organization and what its rows say of the gateway's side, but for names.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// What every account gained on its debit side, in nano-dollars.
    moved: BTreeMap<String, i64>,
    /// What each lot was granted and what is left of it, the oldest first.
    lots: Vec<(i64, i64)>,
    /// State, refunded, disputed and reversed cents of each top-up.
    top_ups: Vec<(String, i64, i64, i64)>,
    /// State, cents and fee of each refund that did not come to nothing.
    refunds: Vec<(String, i64, i64)>,
    /// Stage, withdrawn, kept and reversed cents of each dispute.
    disputes: Vec<(String, i64, i64, i64)>,
}

impl End {
    async fn read(connection: &mut AnyConnection) -> Self {
        let transfers: Vec<(String, String, i64)> = sqlx::query_as(
            "select debit_account_id, credit_account_id, amount_nano from transfers",
        )
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        let mut moved = BTreeMap::new();
        for (debit, credit, amount) in transfers {
            *moved.entry(debit).or_default() += amount;
            *moved.entry(credit).or_default() -= amount;
        }
        moved.retain(|_, amount| *amount != 0);
        Self {
            moved,
            lots: sqlx::query_as(
                "select granted_nano, remaining_nano from lots order by opened_at",
            )
            .fetch_all(&mut *connection)
            .await
            .unwrap(),
            top_ups: sqlx::query_as(
                "select state, refunded_cents, disputed_cents, reversed_cents from top_ups
                 order by created_at",
            )
            .fetch_all(&mut *connection)
            .await
            .unwrap(),
            refunds: sqlx::query_as(
                "select state, amount_cents, fee_cents from refunds order by amount_cents",
            )
            .fetch_all(&mut *connection)
            .await
            .unwrap(),
            disputes: sqlx::query_as(
                "select stage, withdrawn_cents, fee_cents, reversed_cents from disputes
                 order by opened_at",
            )
            .fetch_all(connection)
            .await
            .unwrap(),
        }
    }

    /// What is left of the lots, in cents.
    fn left(&self) -> Vec<i64> {
        let cents = |(_, left): &(i64, i64)| left / 10_000_000;
        self.lots.iter().map(cents).collect()
    }

    /// In cents.
    fn owed(&self) -> i64 {
        let mut owed = self
            .moved
            .iter()
            .filter(|(account, _)| account.ends_with(":owed"));
        owed.next().map_or(0, |(_, nano)| nano / 10_000_000)
    }
}

/// A story at the gateway, with the moments of both sides that are kept.
struct Story {
    ours: Moments,
    gateway: Moments,
    /// The gateway's moments, in order, and which notices had been sent by then.
    moments: Vec<(&'static str, BTreeSet<String>)>,
}

const BEGINNING: &str = "beginning";

impl Story {
    async fn begin(world: &World) -> Self {
        let mut ours = Moments::of_ours(world.database()).await;
        ours.keep(BEGINNING).await;
        Self {
            ours,
            gateway: Moments::of_gateway(world).await,
            moments: Vec::new(),
        }
    }

    async fn keep(&mut self, world: &World, moment: &'static str) {
        let told = notices(world).await;
        let told = told.iter().map(|notice| id(notice).to_owned()).collect();
        self.moments.push((moment, told));
        self.gateway.keep(moment).await;
    }

    /// When the gateway sent a notice.
    fn sent_at(&self, notice: &Value) -> usize {
        let mut moments = self.moments.iter();
        let sent = moments.position(|(_, told)| told.contains(id(notice)));
        sent.unwrap()
    }

    /// Tells `kinds` about the payment in each order that is `part` of `parts`, and answers the end
    /// that they all have.
    async fn tell_in_every_order(
        mut self,
        world: &World,
        (intent, kinds): (&str, &[&str]),
        goes_on: GoesOn,
        (part, parts): (usize, usize),
    ) -> End {
        let told = notices(world).await;
        let of_kind = |kind: &&str| {
            let mut of_kind = told.iter().filter(|notice| notice["type"] == **kind);
            let found = of_kind.find(|notice| is_about(notice, intent));
            found.unwrap_or_else(|| panic!("no {kind}")).clone()
        };
        let kinds: Vec<Value> = kinds.iter().map(of_kind).collect();
        let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
        let mut end = None;
        for (number, order) in orders(kinds.len()).iter().enumerate() {
            if number % parts != part || (world.is_postgres() && !is_sampled(number, parts)) {
                continue;
            }
            self.ours.set_back(BEGINNING).await;
            let mut gateway_at = None;
            for place in with_repeats(order, number) {
                let notice = &kinds[place];
                let moment = match goes_on {
                    GoesOn::BeforeAll => self.moments.len() - 1,
                    GoesOn::AsLateAsItCan => self.sent_at(notice),
                };
                if gateway_at < Some(moment) {
                    self.gateway.set_back(self.moments[moment].0).await;
                    gateway_at = Some(moment);
                }
                let received = tell(world, notice).await.unwrap();
                assert!(
                    matches!(
                        received,
                        Received::Applied | Received::AlreadyApplied | Received::Ignored
                    ),
                    "{order:?}: {received:?}"
                );
            }
            let this = End::read(&mut connection).await;
            match &end {
                None => end = Some(this),
                Some(end) => assert_eq!(&this, end, "{order:?}"),
            }
        }
        connection.close().await.unwrap();
        self.ours.close(&[BEGINNING]).await;
        end.unwrap()
    }
}

/// Every order is told on SQLite. PostgreSQL takes several times as long for each, and what it does
/// is the same for all of them: there every fourth of a test's is told.
fn is_sampled(number: usize, parts: usize) -> bool {
    (number / parts).is_multiple_of(4)
}

/// When the gateway's side goes on.
#[derive(Debug, Clone, Copy)]
enum GoesOn {
    BeforeAll,
    AsLateAsItCan,
}

fn id(notice: &Value) -> &str {
    notice["id"].as_str().unwrap()
}

fn is_about(notice: &Value, intent: &str) -> bool {
    let object = &notice["data"]["object"];
    object["id"] == intent || object["payment_intent"] == intent
}

/// A first card that the bank asks about and then declines, and a second one that pays; ours still
/// waits for the bank. Answers the gateway's name for the payment.
async fn pay_unheard(world: &World, paid_with: &str) -> String {
    let top_up = world.top_up(2_500, ASKS_THEN_DECLINES).await;
    let TopUpState::RequiresAction { url: Some(url) } = &top_up.state else {
        panic!("{top_up:?}");
    };
    confirm(url, "approve").await;
    let (_, page) = url.split_once("/3ds/").unwrap();
    let (intent, _) = page.split_once('?').unwrap();
    let path = format!("/v1/payment_intents/{intent}/confirm");
    let form = [
        ("payment_method", paid_with),
        ("return_url", "http://127.0.0.1/"),
    ];
    world.post_to_gateway(&path, &form).await;
    intent.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_ends_the_same_in_all_orders_of_its_notices() {
    let world = World::new().await;
    let intent = pay_unheard(&world, "pm_card_visa").await;
    let mut story = Story::begin(&world).await;
    story.keep(&world, "paid").await;
    let kinds = [
        "payment_intent.requires_action",
        "payment_intent.payment_failed",
        "charge.failed",
        "charge.succeeded",
        "payment_intent.succeeded",
    ];
    let told = (intent.as_str(), kinds.as_slice());
    let end = story
        .tell_in_every_order(&world, told, GoesOn::BeforeAll, (0, 1))
        .await;
    assert_eq!(end.left(), [2_500]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_ends_the_same_in_all_orders_of_its_notices_and_its_payments() {
    let world = World::new().await;
    let intent = pay_unheard(&world, "pm_card_pendingRefund").await;
    let mut story = Story::begin(&world).await;
    story.keep(&world, "paid").await;
    let form = [("payment_intent", intent.as_str())];
    world.post_to_gateway("/v1/refunds", &form).await;
    story.keep(&world, "refunded").await;
    world.gateway_time_goes_by("11").await;
    story.keep(&world, "arrived").await;
    let kinds = [
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "charge.refund.updated",
    ];
    let told = (intent.as_str(), kinds.as_slice());
    let end = story
        .tell_in_every_order(&world, told, GoesOn::AsLateAsItCan, (0, 1))
        .await;
    assert_eq!(end.left(), [0]);
    assert_eq!(end.refunds, [("succeeded".to_owned(), 2_500, 0)]);
    world.finish().await;
}

/// $25 of which $5.50 is left, and another $30; somebody refunds $10 of the first in the gateway's
/// own pages, and then its bank takes all of it.
async fn refunded_and_disputed(world: &World, evidence: &str) -> (String, Story) {
    world.top_up(2_500, INQUIRY).await;
    let intent = world.intent_of("payment_intent.succeeded").await;
    world.clock.advance(std::time::Duration::from_secs(1));
    world.top_up(3_000, VISA).await;
    let used = (0..13).map(|n| costly(&n.to_string())).collect();
    world.use_up(used).await;
    let mut story = Story::begin(world).await;
    world.gateway_time_goes_by("2").await;
    story.keep(world, "paid").await;
    let form = [("payment_intent", intent.as_str()), ("amount", "1000")];
    world.post_to_gateway("/v1/refunds", &form).await;
    story.keep(world, "refunded").await;
    world.decide("escalate_inquiry_evidence").await;
    story.keep(world, "withdrawn").await;
    world.decide(evidence).await;
    story.keep(world, "decided").await;
    (intent, story)
}

const REFUNDED_AND_LOST: [&str; 6] = [
    "payment_intent.succeeded",
    "refund.created",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.closed",
];

/// Both halves of the 720 orders: they run side by side.
async fn lose(part: usize) {
    let world = World::new().await;
    let (intent, story) = refunded_and_disputed(&world, "losing_evidence").await;
    let told = (intent.as_str(), REFUNDED_AND_LOST.as_slice());
    let end = story
        .tell_in_every_order(&world, told, GoesOn::BeforeAll, (part, 2))
        .await;
    // All $25 are gone: $5.50 of it was left, and the other lot bears $19.50.
    assert_eq!((end.left(), end.owed()), (vec![0, 1_050], 0));
    assert_eq!(end.top_ups[0], ("succeeded".to_owned(), 1_000, 0, 2_500));
    assert_eq!(end.disputes, [("lost".to_owned(), 2_500, 1_500, 1_500)]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_and_a_lost_dispute_end_the_same_in_one_half_of_all_720_orders() {
    lose(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_and_a_lost_dispute_end_the_same_in_the_other_half_of_all_720_orders() {
    lose(1).await;
}

const REFUNDED_AND_WON: [&str; 6] = [
    "payment_intent.succeeded",
    "refund.created",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
];

/// Here what was withdrawn is posted first and then given back, or neither, as the order has it.
async fn win(part: usize) {
    let world = World::new().await;
    let (intent, story) = refunded_and_disputed(&world, "winning_evidence").await;
    let told = (intent.as_str(), REFUNDED_AND_WON.as_slice());
    let end = story
        .tell_in_every_order(&world, told, GoesOn::AsLateAsItCan, (part, 2))
        .await;
    // Only the refund is gone: $5.50 of it was left, and the other lot bears $4.50.
    assert_eq!((end.left(), end.owed()), (vec![0, 2_550], 0));
    assert_eq!(end.top_ups[0], ("succeeded".to_owned(), 1_000, 0, 0));
    assert_eq!(end.disputes, [("won".to_owned(), 0, 1_500, 0)]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_and_a_won_dispute_end_the_same_in_one_half_of_all_720_orders() {
    win(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_and_a_won_dispute_end_the_same_in_the_other_half_of_all_720_orders() {
    win(1).await;
}

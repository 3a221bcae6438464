//! Each test card by its number, from the card form to the ledger: what becomes of the top-up, what
//! the person reads, and what is posted.

use std::collections::BTreeSet;
use std::time::Duration;

use billing::StartTopUp;
use serde_json::Value;
use sqlx::{AnyConnection, Connection};
use types::ids::TopUpId;
use types::money::Cents;
use types::refund::{Aftermath, RefundState};
use types::top_up::{PayWith, TopUpState, TopUpView};

use crate::gateway_side::{notices, tell};
use crate::refunds::asking;
use crate::world::{World, confirm};

/// What becomes of $25.00 with the card, once all that the card brings about has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The gateway takes the card's number for mistyped: no top-up is started.
    Mistyped,
    Declined(&'static str),
    Paid,
    /// The bank asks first.
    PaidOnceApproved,
    DeclinedOnceApproved(&'static str),
    /// The gateway takes its time, or its answer is lost: first `processing`.
    PaidLater,
    DeclinedLater(&'static str),
    /// Paid, and then the card's owner complains at the bank.
    Disputed {
        times: usize,
    },
    /// Paid, and what is given back to the card arrives days later.
    PaidRefundArrivesLater,
    /// Paid, and the card does not take back what was sent to it.
    PaidRefundFailsLater,
}

const BANK: &str =
    "Your bank declined the card. Nothing was charged. Try another card or ask your bank.";
const FUNDS: &str =
    "The card has insufficient funds. Nothing was charged. Try a smaller amount or another card.";
const EXPIRED: &str = "The card has expired. Nothing was charged. Use another card.";
const CODE: &str =
    "The security code is incorrect. Nothing was charged. Check the code and try again.";
const PROCESSING: &str =
    "The bank could not process the card. Nothing was charged. Try again in a moment.";
const UNCONFIRMED: &str = "Your bank could not confirm that it was you. Nothing was charged. Try again or use another card.";
const VELOCITY: &str =
    "The card is over its limit of payments. Nothing was charged. Try later or use another card.";

/// Stripe's published numbers, then the sandbox's own.
pub const CARDS: &[(&str, End)] = &[
    ("4242424242424242", End::Paid),
    ("4000056655665556", End::Paid),
    ("5555555555554444", End::Paid),
    ("2223003122003222", End::Paid),
    ("5200828282828210", End::Paid),
    ("5105105105105100", End::Paid),
    ("378282246310005", End::Paid),
    ("6011111111111117", End::Paid),
    ("3056930009020004", End::Paid),
    ("3566002020360505", End::Paid),
    ("6200000000000005", End::Paid),
    ("4000000000000002", End::Declined(BANK)),
    ("4000000000009995", End::Declined(FUNDS)),
    ("4000000000009987", End::Declined(BANK)),
    ("4000000000009979", End::Declined(BANK)),
    ("4000000000000069", End::Declined(EXPIRED)),
    ("4000000000000127", End::Declined(CODE)),
    ("4000000000000119", End::Declined(PROCESSING)),
    ("4000000000006975", End::Declined(VELOCITY)),
    ("4242424242424241", End::Mistyped),
    ("4100000000000019", End::Declined(BANK)),
    ("4000000000000341", End::Declined(BANK)),
    ("4000002500003155", End::PaidOnceApproved),
    ("4000002760003184", End::PaidOnceApproved),
    ("4000003800000446", End::PaidOnceApproved),
    ("4000008260003178", End::DeclinedOnceApproved(FUNDS)),
    ("4000000000003220", End::PaidOnceApproved),
    ("4000008400000027", End::PaidOnceApproved),
    ("4000008400001629", End::DeclinedOnceApproved(BANK)),
    ("4000008400001280", End::Declined(BANK)),
    ("4000000000003055", End::Paid),
    ("4000000000003097", End::Paid),
    ("4000000032200000", End::Paid),
    ("4000000000000259", End::Disputed { times: 1 }),
    ("4000000000002685", End::Disputed { times: 1 }),
    // An inquiry and a warning take nothing.
    ("4000000000001976", End::Paid),
    ("4000000000005423", End::Paid),
    ("4000000404000079", End::Disputed { times: 2 }),
    ("4000000000007726", End::PaidRefundArrivesLater),
    ("4000000000005126", End::PaidRefundFailsLater),
    ("4000000000000077", End::Paid),
    ("4000009900000012", End::PaidLater),
    ("4000009900000020", End::PaidLater),
    ("4000009900000038", End::PaidLater),
    ("4000009900000046", End::DeclinedLater(BANK)),
];

/// What the card form's request to the gateway comes to: a token, or the error.
pub async fn type_in(world: &World, number: &str) -> Result<String, Value> {
    let tokenizer = &world.settings.gateway.tokenizer;
    let code = if number.starts_with("37") {
        "1234"
    } else {
        "123"
    };
    let card = [
        ("type", "card"),
        ("card[number]", number),
        ("card[exp_month]", "4"),
        ("card[exp_year]", "2031"),
        ("card[cvc]", code),
        ("billing_details[address][country]", "US"),
    ];
    let answer = reqwest::Client::new()
        .post(&tokenizer.url)
        .bearer_auth(&tokenizer.publishable_key)
        .form(&card)
        .send()
        .await
        .unwrap();
    let body: Value = answer.json().await.unwrap();
    body["id"].as_str().map(str::to_owned).ok_or(body)
}

/// Pays $25.00, answers the bank's page, lets time go by on both sides, and says how it ends.
pub async fn pay_to_the_end(world: &World, token: &str) -> TopUpView {
    let started = world.top_up_with(2_500, token).await;
    if let TopUpState::RequiresAction { url: Some(url) } = &started.state {
        confirm(url, "approve").await;
    }
    world
        .post_to_gateway("/_control/clock", &[("advance", "11")])
        .await;
    world.clock.advance(Duration::from_secs(60));
    let reconciliation = world.billing.reconciliation();
    reconciliation.settle_pending().await.unwrap();
    let found = world.billing.top_ups().find(&world.owner, started.id).await;
    found.unwrap().unwrap()
}

/// Debit account, credit account and cents of all that was posted since a batch, oldest first; and
/// the number of the newest batch.
async fn posted_since(world: &World, sequence: i64) -> (Vec<(String, String, i64)>, i64) {
    let mut connection = AnyConnection::connect(world.database_url()).await.unwrap();
    let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
        "select debit_account_id, credit_account_id, amount_nano, batches.sequence
         from transfers join batches on batches.id = batch_id
         where batches.sequence > $1 order by batches.sequence, position",
    )
    .bind(sequence)
    .fetch_all(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let newest = rows.last().map_or(sequence, |row| row.3);
    let kind = |account: &str| account.rsplit(':').next().unwrap_or_default().to_owned();
    let rows = rows
        .iter()
        .map(|(debit, credit, nano, _)| (kind(debit), kind(credit), nano / 10_000_000));
    (rows.collect(), newest)
}

fn rows(expected: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
    let row = |(debit, credit, cents): &(&str, &str, i64)| {
        ((*debit).to_owned(), (*credit).to_owned(), *cents)
    };
    expected.iter().map(row).collect()
}

fn paid() -> Vec<(String, String, i64)> {
    rows(&[
        ("gateway_clearing", "prepaid", 2_500),
        ("gateway_fees", "gateway_clearing", 103),
        ("gateway_balance", "gateway_clearing", 2_397),
    ])
}

/// Each takes its part from the credit, and the gateway keeps $15.00 for each.
fn disputed(times: usize) -> Vec<(String, String, i64)> {
    let mut expected = paid();
    let part = 2_500 / i64::try_from(times).unwrap();
    for _ in 0..times {
        expected.extend(rows(&[
            ("disputes", "gateway_balance", part),
            ("gateway_fees", "gateway_balance", 1_500),
            ("prepaid", "disputes", part),
        ]));
    }
    expected
}

/// Hands over what the gateway has told since the last time.
async fn hear(world: &World, heard: &mut BTreeSet<String>) {
    for notice in notices(world).await {
        if heard.insert(notice["id"].as_str().unwrap().to_owned()) {
            tell(world, &notice).await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_test_card_ends_as_listed_with_its_message_and_its_postings() {
    let world = World::new().await;
    let (mut sequence, mut heard) = (0, BTreeSet::new());
    for (number, end) in CARDS {
        let token = match (type_in(&world, number).await, end) {
            (Ok(token), _) => token,
            (Err(error), End::Mistyped) => {
                assert_eq!(error["error"]["code"], "incorrect_number", "{number}");
                assert_eq!(error["error"]["param"], "number", "{number}");
                continue;
            }
            (Err(error), _) => panic!("{number}: {error}"),
        };
        let top_up = pay_to_the_end(&world, &token).await;
        hear(&world, &mut heard).await;
        let found = world.billing.top_ups().find(&world.owner, top_up.id).await;
        let state = found.unwrap().unwrap().state;
        let (posted, newest) = posted_since(&world, sequence).await;
        sequence = newest;
        match end {
            End::Mistyped => panic!("{number} was taken"),
            End::Declined(message)
            | End::DeclinedOnceApproved(message)
            | End::DeclinedLater(message) => {
                let TopUpState::Failed { reason } = state else {
                    panic!("{number}: {state:?}");
                };
                assert_eq!(reason.message(), *message, "{number}");
                assert_eq!(posted, rows(&[]), "{number}");
            }
            End::Paid | End::PaidOnceApproved | End::PaidLater => {
                check_paid(number, &state, Aftermath::Kept);
                assert_eq!(posted, paid(), "{number}");
            }
            End::Disputed { times } => {
                check_paid(number, &state, Aftermath::Disputed);
                assert_eq!(posted, disputed(*times), "{number}");
            }
            End::PaidRefundArrivesLater | End::PaidRefundFailsLater => {
                check_paid(number, &state, Aftermath::Kept);
                assert_eq!(posted, paid(), "{number}");
                let (refunded, expected) = refund(&world, top_up.id, *end).await;
                hear(&world, &mut heard).await;
                let found = world.billing.top_ups().find(&world.owner, top_up.id).await;
                check_paid(number, &found.unwrap().unwrap().state, refunded);
                let (posted, newest) = posted_since(&world, sequence).await;
                sequence = newest;
                assert_eq!(posted, expected, "{number}");
            }
        }
    }
    world.finish().await;
}

/// Gives $25.00 back and lets time go by; answers what is to become of the top-up, and what is to be
/// posted.
async fn refund(
    world: &World,
    top_up: TopUpId,
    end: End,
) -> (Aftermath, Vec<(String, String, i64)>) {
    let refund = world.ask(&asking(top_up, 2_500)).await.unwrap();
    let taken = ("prepaid", "gateway_clearing", 2_500);
    let sent = ("gateway_clearing", "gateway_balance", 2_500);
    let returned = ("gateway_balance", "gateway_clearing", 2_500);
    let given_back = ("gateway_clearing", "prepaid", 2_500);
    let (at_first, aftermath, posted) = if end == End::PaidRefundFailsLater {
        let posted = rows(&[taken, sent, returned, given_back]);
        (RefundState::Succeeded, Aftermath::Kept, posted)
    } else {
        (
            RefundState::Processing,
            Aftermath::Refunded,
            rows(&[taken, sent]),
        )
    };
    assert_eq!(refund.state, at_first, "{end:?}");
    world.gateway_time_goes_by("11").await;
    (aftermath, posted)
}

fn check_paid(number: &str, state: &TopUpState, expected: Aftermath) {
    let TopUpState::Succeeded { since, .. } = state else {
        panic!("{number}: {state:?}");
    };
    assert_eq!(*since, expected, "{number}");
}

#[tokio::test]
async fn the_first_answer_says_whether_the_bank_asks_or_the_gateway_takes_its_time() {
    let world = World::new().await;
    for (number, end) in CARDS {
        let Ok(token) = type_in(&world, number).await else {
            assert_eq!(*end, End::Mistyped, "{number}");
            continue;
        };
        let request = StartTopUp {
            id: TopUpId::generate(),
            amount: Cents::new(2_500),
            pay_with: PayWith::NewCard(token),
        };
        let started = world.billing.top_ups().start(&world.owner, request).await;
        let state = started.unwrap().state;
        let is_as_listed = match end {
            End::Mistyped => false,
            End::Declined(_) => matches!(state, TopUpState::Failed { .. }),
            End::Paid
            | End::Disputed { .. }
            | End::PaidRefundArrivesLater
            | End::PaidRefundFailsLater => matches!(state, TopUpState::Succeeded { .. }),
            End::PaidOnceApproved | End::DeclinedOnceApproved(_) => {
                matches!(state, TopUpState::RequiresAction { url: Some(_) })
            }
            // Where only the answer is lost, the same key may find the charge at once.
            End::PaidLater => {
                matches!(state, TopUpState::Processing | TopUpState::Succeeded { .. })
            }
            End::DeclinedLater(_) => state == TopUpState::Processing,
        };
        assert!(is_as_listed, "{number}: {state:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn each_card_that_asks_charges_nothing_once_its_owner_has_failed_to_confirm() {
    let world = World::new().await;
    let mut asked = 0;
    for (number, end) in CARDS {
        match end {
            End::PaidOnceApproved | End::DeclinedOnceApproved(_) => {}
            End::Mistyped
            | End::Declined(_)
            | End::Paid
            | End::PaidLater
            | End::DeclinedLater(_)
            | End::Disputed { .. }
            | End::PaidRefundArrivesLater
            | End::PaidRefundFailsLater => continue,
        }
        asked += 1;
        let token = type_in(&world, number).await.unwrap();
        let started = world.top_up_with(2_500, &token).await;
        let TopUpState::RequiresAction { url: Some(url) } = &started.state else {
            panic!("{number}: {started:?}");
        };
        confirm(url, "fail").await;
        world.clock.advance(Duration::from_secs(60));
        let reconciliation = world.billing.reconciliation();
        reconciliation.settle_pending().await.unwrap();
        let found = world.billing.top_ups().find(&world.owner, started.id).await;
        let TopUpState::Failed { reason } = found.unwrap().unwrap().state else {
            panic!("{number} is not declined");
        };
        assert_eq!(reason.message(), UNCONFIRMED, "{number}");
    }
    assert_eq!(asked, 7);
    assert_eq!(posted_since(&world, 0).await.0, rows(&[]));
    world.finish().await;
}

/// The sandbox's own numbers, which no list of Stripe's has.
const OUR_OWN: &str = "40000099000000";

#[test]
fn every_published_test_card_is_in_the_table_once() {
    let published = include_str!("../../../sandbox/tests/test_cards.json");
    let published: Value = serde_json::from_str(published).unwrap();
    let of = |list: &str| published[list].as_array().unwrap().clone();
    let lists = ["succeed", "decline", "three_d_secure", "after_success"].map(of);
    let mut expected: Vec<String> = (lists.iter().flatten())
        .map(|card| card["number"].as_str().unwrap().to_owned())
        .collect();
    let numbers = CARDS.iter().map(|(number, _)| (*number).to_owned());
    let mut listed: Vec<String> = numbers
        .filter(|number| !number.starts_with(OUR_OWN))
        .collect();
    expected.sort();
    listed.sort();
    assert_eq!(listed, expected);
}

//! Every listed test card by its number: what saving it, paying with it on-session and charging it
//! later off-session come to.

mod support;

use support::{Answer, Api, Folder, card_form, id, text};

/// What a call comes to: a status, or `code/decline_code`.
type Said = &'static str;

struct Row {
    number: &'static str,
    /// `attach`, with nobody there to answer questions.
    attach: Said,
    /// On-session payment with the new card.
    pay: Said,
    /// Off-session payment after attaching, without the owner's agreement to it.
    off_session: Said,
    /// The intent after the owner approved on the bank's page.
    approved: Said,
}

const OK: Said = "ok";
const PAID: Said = "succeeded";
const ASKS: Said = "requires_action";
const REFUSED: Said = "authentication_required/authentication_required";
const NONE: Said = "";
const DECLINED: Said = "card_declined/generic_decline";
const NO_FUNDS: Said = "card_declined/insufficient_funds";

const fn row(number: &'static str, attach: Said, pay: Said, off: Said, approved: Said) -> Row {
    Row {
        number,
        attach,
        pay,
        off_session: off,
        approved,
    }
}

const fn succeeds(number: &'static str) -> Row {
    row(number, OK, PAID, PAID, NONE)
}

const fn declines(number: &'static str, said: Said) -> Row {
    row(number, said, said, NONE, NONE)
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    succeeds("4242424242424242"), succeeds("4000056655665556"), succeeds("5555555555554444"),
    succeeds("2223003122003222"), succeeds("5200828282828210"), succeeds("5105105105105100"),
    succeeds("378282246310005"), succeeds("6011111111111117"), succeeds("3056930009020004"),
    succeeds("3566002020360505"), succeeds("6200000000000005"),

    declines("4000000000000002", DECLINED),
    declines("4000000000009995", NO_FUNDS),
    declines("4000000000009987", "card_declined/lost_card"),
    declines("4000000000009979", "card_declined/stolen_card"),
    declines("4000000000000069", "expired_card/expired_card"),
    declines("4000000000000127", "incorrect_cvc/incorrect_cvc"),
    declines("4000000000000119", "processing_error/processing_error"),
    declines("4000000000006975", "card_declined/card_velocity_exceeded"),
    declines("4100000000000019", "card_declined/fraudulent"),
    row("4000000000000341", OK, DECLINED, DECLINED, NONE),

    row("4000002500003155", OK, ASKS, REFUSED, PAID),
    row("4000002760003184", OK, ASKS, REFUSED, PAID),
    row("4000003800000446", OK, ASKS, PAID, PAID),
    row("4000008260003178", OK, ASKS, REFUSED, NO_FUNDS),
    row("4000000000003220", OK, ASKS, REFUSED, PAID),
    row("4000008400000027", OK, ASKS, REFUSED, PAID),
    row("4000008400001629", OK, ASKS, REFUSED, DECLINED),
    row("4000008400001280", DECLINED, DECLINED, NONE, NONE),
    succeeds("4000000000003055"), succeeds("4000000000003097"), succeeds("4000000032200000"),

    succeeds("4000000000000259"), succeeds("4000000000002685"), succeeds("4000000000001976"),
    succeeds("4000000000005423"), succeeds("4000000404000079"), succeeds("4000000000007726"),
    succeeds("4000000000005126"), succeeds("4000000000000077"),

    row("4000009900000038", OK, "processing", "processing", NONE),
    row("4000009900000046", OK, "processing", "processing", NONE),
];

fn said(answer: &Answer) -> String {
    let json = answer.json();
    match json.get("error") {
        Some(error) => format!("{}/{}", text(error, "/code"), text(error, "/decline_code")),
        None => text(&json, "/status").to_owned(),
    }
}

#[tokio::test]
async fn every_test_card_does_what_its_list_says() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    for row in TABLE {
        let number = row.number;
        let customer = api.customer().await;
        let attached = api.card(number).await;
        let answer = api.attach(&attached, &customer).await;
        match row.attach {
            OK => drop(answer.ok()),
            declined => assert_eq!(said(&answer), declined, "attach {number}"),
        }
        if row.attach == OK {
            let answer = api
                .charge(&customer, &attached, &[("off_session", "true")])
                .await;
            assert_eq!(said(&answer), row.off_session, "off-session {number}");
        }
        let fresh = api.card(number).await;
        let answer = api.charge("", &fresh, &[]).await;
        assert_eq!(said(&answer), row.pay, "pay {number}");
        if row.pay.contains('/') {
            check_decline(&api, answer, row.pay).await;
        } else if row.pay == ASKS {
            let intent = answer.ok();
            answer_question(&api, &intent, "approve").await;
            let intent = api
                .get(&format!("/v1/payment_intents/{}", id(&intent)))
                .await
                .ok();
            let error = &intent["last_payment_error"];
            let outcome = match text(&intent, "/status") {
                "requires_payment_method" => {
                    format!("{}/{}", text(error, "/code"), text(error, "/decline_code"))
                }
                status => status.to_owned(),
            };
            assert_eq!(outcome, row.approved, "approved {number}");
        }
    }
}

/// A declined payment is a 402 with everything in it that explains it, and is kept as history.
async fn check_decline(api: &Api, answer: Answer, said: &str) {
    let error = answer.error(402);
    assert_eq!(text(&error, "/type"), "card_error", "{said}");
    assert!(!text(&error, "/message").is_empty());
    let intent = &error["payment_intent"];
    assert_eq!(text(intent, "/status"), "requires_payment_method");
    assert_eq!(
        text(intent, "/last_payment_error/code"),
        text(&error, "/code")
    );
    assert!(intent["payment_method"].is_null());
    let charge = api
        .get(&format!("/v1/charges/{}", text(&error, "/charge")))
        .await
        .ok();
    assert_eq!(text(&charge, "/status"), "failed");
    assert_eq!(charge["paid"], false);
    assert!(charge["balance_transaction"].is_null());
}

async fn answer_question(api: &Api, intent: &serde_json::Value, outcome: &str) {
    let path = format!("/3ds/{}", id(intent));
    let form = [
        ("client_secret", text(intent, "/client_secret")),
        ("outcome", outcome),
    ];
    let page = api.with_key("").post(&path, &form).await;
    assert_eq!(page.status.as_u16(), 200, "{}", page.text);
}

#[tokio::test]
async fn the_table_has_every_listed_card() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    // The two whose answers get lost have their own tests; one listed number fails the check digit.
    let own_tests = ["4000009900000012", "4000009900000020"];
    for number in TABLE.iter().map(|row| row.number).chain(own_tests) {
        api.post("/v1/payment_methods", &card_form(number))
            .await
            .ok();
    }
    assert_eq!(TABLE.len() + own_tests.len(), 44);
}

#[tokio::test]
async fn any_other_number_is_refused() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    for number in ["4111111111111111", "4000000000000010", "6011000990139424"] {
        let error = api
            .post("/v1/payment_methods", &card_form(number))
            .await
            .error(402);
        assert_eq!(text(&error, "/code"), "card_declined");
        assert_eq!(text(&error, "/decline_code"), "test_mode_live_card");
        assert!(
            !error.to_string().contains(number),
            "the number is not repeated"
        );
    }
    for number in ["4242424242424241", "42", "abc", "4242x42424242424"] {
        let error = api
            .post("/v1/payment_methods", &card_form(number))
            .await
            .error(402);
        assert_eq!(text(&error, "/code"), "incorrect_number");
        assert_eq!(text(&error, "/param"), "number");
    }
}

#[tokio::test]
async fn a_fixed_token_stands_for_its_card() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    assert_eq!(said(&api.charge("", "pm_card_visa", &[]).await), PAID);
    let declined = api
        .charge("", "pm_card_visa_chargeDeclinedInsufficientFunds", &[])
        .await;
    assert_eq!(said(&declined), NO_FUNDS);
    let customer = api.customer().await;
    let attached = api.attach("pm_card_mastercard", &customer).await.ok();
    assert_eq!(text(&attached, "/card/brand"), "mastercard");
    assert_eq!(
        said(&api.charge(&customer, &id(&attached), &[]).await),
        PAID
    );
    api.charge("", "pm_card_nothing", &[]).await.error(400);
}

#[tokio::test]
async fn a_requested_authentication_asks_where_the_card_can() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let any = [(
        "payment_method_options[card][request_three_d_secure]",
        "any",
    )];
    let method = api.card("4000000000003055").await;
    assert_eq!(said(&api.charge("", &method, &any).await), ASKS);
    let method = api.card("4000000000003097").await;
    assert_eq!(
        said(&api.charge("", &method, &any).await),
        "processing_error/processing_error"
    );
    let method = api.card("4242424242424242").await;
    assert_eq!(said(&api.charge("", &method, &any).await), PAID);
}

#[tokio::test]
async fn an_action_can_be_made_an_error() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let method = api.card("4000002760003184").await;
    let form = [("error_on_requires_action", "true")];
    let error = api.charge("", &method, &form).await.error(402);
    assert_eq!(text(&error, "/code"), "authentication_required");
    assert_eq!(
        text(&error, "/payment_intent/status"),
        "requires_payment_method"
    );
}

#[tokio::test]
async fn a_slow_payment_ends_when_its_time_has_come() {
    let folder = Folder::new();
    let api = Api::open(folder.config()).await;
    let pay = async |number| id(&api.charge("", &api.card(number).await, &[]).await.ok());
    let good = pay("4000009900000038").await;
    let bad = pay("4000009900000046").await;
    let intent = async |id: &str| api.get(&format!("/v1/payment_intents/{id}")).await.ok();
    assert_eq!(intent(&good).await["status"], "processing");
    api.post(&format!("/v1/payment_intents/{good}/cancel"), &[])
        .await
        .error(400);
    api.advance(20).await;
    assert_eq!(intent(&good).await["status"], "succeeded");
    let failed = intent(&bad).await;
    assert_eq!(text(&failed, "/status"), "requires_payment_method");
    assert_eq!(text(&failed, "/last_payment_error/code"), "card_declined");
    let types = api.event_types().await;
    for kind in [
        "payment_intent.processing",
        "payment_intent.payment_failed",
        "charge.failed",
    ] {
        assert!(types.iter().any(|seen| seen == kind), "{kind}");
    }
}

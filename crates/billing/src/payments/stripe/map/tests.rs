use serde_json::{Value, json};

use super::*;
use crate::payments::stripe::wire::FaultBody;

const ASKED: Cents = Cents::new(2_500);

fn intent_value(status: &str) -> Value {
    json!({
        "id": "pi_1", "amount": 2_500, "amount_received": 2_500, "currency": "usd",
        "status": status,
    })
}

fn intent(value: Value) -> Intent {
    serde_json::from_value(value).unwrap()
}

fn id() -> GatewayIntent {
    "pi_1".parse().unwrap()
}

/// An intent with `fields` laid over the usual ones.
fn intent_with(status: &str, fields: Value) -> Intent {
    let mut value = intent_value(status);
    let Value::Object(fields) = fields else {
        panic!("fields are an object")
    };
    value.as_object_mut().unwrap().extend(fields);
    intent(value)
}

fn fault(code: Option<&str>, decline_code: Option<&str>) -> Fault {
    serde_json::from_value(json!({ "code": code, "decline_code": decline_code })).unwrap()
}

fn refusal(error: Value) -> Refusal {
    let body: FaultBody = serde_json::from_value(json!({ "error": error })).unwrap();
    Refusal {
        fault: body.error,
        is_missing: false,
    }
}

#[test]
fn every_documented_decline_code_has_its_reason() {
    use DeclineReason as Reason;
    let cases = [
        ("authentication_required", Reason::AuthenticationRequired),
        ("authentication_not_handled", Reason::AuthenticationRequired),
        ("approve_with_id", Reason::Generic),
        ("call_issuer", Reason::Generic),
        ("card_not_supported", Reason::Generic),
        ("card_velocity_exceeded", Reason::VelocityExceeded),
        ("currency_not_supported", Reason::Generic),
        ("do_not_honor", Reason::Generic),
        ("do_not_try_again", Reason::Generic),
        ("duplicate_transaction", Reason::Generic),
        ("expired_card", Reason::ExpiredCard),
        ("fraudulent", Reason::Fraudulent),
        ("generic_decline", Reason::Generic),
        ("incorrect_address", Reason::Generic),
        ("incorrect_cvc", Reason::IncorrectCvc),
        ("incorrect_number", Reason::IncorrectNumber),
        ("incorrect_pin", Reason::Generic),
        ("incorrect_zip", Reason::Generic),
        ("insufficient_funds", Reason::InsufficientFunds),
        ("invalid_account", Reason::Generic),
        ("invalid_amount", Reason::Generic),
        ("invalid_cvc", Reason::IncorrectCvc),
        ("invalid_expiry_month", Reason::ExpiredCard),
        ("invalid_expiry_year", Reason::ExpiredCard),
        ("invalid_number", Reason::IncorrectNumber),
        ("invalid_pin", Reason::Generic),
        ("issuer_not_available", Reason::ProcessingError),
        ("lost_card", Reason::LostOrStolen),
        ("merchant_blacklist", Reason::Fraudulent),
        ("new_account_information_available", Reason::Generic),
        ("no_action_taken", Reason::Generic),
        ("not_permitted", Reason::Generic),
        ("offline_pin_required", Reason::Generic),
        ("online_or_offline_pin_required", Reason::Generic),
        ("pickup_card", Reason::LostOrStolen),
        ("pin_try_exceeded", Reason::Generic),
        ("processing_error", Reason::ProcessingError),
        ("reenter_transaction", Reason::ProcessingError),
        ("restricted_card", Reason::LostOrStolen),
        ("revocation_of_all_authorizations", Reason::Generic),
        ("revocation_of_authorization", Reason::Generic),
        ("security_violation", Reason::Generic),
        ("service_not_allowed", Reason::Generic),
        ("stolen_card", Reason::LostOrStolen),
        ("stop_payment_order", Reason::Generic),
        ("test_mode_live_card", Reason::Generic),
        ("testmode_decline", Reason::Generic),
        ("transaction_not_allowed", Reason::Generic),
        ("try_again_later", Reason::ProcessingError),
        ("withdrawal_count_limit_exceeded", Reason::VelocityExceeded),
        ("one_that_is_not_invented_yet", Reason::Generic),
    ];
    for (code, reason) in cases {
        let from_the_bank = fault(Some("card_declined"), Some(code));
        assert_eq!(decline_reason(&from_the_bank), reason, "{code}");
    }
}

#[test]
fn without_a_decline_code_the_error_code_decides() {
    use DeclineReason as Reason;
    let cases = [
        (Some("card_declined"), None, Reason::Generic),
        (Some("incorrect_number"), None, Reason::IncorrectNumber),
        (
            Some("expired_card"),
            Some("generic_decline"),
            Reason::ExpiredCard,
        ),
        (
            Some("incorrect_cvc"),
            Some("incorrect_cvc"),
            Reason::IncorrectCvc,
        ),
        (
            Some("authentication_required"),
            None,
            Reason::AuthenticationRequired,
        ),
        (
            Some("payment_intent_authentication_failure"),
            None,
            Reason::AuthenticationFailed,
        ),
        (
            Some("setup_intent_authentication_failure"),
            None,
            Reason::AuthenticationFailed,
        ),
        (
            Some("card_decline_rate_limit_exceeded"),
            None,
            Reason::VelocityExceeded,
        ),
        (None, None, Reason::Generic),
    ];
    for (code, decline_code, reason) in cases {
        assert_eq!(
            decline_reason(&fault(code, decline_code)),
            reason,
            "{code:?}"
        );
    }
}

#[test]
fn each_status_is_one_outcome() {
    let declined = json!({ "last_payment_error": { "code": "card_declined" } });
    let page = json!({ "next_action": { "type": "redirect_to_url",
        "redirect_to_url": { "url": "https://bank.example/3ds", "return_url": "https://us" } } });
    let script_only = json!({ "next_action": { "type": "use_stripe_sdk" } });
    let reason = DeclineReason::Generic;
    let url = Some("https://bank.example/3ds".to_owned());
    let cases = [
        (
            "processing",
            json!({}),
            Outcome::Processing { intent: id() },
        ),
        (
            "requires_confirmation",
            json!({}),
            Outcome::Processing { intent: id() },
        ),
        (
            "requires_action",
            page,
            Outcome::RequiresAction { intent: id(), url },
        ),
        (
            "requires_action",
            script_only,
            Outcome::RequiresAction {
                intent: id(),
                url: None,
            },
        ),
        ("canceled", json!({}), Outcome::Canceled { intent: id() }),
        (
            "requires_payment_method",
            declined,
            Outcome::Declined {
                intent: Some(id()),
                reason,
            },
        ),
        // Made, and not tried yet.
        (
            "requires_payment_method",
            json!({}),
            Outcome::Processing { intent: id() },
        ),
    ];
    for (status, fields, expected) in cases {
        let answer = outcome_of_charge(&intent_with(status, fields), ASKED);
        assert_eq!(answer, Ok(expected), "{status}");
    }
}

#[test]
fn a_status_we_do_not_know_is_not_guessed_at() {
    for status in ["requires_capture", "requires_the_moon"] {
        assert_eq!(
            outcome(&intent(intent_value(status))),
            Err(GatewayError::Unreadable)
        );
    }
    let without_status = json!({ "id": "pi_1", "amount": 2_500, "currency": "usd" });
    assert_eq!(
        outcome(&intent(without_status)),
        Err(GatewayError::Unreadable)
    );
    let without_id = json!({ "amount": 2_500, "currency": "usd", "status": "succeeded" });
    assert_eq!(outcome(&intent(without_id)), Err(GatewayError::Unreadable));
}

#[test]
fn a_paid_charge_tells_amount_fee_and_card() {
    let paid = intent_with(
        "succeeded",
        json!({
            "latest_charge": { "id": "ch_1", "balance_transaction": { "fee": 103, "currency": "usd" } },
            "payment_method": { "id": "pm_1", "customer": "cus_1", "type": "card", "card": {
                "brand": "visa", "last4": "4242", "exp_month": 4, "exp_year": 2031,
                "country": "US", "fingerprint": "Xt5EWLLDS7FJjR1c" } },
        }),
    );
    let card = Card {
        brand: CardBrand::Visa,
        last4: "4242".into(),
        expiry_month: 4,
        expiry_year: 2031,
        country: Some("US".into()),
    };
    let method = ChargedMethod {
        method: "pm_1".parse().unwrap(),
        card,
        fingerprint: Some("Xt5EWLLDS7FJjR1c".into()),
        attached: true,
    };
    let expected = Outcome::Succeeded(Settled {
        intent: id(),
        amount: ASKED,
        fee: Some(Cents::new(103)),
        method: Some(method),
        kept_besides: None,
    });
    assert_eq!(outcome_of_charge(&paid, ASKED), Ok(expected));
}

#[test]
fn what_paid_and_is_no_card_is_named_where_it_can_be_charged_again() {
    let paid_with = |method| {
        let fields = json!({ "payment_method": method });
        let Ok(Outcome::Succeeded(settled)) = outcome(&intent_with("succeeded", fields)) else {
            panic!("it succeeded");
        };
        assert_eq!(settled.method, None);
        settled.kept_besides.map(|kept| kept.to_string())
    };
    let kept = json!({ "id": "pm_1", "type": "link", "customer": "cus_1", "card": null });
    assert_eq!(paid_with(kept).as_deref(), Some("pm_1"));
    let once = json!({ "id": "pm_1", "type": "link", "customer": null });
    assert_eq!(paid_with(once), None);
}

#[test]
fn a_fee_is_told_only_where_it_is_known_in_dollars() {
    let cases = [
        json!({ "latest_charge": "ch_1" }),
        json!({ "latest_charge": { "balance_transaction": "txn_1" } }),
        json!({ "latest_charge": { "balance_transaction": null } }),
        json!({ "latest_charge": { "balance_transaction": { "fee": 95, "currency": "eur" } } }),
    ];
    for fields in cases {
        let Ok(Outcome::Succeeded(settled)) = outcome(&intent_with("succeeded", fields)) else {
            panic!("it succeeded");
        };
        assert_eq!((settled.fee, settled.method), (None, None));
    }
}

#[test]
fn an_answer_about_other_money_is_no_answer() {
    let other = [
        (
            "succeeded",
            json!({ "amount": 2_501, "amount_received": 2_501 }),
        ),
        ("succeeded", json!({ "amount_received": 2_499 })),
        ("succeeded", json!({ "currency": "eur" })),
        ("processing", json!({ "amount": 250_000 })),
        ("processing", json!({ "currency": null })),
    ];
    for (status, fields) in other {
        let answer = outcome_of_charge(&intent_with(status, fields.clone()), ASKED);
        assert_eq!(answer, Err(GatewayError::OtherAmount), "{fields}");
    }
    for received in [json!(null), json!(0), json!(-2_500)] {
        let fields = json!({ "amount_received": received });
        let answer = outcome_of_charge(&intent_with("succeeded", fields), ASKED);
        assert_eq!(answer, Err(GatewayError::Unreadable));
    }
}

#[test]
fn a_declined_card_is_declined_with_its_intent() {
    let refusal = refusal(json!({
        "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
        "payment_intent": intent_value("requires_payment_method"),
    }));
    let reason = DeclineReason::InsufficientFunds;
    let expected = Outcome::Declined {
        intent: Some(id()),
        reason,
    };
    assert_eq!(refused_charge(&refusal, ASKED), Ok(expected));
}

#[test]
fn a_refusal_around_money_that_moved_is_not_believed() {
    for kind in ["card_error", "invalid_request_error"] {
        let around = |inside: Value| {
            refusal(json!({ "type": kind, "code": "card_declined", "payment_intent": inside }))
        };
        let paid = refused_charge(&around(intent_value("succeeded")), ASKED);
        assert!(
            matches!(paid, Ok(Outcome::Succeeded(_))),
            "{kind}: {paid:?}"
        );
        let pending = refused_charge(&around(intent_value("processing")), ASKED);
        assert_eq!(pending, Ok(Outcome::Processing { intent: id() }), "{kind}");
        let other = json!({ "id": "pi_1", "amount": 1, "currency": "usd",
            "status": "requires_payment_method" });
        assert_eq!(
            refused_charge(&around(other), ASKED),
            Err(GatewayError::OtherAmount)
        );
    }
}

#[test]
fn a_faulty_request_is_refused_with_a_code_and_no_text_of_the_gateways() {
    let missing = refusal(
        json!({ "type": "invalid_request_error", "code": "resource_missing",
        "message": "No such PaymentMethod: 'pm_x'" }),
    );
    let expected = Outcome::Refused {
        code: "resource_missing".into(),
    };
    assert_eq!(refused_charge(&missing, ASKED), Ok(expected));
    let odd = refusal(json!({ "type": "invalid_request_error", "code": "a b\n<i>".repeat(50) }));
    let Ok(Outcome::Refused { code }) = refused_charge(&odd, ASKED) else {
        panic!("refused")
    };
    assert!(code.len() <= 80 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let without_code = refusal(json!({ "type": "invalid_request_error" }));
    let expected = Outcome::Refused {
        code: "invalid_request".into(),
    };
    assert_eq!(refused_charge(&without_code, ASKED), Ok(expected));
}

#[test]
fn a_card_is_kept_without_its_number() {
    let method = |card: Value| -> PaymentMethod {
        serde_json::from_value(json!({ "id": "pm_1", "card": card })).unwrap()
    };
    let usual = json!({ "brand": "eftpos_au", "last4": "4242", "exp_month": 4, "exp_year": 2031,
        "country": "United States" });
    let card = charged_method(&method(usual)).unwrap().unwrap();
    assert_eq!(
        (card.card.brand, card.card.country, card.attached),
        (CardBrand::Other, None, false)
    );
    let number = json!({ "last4": "4242424242424242", "exp_month": 4, "exp_year": 2031 });
    assert_eq!(
        charged_method(&method(number)),
        Err(GatewayError::Unreadable)
    );
    assert_eq!(charged_method(&method(Value::Null)), Ok(None));
}

#[test]
fn only_a_web_address_is_shown_as_the_banks_page() {
    for url in [
        "javascript:alert(1)",
        "data:text/html,x",
        "//bank.example",
        "",
    ] {
        let fields = json!({ "next_action": { "redirect_to_url": { "url": url } } });
        let answer = outcome(&intent_with("requires_action", fields));
        assert_eq!(
            answer,
            Ok(Outcome::RequiresAction {
                intent: id(),
                url: None
            }),
            "{url}"
        );
    }
}

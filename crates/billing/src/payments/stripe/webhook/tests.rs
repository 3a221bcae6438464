use proptest::prelude::*;

use super::*;

const BODY: &[u8] = br#"{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1795413600,"data":{"object":{"id":"pi_1","object":"payment_intent","metadata":{"top_up_id":"01932f6e-7c1a-7000-8000-0123456789ab"}}}}"#;
const SIGNED_AT: i64 = 1_795_413_601;
const SECRET: &str = "whsec_test_secret";
const NEXT_SECRET: &str = "whsec_the_next_secret";
// Computed with Python's `hmac`, not with the code under test.
const BY_SECRET: &str = "e256fcd5e9c7f0f2566e3850f21919bd20239bace74b164df955440360839923";
const BY_NEXT_SECRET: &str = "e4b6950330f218871de5265c8b7121c587e7bc8d7e0ba38a6e3400d926a9169b";

fn secrets(texts: &[&str]) -> Vec<SecretString> {
    texts.iter().map(|text| SecretString::from(*text)).collect()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).unwrap()
}

fn header(signature: &str) -> String {
    format!("t={SIGNED_AT},v1={signature}")
}

fn verify_body(body: &[u8]) -> Result<Notice, SignatureError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{SIGNED_AT}.").as_bytes());
    mac.update(body);
    let signature = hex::encode(mac.finalize().into_bytes());
    verify(
        body,
        &header(&signature),
        &secrets(&[SECRET]),
        at(SIGNED_AT),
    )
}

fn event(body: &[u8]) -> GatewayEvent {
    match verify_body(body) {
        Ok(Notice::Event(event)) => event,
        other => panic!("no event: {other:?}"),
    }
}

#[test]
fn a_signed_event_is_read() {
    let notice = verify(BODY, &header(BY_SECRET), &secrets(&[SECRET]), at(SIGNED_AT));
    let expected = GatewayEvent {
        id: "evt_1".into(),
        kind: "payment_intent.succeeded".into(),
        occurred_at: at(1_795_413_600),
        intent: Some("pi_1".parse().unwrap()),
        top_up: Some("01932f6e-7c1a-7000-8000-0123456789ab".parse().unwrap()),
        object: Some("pi_1".into()),
        method: None,
    };
    assert_eq!(notice, Ok(Notice::Event(expected)));
}

#[test]
fn one_wrong_byte_is_enough_to_refuse() {
    let secrets = secrets(&[SECRET]);
    for place in 0..BODY.len() {
        let mut body = BODY.to_vec();
        body[place] ^= 1;
        let refused = verify(&body, &header(BY_SECRET), &secrets, at(SIGNED_AT));
        assert_eq!(refused, Err(SignatureError::NoMatch), "byte {place}");
    }
    let other_time = format!("t={},v1={BY_SECRET}", SIGNED_AT + 1);
    let refused = verify(BODY, &other_time, &secrets, at(SIGNED_AT));
    assert_eq!(refused, Err(SignatureError::NoMatch));
    let other_signature = header(&BY_SECRET.replacen('e', "f", 1));
    let refused = verify(BODY, &other_signature, &secrets, at(SIGNED_AT));
    assert_eq!(refused, Err(SignatureError::NoMatch));
}

#[test]
fn the_time_may_be_five_minutes_off_either_way_and_no_more() {
    let verify_at = |now| verify(BODY, &header(BY_SECRET), &secrets(&[SECRET]), at(now)).err();
    assert_eq!(verify_at(SIGNED_AT + 300), None);
    assert_eq!(verify_at(SIGNED_AT - 300), None);
    assert_eq!(verify_at(SIGNED_AT + 301), Some(SignatureError::TooOld));
    assert_eq!(
        verify_at(SIGNED_AT - 301),
        Some(SignatureError::FromTheFuture)
    );
}

#[test]
fn while_a_secret_rolls_either_side_may_have_both() {
    let both = format!("t={SIGNED_AT},v1={BY_NEXT_SECRET},v1={BY_SECRET}");
    let cases: [(&str, &[&str], bool); 6] = [
        (&header(BY_SECRET), &[NEXT_SECRET, SECRET], true),
        (&header(BY_NEXT_SECRET), &[NEXT_SECRET, SECRET], true),
        (&both, &[SECRET], true),
        (&both, &[NEXT_SECRET], true),
        (&header(BY_SECRET), &[NEXT_SECRET], false),
        (&both, &["whsec_somebody_elses"], false),
    ];
    for (header, known, accepted) in cases {
        let result = verify(BODY, header, &secrets(known), at(SIGNED_AT));
        assert_eq!(result.is_ok(), accepted, "{header} with {known:?}");
    }
}

#[test]
fn nobody_is_believed_without_a_secret() {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"").unwrap();
    mac.update(format!("{SIGNED_AT}.").as_bytes());
    mac.update(BODY);
    let by_nothing = header(&hex::encode(mac.finalize().into_bytes()));
    for known in [&[][..], &[""]] {
        let refused = verify(BODY, &by_nothing, &secrets(known), at(SIGNED_AT));
        assert_eq!(refused, Err(SignatureError::NoMatch));
    }
}

#[test]
fn a_header_of_another_shape_is_refused() {
    let too_many = format!(
        "t=1{}",
        format!(",v1={BY_SECRET}").repeat(MAX_SIGNATURES + 1)
    );
    let cases = [
        "",
        "t=1795413601",
        &format!("v1={BY_SECRET}"),
        &format!("t=,v1={BY_SECRET}"),
        &format!("t=-1,v1={BY_SECRET}"),
        &format!("t=+1,v1={BY_SECRET}"),
        &format!("t=1e9,v1={BY_SECRET}"),
        &format!("t=99999999999999999999,v1={BY_SECRET}"),
        &format!("t=1,t=2,v1={BY_SECRET}"),
        &format!("t=1;v1={BY_SECRET}"),
        "t=1,v1=abc",
        "t=1,v1=zz56fcd5e9c7f0f2566e3850f21919bd20239bace74b164df955440360839923",
        "t=1,v1",
        &format!("t=1,v0={BY_SECRET}"),
        &too_many,
    ];
    for case in cases {
        let refused = verify(BODY, case, &secrets(&[SECRET]), at(SIGNED_AT));
        assert_eq!(refused, Err(SignatureError::Malformed), "{case:?}");
    }
}

#[test]
fn other_schemes_beside_ours_are_passed_over() {
    let header = format!("t={SIGNED_AT}, v0=abc, v1={BY_SECRET},v2=whatever");
    assert!(verify(BODY, &header, &secrets(&[SECRET]), at(SIGNED_AT)).is_ok());
}

#[test]
fn an_event_about_something_that_belongs_to_a_charge_names_the_charge() {
    let dispute = br#"{"id":"evt_2","type":"charge.dispute.created","created":1,
        "data":{"object":{"id":"du_1","payment_intent":"pi_7","metadata":{}}}}"#;
    assert_eq!(event(dispute).intent, Some("pi_7".parse().unwrap()));
    let expanded = br#"{"id":"evt_3","type":"refund.updated","created":1,
        "data":{"object":{"id":"re_1","payment_intent":{"id":"pi_8"}}}}"#;
    assert_eq!(event(expanded).intent, Some("pi_8".parse().unwrap()));
}

#[test]
fn an_event_of_a_kind_we_do_not_know_is_still_an_event() {
    let unknown = br#"{"id":"evt_4","type":"v9.moon.landed","created":1,"data":{"object":[1,2]},
        "new":{"a":null}}"#;
    let moon = event(unknown);
    assert_eq!(
        (moon.kind.as_str(), moon.intent, moon.top_up),
        ("v9.moon.landed", None, None)
    );
    let customer = br#"{"id":"evt_5","type":"customer.created","created":1,
        "data":{"object":{"id":"cus_1","metadata":{"top_up_id":7}}}}"#;
    assert_eq!(event(customer).intent, None);
}

#[test]
fn what_is_signed_but_no_event_is_told_apart_from_a_forgery() {
    for body in [
        &b""[..],
        b"[]",
        b"{",
        br#"{"id":"evt_1"}"#,
        br#"{"type":"a","created":1}"#,
        br#"{"id":"","type":"a","created":1}"#,
        b"\xff\xfe",
    ] {
        let unreadable = Notice::Unreadable {
            signed_at: at(SIGNED_AT),
        };
        assert_eq!(verify_body(body), Ok(unreadable), "{body:?}");
    }
}

proptest! {
    #[test]
    fn no_header_and_no_body_makes_it_panic(
        header in prop_oneof![
            ".{0,80}",
            "(t=[0-9+-]{0,22}|v1=[0-9a-zA-Z]{0,70}|v0=.{0,8})(,(t=[0-9]{0,22}|v1=[0-9a-f]{64})){0,4}",
        ],
        body in prop::collection::vec(any::<u8>(), 0..64),
        now in -9_000_000_000_i64..9_000_000_000,
    ) {
        prop_assert!(verify(&body, &header, &secrets(&[SECRET]), at(now)).is_err());
    }

    #[test]
    fn whatever_is_signed_is_read_or_refused_without_panic(
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let _ = verify_body(&body);
    }
}

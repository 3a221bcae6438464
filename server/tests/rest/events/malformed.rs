//! `POST /v1/events`: what is refused, with which words, and that nothing of it is kept.

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::tenant::{event, told};
use crate::support::with_server;

/// What is sent, and what is answered: status, code, param.
struct Case {
    name: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    param: Option<&'static str>,
}

fn case(
    name: &'static str,
    body: impl Into<Vec<u8>>,
    code: &'static str,
    param: impl Into<Option<&'static str>>,
) -> Case {
    let content_type = "application/json";
    Case {
        name,
        content_type,
        body: body.into(),
        status: 400,
        code,
        param: param.into(),
    }
}

/// The example with one member replaced, at a path such as `data.model`; no value removes it.
fn with(path: &str, value: Option<&str>) -> String {
    let mut whole = event("malformed");
    let (object, name) = match path.split_once('.') {
        Some((outer, inner)) => (&mut whole[outer], inner),
        None => (&mut whole, path),
    };
    let members = object.as_object_mut().unwrap();
    members.remove(name);
    let rest = whole.to_string();
    // The value goes in as text, so that it can be what no JSON library would write.
    let Some(value) = value else { return rest };
    let member = format!(r#""{name}":{value},"#);
    let place = if path.contains('.') {
        rest.find(r#""data":{"#).unwrap() + 8
    } else {
        1
    };
    format!("{}{member}{}", &rest[..place], &rest[place..])
}

fn field(name: &'static str, path: &'static str, value: &str) -> Case {
    case(name, with(path, Some(value)), "invalid_event", path)
}

fn missing(name: &'static str, path: &'static str) -> Case {
    case(name, with(path, None), "invalid_event", path)
}

#[rustfmt::skip]
fn wrong_members() -> Vec<Case> {
    let long = format!("\"{}\"", "x".repeat(5_000));
    vec![
        missing("no id", "id"),
        missing("no source", "source"),
        missing("no type", "type"),
        missing("no version", "specversion"),
        missing("no data", "data"),
        missing("no model", "data.model"),
        missing("no input tokens", "data.input_tokens"),
        missing("no output tokens", "data.output_tokens"),
        field("another version", "specversion", r#""0.3""#),
        field("version as a number", "specversion", "1.0"),
        field("empty id", "id", r#""""#),
        field("id as a number", "id", "7"),
        field("oversize id", "id", &long),
        field("id with a zero byte", "id", r#""a\u0000b""#),
        field("empty source", "source", r#""""#),
        field("source as a list", "source", r#"["/g"]"#),
        field("type as null", "type", "null"),
        field("a time without a zone", "time", r#""2026-03-11T15:12:47""#),
        field("a time as a number", "time", "1773241967"),
        field("a time that is no day", "time", r#""2026-02-30T00:00:00Z""#),
        field("a time far ahead", "time", r#""2999-01-01T00:00:00Z""#),
        field("data as a list", "data", "[]"),
        field("data as text", "data", r#""{}""#),
        field("model as a number", "data.model", "120"),
        field("empty model", "data.model", r#""""#),
        field("oversize model", "data.model", &long),
        field("a fraction of a token", "data.input_tokens", "112.5"),
        field("a whole number written as a fraction", "data.input_tokens", "112.0"),
        field("an exponent", "data.input_tokens", "1e2"),
        field("fewer than no tokens", "data.input_tokens", "-1"),
        field("minus zero", "data.input_tokens", "-0"),
        field("more than 64 bits", "data.input_tokens", "9223372036854775808"),
        field("far more than 64 bits", "data.input_tokens", "99999999999999999999999999"),
        field("absurdly many", "data.input_tokens", "9223372036854775807"),
        field("tokens as true", "data.input_tokens", "true"),
        field("tokens as a list", "data.input_tokens", "[112]"),
        field("tokens as null", "data.input_tokens", "null"),
        field("tokens as an empty string", "data.output_tokens", r#""""#),
        field("tokens as words", "data.output_tokens", r#""many""#),
        field("tokens as a string with a sign", "data.output_tokens", r#""+44""#),
        field("tokens as a string with a space", "data.output_tokens", r#"" 44""#),
        field("tokens as a fraction in a string", "data.output_tokens", r#""44.0""#),
        field("tokens in other digits", "data.output_tokens", r#""٤٤""#),
        field("tokens as NaN in a string", "data.output_tokens", r#""NaN""#),
        field("more cached than there is", "data.cached_input_tokens", "113"),
        field("a status that is none", "data.status", "42"),
        field("a status as text", "data.status", r#""ok""#),
        field("less than no time", "data.latency_ms", "-5"),
        field("a project that is no id", "data.project_id", r#""production""#),
        field("a key that is no id", "data.api_key_id", "17"),
        field("an empty request id", "data.request_id", r#""""#),
        case("a model without a rate", with("data.model", Some(r#""gpt-none""#)), "unknown_model", "data.model"),
        case("an unknown project", with("data.project_id", Some(r#""01932f6e-7c1a-7000-8000-0123456789ab""#)), "unknown_project", "data.project_id"),
        case("an unknown key", with("data.api_key_id", Some(r#""01932f6e-7c1a-7000-8000-0123456789ab""#)), "unknown_api_key", "data.api_key_id"),
    ]
}

#[rustfmt::skip]
fn wrong_bodies() -> Vec<Case> {
    let one = event("malformed").to_string();
    let repeated = one.replacen('{', r#"{"id":"other","#, 1);
    let repeated_inside = one.replacen(r#""data":{"#, r#""data":{"input_tokens":1,"#, 1);
    let escaped = one.replacen(r#""data":{"#, r#""data":{"input\u005ftokens":1,"#, 1);
    let two_names = one.replacen(r#""data":{"#, r#""data":{"prompt_tokens":1,"#, 1);
    let second = format!("[{one},{}]", with("data.output_tokens", Some("-1")));
    let mut not_text = one.clone().into_bytes();
    not_text[one.find("malformed").unwrap()] = 0xff;
    let typed = |case: Case, content_type, status| Case { content_type, status, ..case };
    vec![
        case("nothing", "", "invalid_json", None),
        case("half of it", &one.as_bytes()[..one.len() / 2], "invalid_json", None),
        case("NaN", one.replace("112", "NaN"), "invalid_json", None),
        case("a number without end", one.replace("112", "1e400"), "invalid_json", None),
        case("not UTF-8", not_text, "invalid_json", None),
        case("too deep", "[".repeat(10_000), "invalid_json", None),
        case("two values", format!("{one}{one}"), "invalid_json", None),
        case("a name twice", repeated, "invalid_event", "id"),
        case("a name twice inside", repeated_inside, "invalid_event", "data.input_tokens"),
        case("a name twice behind an escape", escaped, "invalid_event", "data.input_tokens"),
        case("two names that disagree", two_names, "invalid_event", "data.prompt_tokens"),
        case("a number for an event", "7", "invalid_event", None),
        case("a list of numbers", "[7]", "invalid_event", "[0]"),
        case("no events", "[]", "invalid_count", None),
        case("the second of two", second, "invalid_event", "[1].data.output_tokens"),
        typed(case("a list as one event", format!("[{one}]"), "wrong_shape", None), "application/cloudevents+json", 400),
        typed(case("one event as a list", one.clone(), "wrong_shape", None), "application/cloudevents-batch+json", 400),
        typed(case("text", one.clone(), "unsupported_content_type", "content-type"), "text/plain", 415),
        typed(case("a form", one.clone(), "unsupported_content_type", "content-type"), "application/x-www-form-urlencoded", 415),
        typed(case("too large", vec![b' '; 1_100_000], "request_too_large", None), "application/json", 413),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_with_its_place_and_nothing_is_kept() {
    with_server(async |test| {
        let tenant = test.tenant("Ada").await;
        let cases: Vec<Case> = wrong_members().into_iter().chain(wrong_bodies()).collect();
        assert!(cases.len() >= 30);
        let mut failures = Vec::new();
        for case in cases {
            let (status, body) = told(tenant.report(case.content_type, case.body).await).await;
            let error = &body["error"];
            let param = case.param.map_or(Value::Null, Value::from);
            let as_expected = status.as_u16() == case.status
                && error["code"] == case.code
                && error["param"] == param
                && error["message"]
                    .as_str()
                    .is_some_and(|message| !message.is_empty());
            if !as_expected {
                failures.push(format!("{}: {status} {body}", case.name));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        assert_eq!(tenant.balance().await, "0.00");
        let proof = test.server.billing.prove().await.unwrap();
        assert_eq!((proof.events, proof.transfers), (0, 0));
        let (status, _) = told(tenant.report_json(&event("malformed")).await).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "a refused id is free again");
    })
    .await;
}

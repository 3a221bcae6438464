//! `POST /v1/events`: what is refused, with which words, and that nothing of it is kept.

use chrono::TimeDelta;
use reqwest::StatusCode;

use crate::rest::wrong::{Case, case, wrong_answer};
use crate::support::tenant::{event, told};
use crate::support::{Tenant, TestServer, with_server};

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

/// A member with a value that it may not have.
fn field(name: &'static str, path: &'static str, value: &str, says: &'static str) -> Case {
    case(name, with(path, Some(value)), "invalid_event", path, says)
}

fn missing(name: &'static str, path: &'static str) -> Case {
    case(name, with(path, None), "invalid_event", path, "is missing")
}

const TEXT: &str = "must be text that is not empty";
const LENGTH: &str = "must have 1 to 200 bytes and no control characters";
const COUNT: &str = "must be a whole number, zero or more, as a number or as digits";
const MOST: &str = "must be a whole number from 0 to 100000000";
const WHOLE: &str = "must be a whole number";
const TIME: &str = "must be an RFC 3339 time such as 2026-03-11T15:12:47Z";
const UUID: &str = "must be a UUID";
const DOLLARS: &str =
    "must be an amount of dollars, zero or more, as a number or as a decimal string";
const OBJECT: &str = "must be a JSON object";
const STATUS: &str = "must be an HTTP status from 100 to 599";
const TWICE: &str = "is there twice";
const NOT_JSON: &str = "the body is not JSON: ";

#[rustfmt::skip]
fn wrong_envelopes() -> Vec<Case> {
    let long = format!("\"{}\"", "x".repeat(5_000));
    let long_in_bytes = format!("\"{}\"", "é".repeat(101));
    vec![
        missing("no id", "id"),
        missing("no source", "source"),
        missing("no type", "type"),
        missing("no version", "specversion"),
        missing("no data", "data"),
        field("id as null", "id", "null", "is missing"),
        field("type as null", "type", "null", "is missing"),
        field("data as null", "data", "null", "is missing"),
        field("another version", "specversion", r#""0.3""#, r#"must be "1.0""#),
        field("version as a number", "specversion", "1.0", TEXT),
        field("empty id", "id", r#""""#, TEXT),
        field("id as a number", "id", "7", TEXT),
        field("id as true", "id", "true", TEXT),
        field("id as an object", "id", "{}", TEXT),
        field("oversize id", "id", &long, LENGTH),
        field("an id of few letters and too many bytes", "id", &long_in_bytes, LENGTH),
        field("id with a zero byte", "id", r#""a\u0000b""#, LENGTH),
        field("id with a line break", "id", r#""a\nb""#, LENGTH),
        field("empty source", "source", r#""""#, TEXT),
        field("source as a list", "source", r#"["/g"]"#, TEXT),
        field("oversize source", "source", &long, LENGTH),
        field("type as a number", "type", "1", TEXT),
        field("subject as a number", "subject", "7", TEXT),
        field("empty subject", "subject", r#""""#, TEXT),
        field("oversize subject", "subject", &long, LENGTH),
        field("subject with a zero byte", "subject", r#""a\u0000""#, LENGTH),
        field("a time without a zone", "time", r#""2026-03-11T15:12:47""#, TIME),
        field("a day without a time", "time", r#""2026-03-11""#, TIME),
        field("a time as a number", "time", "1773241967", TIME),
        field("a time as words", "time", r#""now""#, TIME),
        field("an empty time", "time", r#""""#, TIME),
        field("a time that is no day", "time", r#""2026-02-30T00:00:00Z""#, TIME),
        field("an hour that no day has", "time", r#""2026-02-03T25:00:00Z""#, TIME),
        field("a year of five digits", "time", r#""12026-02-03T00:00:00Z""#, TIME),
        field("a time far ahead", "time", r#""2999-01-01T00:00:00Z""#, "is more than an hour ahead"),
        field("the end of time", "time", r#""9999-12-31T23:59:59Z""#, "is more than an hour ahead"),
        case("a time before there were prices", with("time", Some(r#""1815-12-10T00:00:00Z""#)), "unknown_model", "data.model", "had no rate yet at that time"),
        case("the beginning of time", with("time", Some(r#""0001-01-01T00:00:00Z""#)), "unknown_model", "data.model", "had no rate yet at that time"),
        field("data as a list", "data", "[]", OBJECT),
        field("data as text", "data", r#""{}""#, OBJECT),
        case("empty data", with("data", Some("{}")), "invalid_event", "data.model", "is missing"),
    ]
}

#[rustfmt::skip]
fn wrong_data() -> Vec<Case> {
    let long = format!("\"{}\"", "x".repeat(5_000));
    vec![
        missing("no model", "data.model"),
        missing("no input tokens", "data.input_tokens"),
        missing("no output tokens", "data.output_tokens"),
        field("model as a number", "data.model", "120", TEXT),
        field("empty model", "data.model", r#""""#, TEXT),
        field("oversize model", "data.model", &long, LENGTH),
        field("a fraction of a token", "data.input_tokens", "112.5", COUNT),
        field("a whole number written as a fraction", "data.input_tokens", "112.0", COUNT),
        field("an exponent", "data.input_tokens", "1e2", COUNT),
        field("fewer than no tokens", "data.input_tokens", "-1", COUNT),
        field("fewer than no cached tokens", "data.cached_input_tokens", "-1", COUNT),
        field("the least of 64 bits", "data.output_tokens", "-9223372036854775808", COUNT),
        field("minus zero", "data.input_tokens", "-0", COUNT),
        field("more than 64 bits", "data.input_tokens", "9223372036854775808", COUNT),
        field("far more than 64 bits", "data.input_tokens", "99999999999999999999999999", COUNT),
        field("far more than 64 bits, as digits", "data.input_tokens", r#""99999999999999999999999999""#, COUNT),
        field("absurdly many", "data.input_tokens", "9223372036854775807", MOST),
        field("one more than the most", "data.output_tokens", "100000001", MOST),
        field("tokens as true", "data.input_tokens", "true", COUNT),
        field("tokens as a list", "data.input_tokens", "[112]", COUNT),
        field("tokens as an object", "data.input_tokens", r#"{"count":112}"#, COUNT),
        field("tokens as null", "data.input_tokens", "null", "is missing"),
        field("tokens as an empty string", "data.output_tokens", r#""""#, COUNT),
        field("tokens as words", "data.output_tokens", r#""many""#, COUNT),
        field("tokens as a string with a sign", "data.output_tokens", r#""+44""#, COUNT),
        field("tokens as a string below zero", "data.output_tokens", r#""-44""#, COUNT),
        field("tokens as a string with a space", "data.output_tokens", r#"" 44""#, COUNT),
        field("tokens as a fraction in a string", "data.output_tokens", r#""44.0""#, COUNT),
        field("tokens with a separator", "data.output_tokens", r#""1,000""#, COUNT),
        field("tokens as hexadecimal", "data.output_tokens", r#""0x2c""#, COUNT),
        field("tokens in other digits", "data.output_tokens", r#""٤٤""#, COUNT),
        field("tokens in wide digits", "data.output_tokens", r#""４４""#, COUNT),
        field("tokens as NaN in a string", "data.output_tokens", r#""NaN""#, COUNT),
        field("tokens as Infinity in a string", "data.output_tokens", r#""Infinity""#, COUNT),
        field("more cached than there is", "data.cached_input_tokens", "113", "is a part of data.input_tokens and cannot be more"),
        field("a claim as words", "data.cost", r#""free""#, DOLLARS),
        field("a claim below zero", "data.cost", "-0.01", DOLLARS),
        field("a claim below zero, as a string", "data.cost", r#""-1""#, DOLLARS),
        field("a claim as true", "data.cost", "true", DOLLARS),
        field("a claim as a list", "data.cost", "[0.1]", DOLLARS),
        field("a claim as NaN in a string", "data.cost", r#""NaN""#, DOLLARS),
        field("a claim that no book holds", "data.cost", "1e300", DOLLARS),
        field("an empty claim", "data.cost", r#""""#, DOLLARS),
        field("a status that is none", "data.status", "42", STATUS),
        field("a status below zero", "data.status", "-200", STATUS),
        field("a status above all", "data.status", "600", STATUS),
        field("a status as text", "data.status", r#""ok""#, WHOLE),
        field("a status as a fraction", "data.status", "200.5", WHOLE),
        field("less than no time", "data.latency_ms", "-5", "must be from 0 to 86400000"),
        field("more than a day", "data.latency_ms", "86400001", "must be from 0 to 86400000"),
        field("a fraction of a millisecond", "data.latency_ms", "0.5", WHOLE),
        field("a project that is no id", "data.project_id", r#""production""#, UUID),
        field("a project as an object", "data.project_id", "{}", UUID),
        field("a project's id without its hyphens", "data.project_id", r#""01932f6e7c1a700080000123456789ab""#, UUID),
        field("a key that is no id", "data.api_key_id", "17", UUID),
        field("an empty request id", "data.request_id", r#""""#, TEXT),
        field("a request id as a number", "data.request_id", "7", TEXT),
        field("an oversize request id", "data.request_id", &long, LENGTH),
        case("a model without a rate", with("data.model", Some(r#""gpt-none""#)), "unknown_model", "data.model", "has no rate"),
        case("a model in other letters", with("data.model", Some(r#""GPT-OSS-120B""#)), "unknown_model", "data.model", "has no rate"),
        case("a model with a hidden letter", with("data.model", Some(r#""gpt-oss-120b\u200b""#)), "unknown_model", "data.model", "has no rate"),
        case("a provider's name before the model", with("data.model", Some(r#""openai/gpt-oss-120b""#)), "unknown_model", "data.model", "has no rate"),
        case("an unknown project", with("data.project_id", Some(r#""01932f6e-7c1a-7000-8000-0123456789ab""#)), "unknown_project", "data.project_id", "is not a project of this organization"),
        case("an unknown key", with("data.api_key_id", Some(r#""01932f6e-7c1a-7000-8000-0123456789ab""#)), "unknown_api_key", "data.api_key_id", "is not a key of this organization"),
    ]
}

#[rustfmt::skip]
fn wrong_bodies() -> Vec<Case> {
    let one = event("malformed").to_string();
    let put = |start: &str, more: &str| one.replacen(start, &format!("{start}{more}"), 1);
    let second = format!("[{one},{}]", with("data.output_tokens", Some("-1")));
    let mut not_text = one.clone().into_bytes();
    not_text[one.find("malformed").unwrap()] = 0xff;
    let many = format!("[{}]", vec!["{}"; 1_001].join(","));
    vec![
        case("nothing", "", "invalid_json", None, NOT_JSON),
        case("spaces", " \n\t ", "invalid_json", None, NOT_JSON),
        case("half of it", &one.as_bytes()[..one.len() / 2], "invalid_json", None, NOT_JSON),
        case("an end without a beginning", "}", "invalid_json", None, NOT_JSON),
        case("NaN", one.replace("112", "NaN"), "invalid_json", None, NOT_JSON),
        case("Infinity", one.replace("112", "Infinity"), "invalid_json", None, NOT_JSON),
        case("a number without end", one.replace("112", "1e400"), "invalid_json", None, NOT_JSON),
        case("a number with a zero before it", one.replace("112", "0112"), "invalid_json", None, NOT_JSON),
        case("a number with a plus", one.replace("112", "+112"), "invalid_json", None, NOT_JSON),
        case("a hexadecimal number", one.replace("112", "0x70"), "invalid_json", None, NOT_JSON),
        case("single quotes", one.replace('"', "'"), "invalid_json", None, NOT_JSON),
        case("names without quotes", one.replace("\"id\"", "id"), "invalid_json", None, NOT_JSON),
        case("a comma too many", format!("[{one},]"), "invalid_json", None, NOT_JSON),
        case("a comment", put("{", "/* ours */"), "invalid_json", None, NOT_JSON),
        case("a byte order mark", format!("\u{feff}{one}"), "invalid_json", None, NOT_JSON),
        case("a line break inside a string", one.replace("malformed", "mal\nformed"), "invalid_json", None, NOT_JSON),
        case("half of a pair of surrogates", one.replace("malformed", "\\ud800"), "invalid_json", None, NOT_JSON),
        case("not UTF-8", not_text, "invalid_json", None, NOT_JSON),
        case("too deep", "[".repeat(10_000), "invalid_json", None, NOT_JSON),
        case("two values", format!("{one}{one}"), "invalid_json", None, NOT_JSON),
        case("one event a line", format!("{one}\n{one}\n"), "invalid_json", None, NOT_JSON),
        case("a name twice", put("{", r#""id":"other","#), "invalid_event", "id", TWICE),
        case("data twice", put("{", r#""data":{},"#), "invalid_event", "data", TWICE),
        case("a name twice inside", put(r#""data":{"#, r#""input_tokens":1,"#), "invalid_event", "data.input_tokens", TWICE),
        case("the same value twice", put(r#""data":{"#, r#""input_tokens":112,"#), "invalid_event", "data.input_tokens", TWICE),
        case("a name twice behind an escape", put(r#""data":{"#, r#""input\u005ftokens":1,"#), "invalid_event", "data.input_tokens", TWICE),
        case("two names that disagree", put(r#""data":{"#, r#""prompt_tokens":1,"#), "invalid_event", "data.prompt_tokens", "must be the same as the other name of this count"),
        case("a number for an event", "7", "invalid_event", None, OBJECT),
        case("null for an event", "null", "invalid_event", None, OBJECT),
        case("a list of numbers", "[7]", "invalid_event", "[0]", OBJECT),
        case("a list of lists", "[[]]", "invalid_event", "[0]", OBJECT),
        case("no events", "[]", "invalid_count", None, "a request has 1 to 1000 events"),
        case("too many events", many, "too_many_events", None, "1001 events are more than the 1000 that one request may carry"),
        case("the second of two", second, "invalid_event", "[1].data.output_tokens", "event 1: data.output_tokens must be"),
    ]
}

#[rustfmt::skip]
fn wrong_types() -> Vec<Case> {
    let one = event("malformed").to_string();
    let typed = |content_type, body: &str, status, code, param: Option<&'static str>, says| Case {
        content_type,
        status,
        ..case(content_type.unwrap_or("no content type"), body, code, param, says)
    };
    let refused = |content_type| {
        typed(content_type, &one, 415, "unsupported_content_type", Some("content-type"), "send application/cloudevents+json")
    };
    let list = format!("[{one}]");
    vec![
        refused(None),
        refused(Some("text/plain")),
        refused(Some("text/json")),
        refused(Some("application/xml")),
        refused(Some("application/x-www-form-urlencoded")),
        refused(Some("multipart/form-data; boundary=x")),
        refused(Some("application/cloudevents")),
        typed(Some("application/cloudevents+json"), &list, 400, "wrong_shape", None, "carries one event"),
        typed(Some("application/cloudevents-batch+json"), &one, 400, "wrong_shape", None, "carries a list of events"),
        Case {
            content_encoding: Some("gzip"),
            status: 415,
            ..case("a compressed body", one.clone(), "unsupported_content_type", "content-encoding", "a compressed body is not taken here")
        },
        Case {
            status: 413,
            ..case("too large", vec![b' '; 1_100_000], "request_too_large", None, "at most 1 MiB")
        },
    ]
}

/// What only this moment or another organization makes wrong.
async fn wrong_here(test: &TestServer, other: &Tenant) -> Vec<Case> {
    let keys = test.server.billing.api_keys();
    let key = keys.list(other.organization).await.unwrap().remove(0).id;
    let quoted = |text: String| format!("\"{text}\"");
    let soon = test.server.billing.now() + TimeDelta::minutes(62);
    let (project, key) = (quoted(other.project.to_string()), quoted(key.to_string()));
    let soon = quoted(soon.to_rfc3339());
    vec![
        case(
            "another organization's project",
            with("data.project_id", Some(&project)),
            "unknown_project",
            "data.project_id",
            "is not a project of this organization",
        ),
        case(
            "another organization's key",
            with("data.api_key_id", Some(&key)),
            "unknown_api_key",
            "data.api_key_id",
            "is not a key of this organization",
        ),
        field(
            "a time just too far ahead",
            "time",
            &soon,
            "is more than an hour ahead",
        ),
    ]
}

/// What is not as expected of an answer, if anything is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_with_its_place_and_words_and_nothing_is_kept() {
    with_server(async |test| {
        let (tenant, other) = (test.tenant("Ada").await, test.tenant("Bob").await);
        let mut cases = wrong_envelopes();
        cases.extend(wrong_data());
        cases.extend(wrong_bodies());
        cases.extend(wrong_types());
        cases.extend(wrong_here(test, &other).await);
        assert!(cases.len() >= 60);
        let mut failures = Vec::new();
        for case in cases {
            failures.extend(wrong_answer(test, &tenant, "/v1/events", case).await);
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

//! `/v1/holds`: what is refused, with which words, and that nothing of it is kept.

use serde_json::Value;

use super::{open, request};
use crate::rest::wrong::{Case, case, wrong_answer};
use crate::support::tenant::told;
use crate::support::{Tenant, TestServer, client, with_server};

const OPENING: &str = r#"{"model":"gpt-oss-120b","input_tokens":112,"max_output_tokens":44}"#;
const CAPTURE: &str = r#"{"input_tokens":112,"output_tokens":44,"status":200}"#;

/// The example with one member replaced; no value removes it. The value goes in as text, so that
/// it can be what no JSON library would write.
fn with(example: &str, name: &str, value: Option<&str>) -> String {
    let mut members: Value = serde_json::from_str(example).unwrap();
    members.as_object_mut().unwrap().remove(name);
    let rest = members.to_string();
    let Some(value) = value else { return rest };
    let comma = if rest == "{}" { "" } else { "," };
    format!(r#"{{"{name}":{value}{comma}{}"#, &rest[1..])
}

fn field(
    example: &'static str,
    name: &'static str,
    path: &'static str,
    value: &str,
    says: &'static str,
) -> Case {
    case(
        name,
        with(example, path, Some(value)),
        "invalid_hold",
        path,
        says,
    )
}

const TEXT: &str = "must be text that is not empty";
const LENGTH: &str = "must have 1 to 200 bytes and no control characters";
const COUNT: &str = "must be a whole number, zero or more, as a number or as digits";
const MOST: &str = "must be a whole number from 0 to 100000000";
const MOST_OUTPUT: &str = "must be a whole number from 1 to 100000000";
const WHOLE: &str = "must be a whole number";
const UUID: &str = "must be a UUID";
const STATUS: &str = "must be an HTTP status from 100 to 599";
const NOT_JSON: &str = "the body is not JSON: ";

#[rustfmt::skip]
fn wrong_openings() -> Vec<Case> {
    let long = format!("\"{}\"", "x".repeat(201));
    let long_in_bytes = format!("\"{}\"", "é".repeat(101));
    let open = |name, path, value: &str, says| field(OPENING, name, path, value, says);
    vec![
        case("no model", with(OPENING, "model", None), "invalid_hold", "model", "is missing"),
        case("no input tokens", with(OPENING, "input_tokens", None), "invalid_hold", "input_tokens", "is missing"),
        open("model as null", "model", "null", "is missing"),
        open("model as a number", "model", "120", TEXT),
        open("empty model", "model", r#""""#, TEXT),
        open("oversize model", "model", &long, LENGTH),
        open("empty id", "id", r#""""#, TEXT),
        open("id as a number", "id", "7", TEXT),
        open("id as an object", "id", "{}", TEXT),
        open("oversize id", "id", &long, LENGTH),
        open("an id of few letters and too many bytes", "id", &long_in_bytes, LENGTH),
        open("id with a zero byte", "id", r#""a\u0000b""#, LENGTH),
        open("id with a line break", "id", r#""a\nb""#, LENGTH),
        open("a fraction of a token", "input_tokens", "112.5", COUNT),
        open("an exponent", "input_tokens", "1e2", COUNT),
        open("fewer than no tokens", "input_tokens", "-1", COUNT),
        open("minus zero", "input_tokens", "-0", COUNT),
        open("more than 64 bits", "input_tokens", "9223372036854775808", COUNT),
        open("the least of 64 bits", "max_output_tokens", "-9223372036854775808", COUNT),
        open("the most of 64 bits", "input_tokens", "9223372036854775807", MOST),
        open("one more than the most", "max_output_tokens", "100000001", MOST_OUTPUT),
        open("no output at all", "max_output_tokens", "0", MOST_OUTPUT),
        open("tokens as true", "max_output_tokens", "true", COUNT),
        open("tokens as a list", "max_output_tokens", "[44]", COUNT),
        open("tokens as an empty string", "max_output_tokens", r#""""#, COUNT),
        open("tokens as a string with a sign", "input_tokens", r#""+112""#, COUNT),
        open("tokens in other digits", "input_tokens", r#""٤٤""#, COUNT),
        open("tokens as NaN in a string", "input_tokens", r#""NaN""#, COUNT),
        open("a project that is no id", "project_id", r#""production""#, UUID),
        open("a key as a number", "api_key_id", "17", UUID),
        case("a model without a rate", with(OPENING, "model", Some(r#""gpt-none""#)), "unknown_model", "model", "has no rate"),
        case("a model in other letters", with(OPENING, "model", Some(r#""GPT-OSS-120B""#)), "unknown_model", "model", "has no rate"),
        case("an unknown project", with(OPENING, "project_id", Some(r#""01932f6e-7c1a-7000-8000-0123456789ab""#)), "unknown_project", "project_id", "is not a project of this organization"),
        case("an unknown key", with(OPENING, "api_key_id", Some(r#""01932f6e-7c1a-7000-8000-0123456789ab""#)), "unknown_api_key", "api_key_id", "is not a key of this organization"),
        case("two names that disagree", with(OPENING, "prompt_tokens", Some("1")), "invalid_hold", "prompt_tokens", "must be the same as the other name of this count"),
    ]
}

#[rustfmt::skip]
fn wrong_captures() -> Vec<Case> {
    let capture = |name, path, value: &str, says| field(CAPTURE, name, path, value, says);
    vec![
        case("no input tokens", with(CAPTURE, "input_tokens", None), "invalid_hold", "input_tokens", "is missing"),
        case("no output tokens", with(CAPTURE, "output_tokens", None), "invalid_hold", "output_tokens", "is missing"),
        capture("fewer than no tokens", "output_tokens", "-1", COUNT),
        capture("a fraction of a token", "output_tokens", "44.0", COUNT),
        capture("tokens as null", "output_tokens", "null", "is missing"),
        capture("more than 64 bits, as digits", "output_tokens", r#""99999999999999999999999999""#, COUNT),
        capture("one more than the most", "output_tokens", "100000001", MOST),
        capture("more cached than there is", "cached_input_tokens", "113", "is a part of input_tokens and cannot be more"),
        capture("cached tokens as words", "cached_input_tokens", r#""all""#, COUNT),
        capture("a status that is none", "status", "42", STATUS),
        capture("a status as text", "status", r#""200""#, WHOLE),
        capture("less than no time", "latency_ms", "-5", "must be from 0 to 86400000"),
        capture("a fraction of a millisecond", "latency_ms", "0.5", WHOLE),
    ]
}

#[rustfmt::skip]
fn wrong_bodies(example: &'static str) -> Vec<Case> {
    let mut not_text = example.as_bytes().to_vec();
    not_text[2] = 0xff;
    let typed = |content_type| Case {
        content_type,
        status: 415,
        ..case(content_type.unwrap_or("no content type"), example, "unsupported_content_type", "content-type", "send application/json")
    };
    vec![
        case("nothing", "", "invalid_json", None, NOT_JSON),
        case("half of it", &example.as_bytes()[..20], "invalid_json", None, NOT_JSON),
        case("NaN", example.replace("112", "NaN"), "invalid_json", None, NOT_JSON),
        case("Infinity", example.replace("112", "-Infinity"), "invalid_json", None, NOT_JSON),
        case("a number without end", example.replace("112", "1e400"), "invalid_json", None, NOT_JSON),
        case("not UTF-8", not_text, "invalid_json", None, NOT_JSON),
        case("too deep", "[".repeat(10_000), "invalid_json", None, NOT_JSON),
        case("two values", format!("{example}{example}"), "invalid_json", None, NOT_JSON),
        case("a list", format!("[{example}]"), "wrong_shape", None, "the body must be a JSON object"),
        case("null", "null", "wrong_shape", None, "the body must be a JSON object"),
        case("text", "\"hold\"", "wrong_shape", None, "the body must be a JSON object"),
        case("a name twice", example.replacen('{', r#"{"input_tokens":112,"#, 1), "invalid_hold", "input_tokens", "is there twice"),
        case("a name twice behind an escape", example.replacen('{', r#"{"input\u005ftokens":1,"#, 1), "invalid_hold", "input_tokens", "is there twice"),
        typed(None),
        typed(Some("text/plain")),
        typed(Some("application/cloudevents+json")),
        typed(Some("application/x-www-form-urlencoded")),
        Case {
            content_encoding: Some("gzip"),
            status: 415,
            ..case("a compressed body", example, "unsupported_content_type", "content-encoding", "a compressed body is not taken here")
        },
        Case {
            status: 413,
            ..case("too large", vec![b' '; 20_000], "request_too_large", None, "at most 16 KiB")
        },
    ]
}

async fn wrong_tenants(test: &TestServer, other: &Tenant) -> Vec<Case> {
    let keys = test.server.billing.api_keys();
    let key = keys.list(other.organization).await.unwrap().remove(0).id;
    let (project, key) = (format!("\"{}\"", other.project), format!("\"{key}\""));
    vec![
        case(
            "another organization's project",
            with(OPENING, "project_id", Some(&project)),
            "unknown_project",
            "project_id",
            "is not a project of this organization",
        ),
        case(
            "another organization's key",
            with(OPENING, "api_key_id", Some(&key)),
            "unknown_api_key",
            "api_key_id",
            "is not a key of this organization",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_refused_with_its_reason_and_nothing_is_written() {
    with_server(async |test| {
        let (tenant, other) = (test.tenant("Ada").await, test.tenant("Bob").await);
        tenant.add_credit("25").await;
        let hold = open(test, &tenant, &request()).await;
        let before = everything(test, &tenant).await;
        let capture = format!("/v1/holds/{}/capture", hold["id"].as_str().unwrap());
        let mut cases: Vec<(&str, Case)> = Vec::new();
        cases.extend(wrong_openings().into_iter().map(|case| ("/v1/holds", case)));
        cases.extend(
            wrong_bodies(OPENING)
                .into_iter()
                .map(|case| ("/v1/holds", case)),
        );
        let strange = wrong_tenants(test, &other).await;
        cases.extend(strange.into_iter().map(|case| ("/v1/holds", case)));
        cases.extend(wrong_captures().into_iter().map(|case| (&*capture, case)));
        cases.extend(
            wrong_bodies(CAPTURE)
                .into_iter()
                .map(|case| (&*capture, case)),
        );
        assert!(cases.len() >= 80, "{} cases", cases.len());
        let mut wrong = Vec::new();
        for (path, case) in cases {
            wrong.extend(wrong_answer(test, &tenant, path, case).await);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(everything(test, &tenant).await, before);
        assert_eq!(test.server.billing.prove().await.unwrap().events, 0);
    })
    .await;
}

async fn everything(test: &TestServer, tenant: &Tenant) -> Vec<Value> {
    let mut answers = Vec::new();
    for path in ["/v1/balance", "/v1/limits", "/v1/transactions"] {
        let request = client()
            .get(test.at(path))
            .header("x-api-key", &tenant.api_key);
        answers.push(told(request.send().await.unwrap()).await.1);
    }
    answers
}

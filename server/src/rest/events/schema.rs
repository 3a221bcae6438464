//! A usage event as the API's description tells it. What is really taken is `decode`'s, and what
//! a value may be is `billing`'s; the description is held against both by what generates requests
//! from it.
#![allow(dead_code, reason = "these are shapes to be described, never values")]
#![allow(clippy::large_enum_variant, reason = "never values")]
#![allow(unused_qualifications, reason = "the derive writes them")]

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

/// One request that ran: a CloudEvents 1.0 object. Members that are not named here are ignored,
/// and `null` is the same as leaving a member out.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageEvent, example = example)]
pub(super) struct Event {
    /// Always `1.0`.
    #[schema(pattern = "^1\\.0$", example = "1.0")]
    specversion: String,
    /// Unique within its source; at most 200 bytes, no control characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
        example = "req-7f3a"
    )]
    id: String,
    /// Who made the id; at most 200 bytes, no control characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
        example = "/gateway/eu-1"
    )]
    source: String,
    /// Any text.
    #[schema(min_length = 1, example = "inference.request")]
    r#type: String,
    /// When the request ran: it is priced by the rates in force then. Without it: when the event is
    /// received. At most an hour ahead.
    #[schema(format = DateTime)]
    time: Option<String>,
    /// For whom the request ran. It is recorded with the event.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
        example = "user-1"
    )]
    subject: Option<String>,
    data: EventData,
}

/// What the request used.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageData)]
struct EventData {
    /// A model of the rate card.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
        example = "gpt-oss-120b"
    )]
    model: String,
    /// Required, under this name or as `prompt_tokens`.
    input_tokens: Option<TokenCount>,
    /// Another name of `input_tokens`. Where both are there they must agree.
    prompt_tokens: Option<TokenCount>,
    /// Required, under this name or as `completion_tokens`.
    output_tokens: Option<TokenCount>,
    /// Another name of `output_tokens`. Where both are there they must agree.
    completion_tokens: Option<TokenCount>,
    /// The part of the input that was cached.
    cached_input_tokens: Option<TokenCount>,
    /// What you believe that it cost, in dollars. It is recorded and never charged.
    cost: Option<ClaimedDollars>,
    /// The HTTP status that the request ended with, written without a fraction.
    #[schema(minimum = 100, maximum = 599)]
    status: Option<i64>,
    /// Whole milliseconds, up to a day, written without a fraction.
    #[schema(minimum = 0, maximum = 86_400_000)]
    latency_ms: Option<i64>,
    /// A project of the organization; else `x-project-id`, or the key's own.
    #[schema(format = "uuid")]
    project_id: Option<String>,
    /// The key that made the request, by its id; else the reporting key.
    #[schema(format = "uuid")]
    api_key_id: Option<String>,
    /// Your own reference; at most 200 bytes, no control characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    request_id: Option<String>,
}

/// 1 to 1,000 events. All of them are taken, or none.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageEvents, min_items = 1, max_items = 1_000)]
pub(super) struct EventBatch(Vec<Event>);

/// One event, or a list of them.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageEventOrEvents)]
#[serde(untagged)]
pub(super) enum EventOrBatch {
    One(Event),
    Many(EventBatch),
}

fn example() -> Value {
    json!({
        "specversion": "1.0",
        "id": "req-7f3a",
        "source": "/gateway/eu-1",
        "type": "inference.request",
        "data": { "model": "gpt-oss-120b", "input_tokens": 112, "output_tokens": 44 }
    })
}

/// A whole number, as a number or as digits.
#[derive(Serialize)]
pub(in crate::rest) struct TokenCount;

impl utoipa::PartialSchema for TokenCount {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .maximum(Some(100_000_000));
        number_or_text(
            number,
            "^[0-9]{1,8}$",
            "A whole number, as a number without a fraction or as digits.",
        )
    }
}

impl ToSchema for TokenCount {}

/// Dollars, as a number or as a decimal string.
#[derive(Serialize)]
struct ClaimedDollars;

impl utoipa::PartialSchema for ClaimedDollars {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Number)
            .minimum(Some(0))
            .maximum(Some(1_000_000_000));
        let digits = "^[0-9]{1,9}(\\.[0-9]{1,18})?$";
        number_or_text(
            number,
            digits,
            "Dollars, as a number or as a decimal string.",
        )
    }
}

impl ToSchema for ClaimedDollars {}

pub(in crate::rest) fn number_or_text(
    number: ObjectBuilder,
    digits: &str,
    text: &str,
) -> RefOr<Schema> {
    let written = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(digits));
    OneOfBuilder::new()
        .item(number)
        .item(written)
        .description(Some(text))
        .into()
}

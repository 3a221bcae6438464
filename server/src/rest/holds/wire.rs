//! Holds as the API writes them and as its description tells what it reads.
#![allow(unused_qualifications, reason = "the derive writes them")]

use billing::{Hold, HoldState};
use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::{Value, json};
use types::money::Dollars;
use types::time::Timestamp;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::rest::events::schema::{TokenCount, number_or_text};

/// A hold as it is now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hold)]
pub(crate) struct HoldBody {
    /// Also the id of the usage that settles it.
    #[schema(format = "uuid")]
    id: String,
    /// The `id` that was sent.
    #[schema(example = "req-7f3a")]
    client_id: Option<String>,
    /// `open`; `captured`: what was used is charged; `released`: nothing is; `expired`.
    #[schema(pattern = "^(open|captured|released|expired)$", example = "open")]
    state: &'static str,
    #[schema(format = "uuid")]
    project_id: String,
    #[schema(format = "uuid")]
    api_key_id: String,
    #[schema(example = "gpt-oss-120b")]
    model: String,
    #[schema(minimum = 0, example = 112)]
    input_tokens: i64,
    /// The most output that is covered: pass it on as the request's own maximum.
    #[schema(minimum = 1, example = 1_000)]
    max_output_tokens: i64,
    /// Whether credit covers less output than was asked for.
    limited: bool,
    /// What is set aside, in dollars: the most that such a request costs.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,9}$", example = "0.0006168")]
    amount: String,
    /// What was charged, in dollars; of a captured hold only.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,12}$", example = "0.0000432")]
    cost: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it expires, unless a heartbeat moves that.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Since when nothing is set aside for it any more.
    #[schema(format = DateTime)]
    closed_at: Option<String>,
}

impl From<Hold> for HoldBody {
    fn from(hold: Hold) -> Self {
        let cost = match hold.state {
            HoldState::Captured { cost, .. } => Some(cost.dollars()),
            HoldState::Open | HoldState::Released { .. } | HoldState::Expired { .. } => None,
        };
        Self {
            id: hold.id.to_string(),
            state: hold.state.as_str(),
            project_id: hold.project.to_string(),
            api_key_id: hold.api_key.to_string(),
            limited: hold.is_limited(),
            amount: hold.amount.dollars().exact(),
            cost: cost.map(Dollars::exact),
            created_at: instant(hold.created_at),
            expires_at: instant(hold.expires_at),
            closed_at: hold.state.closed_at().map(instant),
            client_id: hold.client_id,
            model: hold.model,
            input_tokens: hold.input_tokens,
            max_output_tokens: hold.max_output_tokens,
        }
    }
}

/// UTC, to the microsecond that is stored.
fn instant(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A request that is about to run. Members that are not named here are ignored, and `null` is the
/// same as leaving a member out.
#[allow(dead_code, reason = "a shape to be described, never a value")]
#[derive(Serialize, ToSchema)]
#[schema(as = NewHold, example = open_example)]
pub(super) struct OpenBody {
    /// Your own id of the request: the same again is the same hold. At most 200 bytes, no control
    /// characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
        example = "req-7f3a"
    )]
    id: Option<String>,
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
    /// The most output that the request may have, at least 1; more than the model can produce
    /// counts as that. Without it: what 95 of 100 of the key's last requests to the model had.
    max_output_tokens: Option<OutputCount>,
    /// A project of the organization; else `x-project-id`, or the key's own.
    #[schema(format = "uuid")]
    project_id: Option<String>,
    /// The key that makes the request, by its id; else the asking key.
    #[schema(format = "uuid")]
    api_key_id: Option<String>,
}

/// What a request really used.
#[allow(dead_code, reason = "a shape to be described, never a value")]
#[derive(Serialize, ToSchema)]
#[schema(as = Capture, example = capture_example)]
pub(super) struct CaptureBody {
    /// Required, under this name or as `prompt_tokens`.
    input_tokens: Option<TokenCount>,
    /// Another name of `input_tokens`. Where both are there they must agree.
    prompt_tokens: Option<TokenCount>,
    /// Required, under this name or as `completion_tokens`. Where it is 0 and the model's output
    /// has a price, nothing is charged.
    output_tokens: Option<TokenCount>,
    /// Another name of `output_tokens`. Where both are there they must agree.
    completion_tokens: Option<TokenCount>,
    /// The part of the input that was cached.
    cached_input_tokens: Option<TokenCount>,
    /// The HTTP status that the request ended with, written without a fraction. From 500 on,
    /// nothing is charged.
    #[schema(minimum = 100, maximum = 599)]
    status: Option<i64>,
    /// Whole milliseconds, up to a day, written without a fraction.
    #[schema(minimum = 0, maximum = 86_400_000)]
    latency_ms: Option<i64>,
}

/// A whole number from 1, as a number or as digits.
#[derive(Serialize)]
struct OutputCount;

impl utoipa::PartialSchema for OutputCount {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(100_000_000));
        number_or_text(
            number,
            "^[1-9][0-9]{0,7}$",
            "A whole number from 1, as a number without a fraction or as digits.",
        )
    }
}

impl ToSchema for OutputCount {}

fn open_example() -> Value {
    json!({ "model": "gpt-oss-120b", "input_tokens": 112, "max_output_tokens": 1_000 })
}

fn capture_example() -> Value {
    json!({ "input_tokens": 112, "output_tokens": 44, "status": 200, "latency_ms": 412 })
}

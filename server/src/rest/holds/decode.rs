//! From JSON to what is asked of holds: as strict and as lenient as usage events are read.

use axum::extract::rejection::BytesRejection;
use billing::{CaptureHold, OpenHold};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use crate::rest::error::ApiError;
use crate::rest::events::decode::{FieldError, Members, tokens};
use crate::rest::events::json::Node;

/// The largest request: its longest texts, escaped, with room to spare.
pub(super) const MAX_HOLD_BYTES: usize = 16 * 1024;

pub(super) fn open(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<OpenHold, ApiError> {
    read(headers, body, |members| {
        Ok(OpenHold {
            id: members.optional_text("id")?,
            model: members.text("model")?,
            input_tokens: members.count(["input_tokens", "prompt_tokens"])?,
            max_output_tokens: members.optional_count("max_output_tokens")?,
            project: members.optional_id("project_id")?,
            api_key: members.optional_id("api_key_id")?,
        })
    })
}

pub(super) fn capture(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<CaptureHold, ApiError> {
    read(headers, body, |members| {
        Ok(CaptureHold {
            tokens: tokens(members)?,
            status: members.optional_whole("status")?,
            latency_ms: members.optional_whole("latency_ms")?,
        })
    })
}

fn read<T>(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    of: impl FnOnce(&Members<'_>) -> Result<T, FieldError>,
) -> Result<T, ApiError> {
    expect_json(headers)?;
    let body = body.map_err(|rejection| unreadable(&rejection))?;
    let node: Node = serde_json::from_slice(&body).map_err(|error| {
        ApiError::invalid("invalid_json", format!("the body is not JSON: {error}"))
    })?;
    let Node::Object(object) = node else {
        let message = "the body must be a JSON object";
        return Err(ApiError::invalid("wrong_shape", message));
    };
    Members::of(&object, "")
        .and_then(|members| of(&members))
        .map_err(|fault| {
            let answer = ApiError::invalid("invalid_hold", fault.to_string());
            answer.at(fault.name)
        })
}

fn expect_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let refuse = |message, header: &str| {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Err(ApiError::new(status, "unsupported_content_type", message).at(header))
    };
    if headers.contains_key(CONTENT_ENCODING) {
        return refuse("a compressed body is not taken here", "content-encoding");
    }
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = given.and_then(|value| value.split(';').next());
    if essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json")) {
        Ok(())
    } else {
        refuse("send application/json", "content-type")
    }
}

fn unreadable(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let message = "a request about a hold may be at most 16 KiB";
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message);
    }
    ApiError::invalid(
        "unreadable_body",
        "the request's body could not be read to its end",
    )
}

//! Which shapes a request's content type allows.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use crate::rest::error::ApiError;

/// What the body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `application/cloudevents+json`: one event.
    One,
    /// `application/cloudevents-batch+json`: a list.
    Many,
    /// `application/json`: either.
    Either,
}

impl Shape {
    /// # Errors
    /// 415 for any other content type, and for a compressed body.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(unsupported("a compressed body is not taken here").at("content-encoding"));
        }
        let given = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = given
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/cloudevents+json" => Ok(Self::One),
            "application/cloudevents-batch+json" => Ok(Self::Many),
            "application/json" => Ok(Self::Either),
            _ => Err(unsupported(
                "send application/cloudevents+json, application/cloudevents-batch+json \
                 or application/json",
            )
            .at("content-type")),
        }
    }
}

fn unsupported(message: &'static str) -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_content_type",
        message,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_is_read_without_its_parameters_and_case() {
        let cases = [
            (
                "application/cloudevents+json; charset=utf-8",
                Some(Shape::One),
            ),
            ("Application/CloudEvents-Batch+JSON", Some(Shape::Many)),
            ("application/json", Some(Shape::Either)),
            ("text/plain", None),
            ("application/x-www-form-urlencoded", None),
            ("", None),
        ];
        for (value, expected) in cases {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(Shape::of(&headers).ok(), expected, "{value}");
        }
    }
}

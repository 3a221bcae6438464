//! A panic answers one request with 500 and leaves the others alone.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::rest::error::ApiError;

/// What the panic said is logged, never told.
pub(crate) fn answer(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("something that is not text");
    tracing::error!(said, "a handler panicked");
    ApiError::broken().into_response()
}

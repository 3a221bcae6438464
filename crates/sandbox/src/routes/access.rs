//! Owns who may do what: the secret key everything, the publishable key what a browser needs.

use axum::http::{HeaderMap, header};
use base64::Engine;
use subtle::ConstantTimeEq;

use crate::Processor;
use crate::errors::ApiError;
use crate::form::Form;
use crate::pipeline::Answer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Secret,
    Publishable,
}

impl Processor {
    pub(super) fn access(&self, key: &str) -> Result<Access, ApiError> {
        if secrets_match(&self.keys.secret, key) {
            Ok(Access::Secret)
        } else if secrets_match(&self.keys.publishable, key) {
            Ok(Access::Publishable)
        } else {
            Err(ApiError::unauthorized("Invalid API Key provided."))
        }
    }

    /// What a browser may read: an intent whose client secret it knows, without the merchant's
    /// own notes.
    pub(super) async fn read_with_client_secret(
        &self,
        path: &str,
        form: &Form,
    ) -> Result<Answer, ApiError> {
        let is_intent = ["/v1/payment_intents/", "/v1/setup_intents/"]
            .iter()
            .any(|start| path.strip_prefix(start).is_some_and(|id| !id.contains('/')));
        let Some(secret) = form.text("client_secret") else {
            return Err(secret_key_required());
        };
        if !is_intent {
            return Err(secret_key_required());
        }
        let none = Form::parse(b"")?;
        let mut intent = self.read(path, &none).await?;
        if !secrets_match(intent["client_secret"].as_str().unwrap_or_default(), secret) {
            let message = "The client_secret provided does not match the client_secret associated \
                           with this intent.";
            return Err(ApiError::refused("resource_missing", message).with_param("client_secret"));
        }
        if let Some(intent) = intent.as_object_mut() {
            for name in [
                "application",
                "customer",
                "latest_charge",
                "metadata",
                "on_behalf_of",
            ] {
                intent.remove(name);
            }
        }
        Ok(Answer::ok(&intent))
    }
}

pub(super) fn secret_key_required() -> ApiError {
    let message = "This API call cannot be made with a publishable API key. Please use a secret \
                   API key.";
    ApiError::unauthorized(message).with_code("secret_key_required")
}

/// Compares in a time that does not tell how much was right.
pub(crate) fn secrets_match(ours: &str, theirs: &str) -> bool {
    !ours.is_empty() && bool::from(ours.as_bytes().ct_eq(theirs.as_bytes()))
}

/// The API key from `Bearer` or from the user name of `Basic`.
pub(super) fn key_of(headers: &HeaderMap) -> Result<String, ApiError> {
    let missing = || {
        ApiError::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization \
             header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    };
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let (scheme, credentials) = value.and_then(|v| v.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(credentials.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::engine::general_purpose::STANDARD.decode(credentials.trim());
        let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        return decoded
            .and_then(|text| text.split(':').next().map(str::to_owned))
            .ok_or_else(missing);
    }
    Err(missing())
}

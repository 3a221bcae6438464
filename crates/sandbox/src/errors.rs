//! Owns the shape of an error answer: `{"error": {"type", "code", "decline_code", …}}`.
//! Does not own when an error is due.

use serde_json::{Map, Value, json};

/// What a refused call answers. Texts never repeat what the caller sent as a card number.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) reach: Reach,
    /// Apart, so that a `Result` stays small.
    details: Box<Details>,
}

#[derive(Debug, Clone)]
struct Details {
    kind: &'static str,
    code: Option<String>,
    decline_code: Option<String>,
    message: String,
    param: Option<String>,
    /// Objects inside the error: `payment_intent`, `payment_method`, `setup_intent`, `charge`.
    inside: Map<String, Value>,
    vanished_attempt: Option<String>,
}

/// How far a refused call came; decides what is written down and whether its key is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The parameters were wrong: nothing ran, and the idempotency key stays free.
    Parameters,
    /// It ran and was refused without a trace, apart from the answer under its key.
    Refused,
    /// It ran, and the refusal itself is history (a declined charge): everything is kept.
    Recorded,
    /// The caller gets no proper answer and nothing was done; the same key starts over.
    Vanished,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, message: impl Into<String>, reach: Reach) -> Self {
        let details = Details {
            kind,
            code: None,
            decline_code: None,
            message: message.into(),
            param: None,
            inside: Map::new(),
            vanished_attempt: None,
        };
        Self {
            status,
            reach,
            details: Box::new(details),
        }
    }

    pub(crate) fn parameter(param: &str, code: &str, message: impl Into<String>) -> Self {
        let error = Self::new(400, "invalid_request_error", message, Reach::Parameters);
        let error = error.with_param(param);
        if code.is_empty() {
            error
        } else {
            error.with_code(code)
        }
    }

    pub(crate) fn missing(param: &str) -> Self {
        let message = format!("Missing required param: {param}.");
        Self::parameter(param, "parameter_missing", message)
    }

    /// The call is well-formed, but the state of things does not allow it.
    pub(crate) fn refused(code: &str, message: impl Into<String>) -> Self {
        let error = Self::new(400, "invalid_request_error", message, Reach::Refused);
        if code.is_empty() {
            error
        } else {
            error.with_code(code)
        }
    }

    /// An object in the path that does not exist: 404. See `no_such_param` for parameters.
    pub(crate) fn no_such(noun: &str, id: &str) -> Self {
        let message = format!("No such {noun}: '{}'", shortened(id));
        Self::new(404, "invalid_request_error", message, Reach::Refused)
            .with_code("resource_missing")
            .with_param("id")
    }

    /// An object named by a parameter that does not exist: 400, as Stripe answers.
    pub(crate) fn no_such_param(noun: &str, id: &str, param: &str) -> Self {
        Self {
            status: 400,
            ..Self::no_such(noun, id).with_param(param)
        }
    }

    pub(crate) fn unknown_route(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {}).", shortened(path));
        Self::new(404, "invalid_request_error", message, Reach::Parameters)
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "invalid_request_error", message, Reach::Parameters)
    }

    pub(crate) fn card(code: &str, decline_code: Option<&str>, message: &str) -> Self {
        let mut error = Self::new(402, "card_error", message, Reach::Refused).with_code(code);
        error.details.decline_code = decline_code.map(str::to_owned);
        error
    }

    pub(crate) fn idempotency(status: u16, message: impl Into<String>) -> Self {
        Self::new(status, "idempotency_error", message, Reach::Parameters)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, "invalid_request_error", message, Reach::Parameters)
    }

    pub(crate) fn lost_answer() -> Self {
        let message = "An unknown error occurred";
        Self::new(500, "api_error", message, Reach::Vanished)
    }

    pub(crate) fn vanished(attempt: String) -> Self {
        let mut error = Self::lost_answer();
        error.details.vanished_attempt = Some(attempt);
        error
    }

    /// The attempt to remember, so that its repetition goes through.
    pub(crate) fn vanished_attempt(&self) -> Option<&str> {
        self.details.vanished_attempt.as_deref()
    }

    pub(crate) fn with_code(mut self, code: &str) -> Self {
        self.details.code = Some(code.to_owned());
        self
    }

    pub(crate) fn with_param(mut self, param: &str) -> Self {
        self.details.param = Some(param.to_owned());
        self
    }

    pub(crate) fn with(mut self, name: &str, object: Value) -> Self {
        self.details.inside.insert(name.to_owned(), object);
        self
    }

    pub(crate) fn recorded(mut self) -> Self {
        self.reach = Reach::Recorded;
        self
    }

    /// The value of `error`, as also kept in `last_payment_error`.
    pub(crate) fn object(&self) -> Value {
        let mut object = self.details.inside.clone();
        object.insert("type".into(), json!(self.details.kind));
        object.insert("message".into(), json!(self.details.message));
        if let Some(code) = &self.details.code {
            object.insert("code".into(), json!(code));
            let page = code.replace('_', "-");
            object.insert(
                "doc_url".into(),
                json!(format!("https://stripe.com/docs/error-codes/{page}")),
            );
        }
        if let Some(decline_code) = &self.details.decline_code {
            object.insert("decline_code".into(), json!(decline_code));
        }
        if let Some(param) = &self.details.param {
            object.insert("param".into(), json!(param));
        }
        Value::Object(object)
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "error": self.object() })
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "the sandbox's store failed");
        Self::lost_answer()
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(%error, "the sandbox's store holds an object that cannot be read");
        Self::lost_answer()
    }
}

/// What a caller sent, cut to what an id can be, and without long runs of digits.
fn shortened(text: &str) -> String {
    let masked = text.chars().map(|c| {
        if c.is_ascii_digit() && text.len() < 24 {
            '*'
        } else {
            c
        }
    });
    masked.take(80).collect()
}

//! The one error that crosses from the server to a page, and how the domain's problems become it.
//!
//! Owns the three kinds that a person must be able to tell apart: refused, unknown (repeat it
//! safely), broken. Says nothing of our internals; the words are the domain's.

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};
use types::payment::PaymentField;

/// Why a server function or a page has no answer, in words for the person at the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum AppError {
    #[error("Your session has ended. Sign in again.")]
    SignedOut,
    #[error("{message}")]
    NotAllowed { message: String },
    #[error("{message}")]
    NotFound { message: String },
    /// The id is taken by something else: ask how that stands before going on.
    #[error("{message}")]
    Conflict { message: String },
    /// What was sent is refused; `field` names the input that the message belongs to.
    #[error("{message}")]
    Invalid {
        message: String,
        field: Option<String>,
    },
    #[error("{message}")]
    Throttled { message: String },
    /// It may or may not have happened: repeat it with the same id.
    #[error("{message}")]
    Unknown { message: String },
    #[error("{message}")]
    Broken { message: String },
}

impl AppError {
    /// The HTTP status that says the same to a machine.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::SignedOut => 401,
            Self::NotAllowed { .. } => 403,
            Self::NotFound { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::Invalid { .. } => 400,
            Self::Throttled { .. } => 429,
            Self::Unknown { .. } => 503,
            Self::Broken { .. } => 500,
        }
    }

    /// Whether nothing happened on the other side, for certain. Otherwise ask before repeating.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::SignedOut
            | Self::NotAllowed { .. }
            | Self::NotFound { .. }
            | Self::Invalid { .. }
            | Self::Throttled { .. } => true,
            Self::Conflict { .. } | Self::Unknown { .. } | Self::Broken { .. } => false,
        }
    }

    /// The input of a payment form that the message belongs to.
    #[must_use]
    pub fn payment_field(&self) -> Option<PaymentField> {
        let Self::Invalid {
            field: Some(field), ..
        } = self
        else {
            return None;
        };
        match field.as_str() {
            "amount" => Some(PaymentField::Amount),
            "method" | "payment_method" => Some(PaymentField::PaymentMethod),
            "card_number" => Some(PaymentField::CardNumber),
            "expiry" => Some(PaymentField::Expiry),
            "security_code" => Some(PaymentField::SecurityCode),
            "country" => Some(PaymentField::Country),
            _ => None,
        }
    }

    /// Something that must hold does not; the person is told what it means for them.
    #[must_use]
    pub fn broken() -> Self {
        Self::Broken {
            message: "Something went wrong on our side. Your money is safe. Try again in a moment."
                .to_owned(),
        }
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) => Self::Unknown {
                message: "We could not reach the server. Check your connection and try again."
                    .to_owned(),
            },
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => Self::Invalid {
                message: "The form was incomplete. Reload the page and try again.".to_owned(),
                field: None,
            },
            // An answer that we cannot read says nothing about what happened on the other side.
            ServerFnErrorErr::Deserialization(_) => Self::Unknown {
                message: "The server gave no readable answer. Try again in a moment.".to_owned(),
            },
            ServerFnErrorErr::Registration(_)
            | ServerFnErrorErr::UnsupportedRequestMethod(_)
            | ServerFnErrorErr::ServerError(_)
            | ServerFnErrorErr::MiddlewareError(_)
            | ServerFnErrorErr::Serialization(_)
            | ServerFnErrorErr::Response(_) => Self::broken(),
        }
    }
}

#[cfg(feature = "ssr")]
impl<E: billing::Problem> From<E> for AppError {
    fn from(problem: E) -> Self {
        use billing::ProblemKind;

        let message = sentence(&problem.to_string());
        match problem.kind() {
            ProblemKind::Invalid => Self::Invalid {
                message,
                field: problem.field(),
            },
            ProblemKind::NotFound => Self::NotFound { message },
            ProblemKind::Conflict => Self::Conflict { message },
            ProblemKind::NotAllowed => Self::NotAllowed { message },
            ProblemKind::Throttled { .. } => Self::Throttled { message },
            ProblemKind::Unknown => Self::Unknown { message },
            ProblemKind::Broken => Self::broken(),
        }
    }
}

/// The domain writes lower-case clauses; a page shows sentences.
#[cfg(any(feature = "ssr", test))]
pub(crate) fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let stop = if clause.ends_with(['.', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{stop}", first.to_uppercase(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_becomes_a_sentence() {
        assert_eq!(sentence("the card has expired"), "The card has expired.");
        assert_eq!(
            sentence("The least you can add is $5.00."),
            "The least you can add is $5.00."
        );
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn a_lost_answer_is_unknown_and_not_a_refusal() {
        let lost = AppError::from_server_fn_error(ServerFnErrorErr::Request("reset".into()));
        assert!(matches!(lost, AppError::Unknown { .. }));
        assert!(!lost.is_refusal());
    }

    #[test]
    fn a_failure_of_ours_does_not_promise_that_nothing_was_charged() {
        assert!(!AppError::broken().is_refusal());
        assert!(AppError::SignedOut.is_refusal());
    }
}

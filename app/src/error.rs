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
    /// The page is of another organization than the session, which all tabs share.
    #[error("You went on to another organization in another tab. Reload this page to follow.")]
    OtherOrganization,
    #[error("{message}")]
    NotAllowed { message: String },
    /// What was named is not there; `field` names the input that the message belongs to.
    #[error("{message}")]
    NotFound {
        message: String,
        field: Option<String>,
    },
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
    /// An answer came and says nothing about what happened on the other side. The site may have
    /// been replaced since this page was opened: then it becomes [`AppError::Outdated`].
    #[error("The server gave no readable answer. Reload the page and try again.")]
    Unreadable,
    /// The page is older than the site that answers.
    #[error("The site was updated while this page was open. Reload it to go on.")]
    Outdated,
}

impl AppError {
    /// The HTTP status that says the same to a machine.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::SignedOut => 401,
            Self::NotAllowed { .. } => 403,
            Self::NotFound { .. } => 404,
            Self::Conflict { .. } | Self::OtherOrganization => 409,
            Self::Invalid { .. } => 400,
            Self::Throttled { .. } => 429,
            Self::Unknown { .. } => 503,
            Self::Broken { .. } | Self::Unreadable | Self::Outdated => 500,
        }
    }

    /// Whether nothing happened on the other side, for certain. Otherwise ask before repeating.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::SignedOut
            | Self::OtherOrganization
            | Self::NotAllowed { .. }
            | Self::NotFound { .. }
            | Self::Invalid { .. }
            | Self::Throttled { .. } => true,
            Self::Conflict { .. }
            | Self::Unknown { .. }
            | Self::Broken { .. }
            | Self::Unreadable
            | Self::Outdated => false,
        }
    }

    /// The name of the input that the message belongs to.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } | Self::NotFound { field, .. } => field.as_deref(),
            Self::SignedOut
            | Self::OtherOrganization
            | Self::NotAllowed { .. }
            | Self::Conflict { .. }
            | Self::Throttled { .. }
            | Self::Unknown { .. }
            | Self::Broken { .. }
            | Self::Unreadable
            | Self::Outdated => None,
        }
    }

    /// The input of a payment form that the message belongs to.
    #[must_use]
    pub fn payment_field(&self) -> Option<PaymentField> {
        PaymentField::parse(self.field()?)
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
            ServerFnErrorErr::Deserialization(_) => Self::Unreadable,
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
            ProblemKind::NotFound => Self::NotFound {
                message,
                field: problem.field(),
            },
            ProblemKind::Conflict => Self::Conflict { message },
            ProblemKind::NotAllowed | ProblemKind::Exhausted => Self::NotAllowed { message },
            ProblemKind::Throttled { .. } => Self::Throttled { message },
            // What a person is told is not what an operator must know: here is where it is dropped.
            ProblemKind::Unknown => {
                tracing::warn!(error = %chain(&problem), "a page has no definite answer");
                Self::Unknown { message }
            }
            ProblemKind::Broken => {
                tracing::error!(error = %chain(&problem), "a page or server function failed");
                Self::broken()
            }
        }
    }
}

/// The error and its causes, on one line.
#[cfg(feature = "ssr")]
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let words: Vec<_> = causes.map(ToString::to_string).collect();
    words.join(": ")
}

/// The domain writes lower-case clauses; a page shows sentences.
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

    #[test]
    fn an_answer_that_cannot_be_read_is_no_refusal() {
        let odd = ServerFnErrorErr::Deserialization("expected `,`".into());
        let odd = AppError::from_server_fn_error(odd);
        assert_eq!(odd, AppError::Unreadable);
        assert!(!odd.is_refusal());
    }

    #[test]
    fn every_refusal_names_its_field() {
        let missing = AppError::NotFound {
            message: "Gone.".into(),
            field: Some("payment_method".into()),
        };
        assert_eq!(missing.payment_field(), Some(PaymentField::PaymentMethod));
        assert_eq!(AppError::SignedOut.payment_field(), None);
    }
}

#[cfg(test)]
#[cfg(feature = "ssr")]
mod log_tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use billing::{Problem, ProblemKind};

    use super::AppError;

    #[derive(Debug, thiserror::Error)]
    #[error("the database did not answer")]
    struct Silent(#[source] io::Error, ProblemKind);

    impl Problem for Silent {
        fn kind(&self) -> ProblemKind {
            self.1
        }

        fn code(&self) -> &'static str {
            "silent"
        }
    }

    /// What is logged while a problem becomes what a page shows, and that.
    fn logged(kind: ProblemKind) -> (String, AppError) {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || Log(Arc::clone(&writer)))
            .with_ansi(false)
            .finish();
        let error = tracing::subscriber::with_default(subscriber, || {
            AppError::from(Silent(io::Error::other("disk full"), kind))
        });
        let bytes = log.lock().unwrap().clone();
        (String::from_utf8(bytes).unwrap(), error)
    }

    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_broken_is_logged_with_its_causes_and_told_without_them() {
        let (log, error) = logged(ProblemKind::Broken);
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("ERROR"), "{log}");
        assert!(
            log.contains("the database did not answer: disk full"),
            "{log}"
        );
        assert!(!error.to_string().contains("database"), "{error}");
    }

    #[test]
    fn what_is_refused_is_the_persons_to_mend_and_not_logged() {
        assert_eq!(logged(ProblemKind::Invalid).0, "");
        let (log, _) = logged(ProblemKind::Unknown);
        assert!(log.contains("WARN"), "{log}");
    }
}

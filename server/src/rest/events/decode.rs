//! From JSON to usage events: strict, so that a wrong report is refused and not miscounted;
//! lenient only where clients are known to differ. Owns types and names; what a value may be
//! (lengths, ranges, known models) is `billing`'s.
//!
//! Token counts may be numbers or strings of digits, and `prompt_tokens` and `completion_tokens`
//! are other names of `input_tokens` and `output_tokens`. Members that we do not know are ignored.

use std::fmt;

use chrono::{DateTime, SubsecRound};
use rust_decimal::Decimal;
use types::money::Dollars;
use types::time::Timestamp;
use types::usage::{Repeat, Tokens, UsageEvent};

use super::Batch;
use super::content_type::Shape;
use super::json::{Node, Object};

/// What one request may carry; more is sent in several.
pub(super) const MAX_EVENTS: usize = 1_000;
/// The database keeps microseconds: a finer time would differ from itself when it is read back.
const TIME_DECIMALS: u16 = 6;

/// Why a body is not a list of usage events.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("the body is not JSON: {reason}")]
    NotJson { reason: String },
    #[error(
        "application/cloudevents+json carries one event; send a list as application/cloudevents-batch+json"
    )]
    NotOne,
    #[error("application/cloudevents-batch+json carries a list of events")]
    NotABatch,
    #[error("{count} events are more than the {MAX_EVENTS} that one request may carry")]
    TooMany { count: usize },
    #[error("{}{field}", position(*index, *is_batch))]
    Event {
        index: usize,
        is_batch: bool,
        field: FieldError,
    },
}

/// What is wrong with one member of an event.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::rest) struct FieldError {
    /// Its path in the event, such as `data.model`.
    pub name: String,
    pub problem: FieldProblem,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::rest) enum FieldProblem {
    Missing,
    Repeated,
    /// What it must be.
    Wrong(&'static str),
}

impl DecodeError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::NotJson { .. } => "invalid_json",
            Self::NotOne | Self::NotABatch => "wrong_shape",
            Self::TooMany { .. } => "too_many_events",
            Self::Event { .. } => "invalid_event",
        }
    }
}

fn position(index: usize, is_batch: bool) -> String {
    if is_batch {
        format!("event {index}: ")
    } else {
        String::new()
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.problem, self.name.as_str()) {
            (FieldProblem::Wrong(must_be), "") => write!(f, "an event must be {must_be}"),
            (FieldProblem::Wrong(must_be), name) => write!(f, "{name} must be {must_be}"),
            (FieldProblem::Missing, name) => write!(f, "{name} is missing"),
            (FieldProblem::Repeated, name) => write!(f, "{name} is there twice"),
        }
    }
}

/// All events of a body, or what is wrong with the first that is wrong.
///
/// # Errors
/// When the body is not JSON of the shape that its content type promises, or an event is wrong.
pub(super) fn read(body: &[u8], shape: Shape) -> Result<Batch, DecodeError> {
    let node: Node = serde_json::from_slice(body).map_err(|error| DecodeError::NotJson {
        reason: error.to_string(),
    })?;
    let (nodes, is_batch) = match (node, shape) {
        (Node::List(_), Shape::One) => return Err(DecodeError::NotOne),
        (Node::List(nodes), Shape::Many | Shape::Either) => (nodes, true),
        (_, Shape::Many) => return Err(DecodeError::NotABatch),
        (node, Shape::One | Shape::Either) => (vec![node], false),
    };
    if nodes.len() > MAX_EVENTS {
        return Err(DecodeError::TooMany { count: nodes.len() });
    }
    let events = nodes.iter().enumerate().map(|(index, node)| {
        event(node).map_err(|field| DecodeError::Event {
            index,
            is_batch,
            field,
        })
    });
    Ok(Batch {
        events: events.collect::<Result<_, _>>()?,
        is_batch,
    })
}

fn event(node: &Node) -> Result<UsageEvent, FieldError> {
    let Node::Object(object) = node else {
        return Err(wrong(String::new(), "a JSON object"));
    };
    let envelope = Members::of(object, "")?;
    if envelope.text("specversion")? != "1.0" {
        return Err(wrong("specversion".to_owned(), "\"1.0\""));
    }
    let (id, source) = (envelope.text("id")?, envelope.text("source")?);
    envelope.text("type")?;
    let occurred_at = envelope.optional_time("time")?;
    let subject = envelope.optional_text("subject")?;
    let Some(Node::Object(data)) = object.find("data") else {
        return Err(match object.find("data") {
            None => missing("data".to_owned()),
            Some(_) => wrong("data".to_owned(), "a JSON object"),
        });
    };
    let data = Members::of(data, "data.")?;
    Ok(UsageEvent {
        source,
        id,
        occurred_at,
        model: data.text("model")?,
        tokens: tokens(&data)?,
        status: data.optional_whole("status")?,
        latency_ms: data.optional_whole("latency_ms")?,
        project: data.optional_id("project_id")?,
        api_key: data.optional_id("api_key_id")?,
        request_id: data.optional_text("request_id")?,
        subject,
        claimed_cost: data.optional_dollars("cost")?,
        repeat: Repeat::Everything,
    })
}

const NOT_NEGATIVE: &str = "a whole number, zero or more, as a number or as digits";
const NO_DOLLARS: &str = "an amount of dollars, zero or more, as a number or as a decimal string";

pub(in crate::rest) fn tokens(data: &Members<'_>) -> Result<Tokens, FieldError> {
    let input = data.count(["input_tokens", "prompt_tokens"])?;
    let output = data.count(["output_tokens", "completion_tokens"])?;
    let cached_input = data.optional_count("cached_input_tokens")?.unwrap_or(0);
    Ok(Tokens {
        input,
        cached_input,
        output,
    })
}

/// The members of one object, and where it stands in the event.
pub(in crate::rest) struct Members<'a> {
    object: &'a Object,
    prefix: &'static str,
}

impl<'a> Members<'a> {
    pub(in crate::rest) fn of(
        object: &'a Object,
        prefix: &'static str,
    ) -> Result<Self, FieldError> {
        let members = Self { object, prefix };
        match &object.repeated {
            Some(name) => {
                // The name is the sender's own text: what is shown of it is cut.
                let name: String = name.chars().take(64).collect();
                Err(FieldError {
                    name: members.path(&name),
                    problem: FieldProblem::Repeated,
                })
            }
            None => Ok(members),
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(in crate::rest) fn text(&self, name: &str) -> Result<String, FieldError> {
        self.optional_text(name)?
            .ok_or_else(|| missing(self.path(name)))
    }

    pub(in crate::rest) fn optional_text(&self, name: &str) -> Result<Option<String>, FieldError> {
        match self.object.find(name) {
            None => Ok(None),
            Some(Node::Text(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(wrong(self.path(name), "text that is not empty")),
        }
    }

    fn optional_time(&self, name: &str) -> Result<Option<Timestamp>, FieldError> {
        let refused = || {
            wrong(
                self.path(name),
                "an RFC 3339 time such as 2026-03-11T15:12:47Z",
            )
        };
        match self.object.find(name) {
            None => Ok(None),
            Some(Node::Text(text)) => DateTime::parse_from_rfc3339(text)
                .map(|at| Some(at.to_utc().trunc_subsecs(TIME_DECIMALS)))
                .map_err(|_| refused()),
            Some(_) => Err(refused()),
        }
    }

    pub(in crate::rest) fn optional_id<Id: std::str::FromStr>(
        &self,
        name: &str,
    ) -> Result<Option<Id>, FieldError> {
        let refused = || wrong(self.path(name), "a UUID");
        match self.object.find(name) {
            None => Ok(None),
            Some(Node::Text(text)) => text.parse().map(Some).map_err(|_| refused()),
            Some(_) => Err(refused()),
        }
    }

    pub(in crate::rest) fn optional_whole(&self, name: &str) -> Result<Option<i64>, FieldError> {
        match self.object.find(name) {
            None => Ok(None),
            Some(Node::Integer(number)) => Ok(Some(*number)),
            Some(_) => Err(wrong(self.path(name), "a whole number")),
        }
    }

    /// What somebody believes that something costs. Nothing is computed from it.
    fn optional_dollars(&self, name: &str) -> Result<Option<Dollars>, FieldError> {
        let is_plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        let dollars: Option<Decimal> = match self.object.find(name) {
            None => return Ok(None),
            Some(Node::Integer(number)) => Some((*number).into()),
            Some(Node::OtherNumber(number)) => number.parse().ok(),
            Some(Node::Text(text)) if text.bytes().all(is_plain) => text.parse().ok(),
            Some(Node::Null | Node::Bool | Node::Text(_) | Node::List(_) | Node::Object(_)) => None,
        };
        dollars
            .filter(|dollars| *dollars >= Decimal::ZERO)
            .map(|dollars| Some(Dollars::new(dollars.normalize())))
            .ok_or_else(|| wrong(self.path(name), NO_DOLLARS))
    }

    /// A count that may be left out.
    pub(in crate::rest) fn optional_count(&self, name: &str) -> Result<Option<i64>, FieldError> {
        let found = self.object.find(name);
        found.map(|node| self.read_count(name, node)).transpose()
    }

    /// A count that has two names. Both may be there when they say the same.
    pub(in crate::rest) fn count(&self, names: [&'static str; 2]) -> Result<i64, FieldError> {
        let mut found = None;
        for name in names {
            let Some(node) = self.object.find(name) else {
                continue;
            };
            let count = self.read_count(name, node)?;
            if found.is_some_and(|first| first != count) {
                return Err(wrong(
                    self.path(name),
                    "the same as the other name of this count",
                ));
            }
            found = Some(count);
        }
        found.ok_or_else(|| missing(self.path(names[0])))
    }

    fn read_count(&self, name: &str, node: &Node) -> Result<i64, FieldError> {
        let count = match node {
            Node::Integer(number) => Some(*number),
            Node::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Node::Text(_)
            | Node::Null
            | Node::Bool
            | Node::OtherNumber(_)
            | Node::List(_)
            | Node::Object(_) => None,
        };
        count
            .filter(|count| *count >= 0)
            .ok_or_else(|| wrong(self.path(name), NOT_NEGATIVE))
    }
}

fn missing(name: String) -> FieldError {
    FieldError {
        name,
        problem: FieldProblem::Missing,
    }
}

fn wrong(name: String, must_be: &'static str) -> FieldError {
    FieldError {
        name,
        problem: FieldProblem::Wrong(must_be),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/g","type":"request",
        "time":"2026-03-11T17:12:47.1234567+02:00","subject":"user-1",
        "data":{"model":"m","prompt_tokens":"112","completion_tokens":44,"cached_input_tokens":2,"cost":1.35e-05,
                "status":200,"latency_ms":31,"request_id":"r","surprise":[{"a":1.5}]}}"#;

    #[test]
    fn an_event_is_read_by_either_name_and_as_number_or_digits() {
        let batch = read(EVENT.as_bytes(), Shape::One).unwrap();
        let event = &batch.events[0];
        assert_eq!(
            event.tokens,
            Tokens {
                input: 112,
                cached_input: 2,
                output: 44
            }
        );
        assert_eq!(
            event.occurred_at,
            Some("2026-03-11T15:12:47.123456Z".parse().unwrap())
        );
        assert_eq!((event.status, event.latency_ms), (Some(200), Some(31)));
        assert_eq!(event.subject.as_deref(), Some("user-1"));
        assert_eq!(event.claimed_cost.unwrap().exact(), "0.0000135");
        assert!(!batch.is_batch);
    }

    #[test]
    fn the_shape_must_be_the_one_that_the_content_type_promises() {
        let list = format!("[{EVENT}]");
        assert_eq!(
            read(list.as_bytes(), Shape::One).err(),
            Some(DecodeError::NotOne)
        );
        assert_eq!(
            read(EVENT.as_bytes(), Shape::Many).err(),
            Some(DecodeError::NotABatch)
        );
        assert!(read(list.as_bytes(), Shape::Either).is_ok_and(|batch| batch.is_batch));
        assert!(read(b"[]", Shape::Many).is_ok_and(|batch| batch.events.is_empty()));
    }

    #[test]
    fn an_error_names_the_event_and_the_field() {
        let list = format!("[{EVENT},{}]", EVENT.replace("44", "-1"));
        let error = read(list.as_bytes(), Shape::Many).err().unwrap();
        let expected = "event 1: data.completion_tokens must be a whole number, zero or more, \
                        as a number or as digits";
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.code(), "invalid_event");
    }

    #[test]
    fn two_names_of_a_count_must_agree() {
        let with =
            |more: &str| EVENT.replace(r#""model":"m","#, &format!(r#""model":"m",{more},"#));
        assert!(read(with(r#""input_tokens":112"#).as_bytes(), Shape::One).is_ok());
        assert!(read(with(r#""input_tokens":113"#).as_bytes(), Shape::One).is_err());
    }
}

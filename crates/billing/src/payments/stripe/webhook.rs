//! What the gateway tells of its own accord: checking that it is the gateway, and reading it.
//!
//! Owns the signature scheme (`Stripe-Signature: t=…,v1=…`, HMAC-SHA256 over `t.body`) and the few
//! fields of an event that we use. Does not own storing an event, nor applying it once: an event is
//! a hint that something changed, and the truth is asked for.
//!
//! Source: docs.stripe.com/webhooks/signature.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;
use types::ids::TopUpId;
use types::time::Timestamp;

use super::wire::Expandable;
use crate::payments::gateway::{GatewayIntent, GatewayMethod};

/// How far the time that was signed may be from ours, either way: an old notification must not be
/// played back, and one from the future was not signed by a clock we can trust.
const TOLERANCE_SECONDS: u64 = 300;
/// One signature for each secret while they roll; the gateway keeps no more than a few alive.
const MAX_SIGNATURES: usize = 16;
/// Of an object's name, as for every id of the gateway's.
const LONGEST_NAME: usize = 255;

/// What is signed by the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    Event(GatewayEvent),
    /// It is the gateway's, but no event that can be read: sending it again will not help.
    Unreadable {
        signed_at: Timestamp,
    },
}

/// An event, as far as we use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayEvent {
    /// The same at every delivery of the event: `evt_…`.
    pub id: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    pub occurred_at: Timestamp,
    /// The charge that it is about, or belongs to.
    pub intent: Option<GatewayIntent>,
    /// The top-up, where the object carries our mark.
    pub top_up: Option<TopUpId>,
    /// The gateway's name for the object that it is about.
    pub object: Option<String>,
    /// The card, where the event is about one.
    pub method: Option<GatewayMethod>,
}

/// Why a notification is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature header cannot be read")]
    Malformed,
    #[error("no signature matches any of our webhook secrets")]
    NoMatch,
    #[error("the notification was signed more than {TOLERANCE_SECONDS} seconds ago")]
    TooOld,
    #[error("the notification was signed more than {TOLERANCE_SECONDS} seconds in the future")]
    FromTheFuture,
}

/// Checks that `body` was signed with one of `secrets` around `now`, and reads it.
///
/// # Errors
/// When it was not.
pub fn verify(
    body: &[u8],
    header: &str,
    secrets: &[SecretString],
    now: Timestamp,
) -> Result<Notice, SignatureError> {
    let signed = Signed::parse(header)?;
    if !secrets.iter().any(|secret| signed.is_by(secret, body)) {
        return Err(SignatureError::NoMatch);
    }
    // Only then is the time worth anything, and the answer something a stranger may not learn.
    let age = i128::from(now.timestamp()) - i128::from(signed.seconds);
    if age.unsigned_abs() > u128::from(TOLERANCE_SECONDS) {
        let is_past = age.is_positive();
        return Err(if is_past {
            SignatureError::TooOld
        } else {
            SignatureError::FromTheFuture
        });
    }
    let signed_at = Timestamp::from_timestamp(signed.seconds, 0);
    let unreadable = Notice::Unreadable {
        signed_at: signed_at.unwrap_or(now),
    };
    Ok(read_event(body).map_or(unreadable, Notice::Event))
}

/// The header, taken apart. Schemes other than `v1` are passed over: `v0` is not secure.
struct Signed<'a> {
    /// As written: it is part of what was signed.
    time: &'a str,
    seconds: i64,
    signatures: Vec<[u8; 32]>,
}

impl<'a> Signed<'a> {
    fn parse(header: &'a str) -> Result<Self, SignatureError> {
        let mut time = None;
        let mut signatures = Vec::new();
        for item in header.split(',') {
            let (name, value) = item
                .trim()
                .split_once('=')
                .ok_or(SignatureError::Malformed)?;
            match name {
                "t" if time.is_some() => return Err(SignatureError::Malformed),
                "t" => time = Some(value),
                "v1" if signatures.len() == MAX_SIGNATURES => {
                    return Err(SignatureError::Malformed);
                }
                "v1" => {
                    let mut signature = [0_u8; 32];
                    hex::decode_to_slice(value, &mut signature)
                        .map_err(|_| SignatureError::Malformed)?;
                    signatures.push(signature);
                }
                _ => {}
            }
        }
        let time = time.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let time = time.ok_or(SignatureError::Malformed)?;
        let seconds = time.parse().map_err(|_| SignatureError::Malformed)?;
        if signatures.is_empty() {
            return Err(SignatureError::Malformed);
        }
        Ok(Self {
            time,
            seconds,
            signatures,
        })
    }

    /// Compares in constant time; how many signatures and secrets there are is no secret.
    fn is_by(&self, secret: &SecretString, body: &[u8]) -> bool {
        let secret = secret.expose_secret().as_bytes();
        // Anyone can sign with nothing.
        if secret.is_empty() {
            return false;
        }
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
        mac.update(self.time.as_bytes());
        mac.update(b".");
        mac.update(body);
        self.signatures
            .iter()
            .any(|signature| mac.clone().verify_slice(signature).is_ok())
    }
}

/// Without an id, a type and a time it is no event; all else may be missing.
fn read_event(body: &[u8]) -> Option<GatewayEvent> {
    let event: Event = serde_json::from_slice(body).ok()?;
    let object: Object = event
        .data
        .and_then(|data| serde_json::from_value(data.object).ok())
        .unwrap_or_default();
    let is_intent = event.kind.starts_with("payment_intent.");
    let is_method = event.kind.starts_with("payment_method.");
    let method = object.id.clone().filter(|_| is_method);
    let name = object.id.clone();
    let intent = match object.payment_intent {
        Some(Expandable::Id(id)) => Some(id),
        Some(Expandable::Object(intent)) => intent.id,
        None => object.id.filter(|_| is_intent),
    };
    let top_up = object
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.get("top_up_id")?.as_str());
    Some(GatewayEvent {
        id: event.id.filter(|id| !id.is_empty())?,
        occurred_at: Timestamp::from_timestamp(event.created?, 0)?,
        intent: intent.and_then(|id| id.parse().ok()),
        top_up: top_up.and_then(|id| id.parse().ok()),
        object: name.filter(|name| name.len() <= LONGEST_NAME),
        method: method.and_then(|id| id.parse().ok()),
        kind: event.kind,
    })
}

#[derive(Deserialize)]
struct Event {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    created: Option<i64>,
    data: Option<EventData>,
}

#[derive(Deserialize)]
struct EventData {
    #[serde(default)]
    object: serde_json::Value,
}

/// What we look for in any kind of object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    id: Option<String>,
    payment_intent: Option<Expandable<Object>>,
    metadata: Option<serde_json::Value>,
}

#[cfg(test)]
mod tests;

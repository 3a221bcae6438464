//! What an event said, as short as can be: whether another one says the same.
//!
//! Owns what a repeat must say again. Everybody says the model and the tokens, which are what is
//! charged. Who reports to OpenMeter may say all else differently each time; what such a report
//! said of it is compared with nothing, whichever of the two came first.

use sha2::{Digest, Sha256};
use types::usage::{Repeat, UsageEvent};

/// Bytes of each half.
const HALF: usize = 8;
/// In place of the second half, where there is nothing to compare.
const NOT_COMPARED: [u8; HALF] = [0; HALF];

/// Two halves, each the first 64 bits of a SHA-256: of the model and the tokens, and of all else.
/// Who could find two contents with the same hash is the one who reports them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContentHash(pub(crate) [u8; 2 * HALF]);

impl ContentHash {
    /// What the sender left out stays left out, so that a replay without a time is the same event.
    pub(super) fn of(event: &UsageEvent) -> Self {
        let mut charged = Content(Sha256::new());
        charged.text(Some(&event.model));
        charged.number(Some(event.tokens.input));
        charged.number(Some(event.tokens.cached_input));
        charged.number(Some(event.tokens.output));
        let rest = match event.repeat {
            Repeat::ModelAndTokens => NOT_COMPARED,
            Repeat::Everything => Content::rest_of(event),
        };
        let mut hash = [0; 2 * HALF];
        hash[..HALF].copy_from_slice(&charged.half());
        hash[HALF..].copy_from_slice(&rest);
        Self(hash)
    }

    pub(crate) fn says_the_same(self, other: Self) -> bool {
        let (charged, rest) = self.0.split_at(HALF);
        let (other_charged, other_rest) = other.0.split_at(HALF);
        let is_compared = rest != NOT_COMPARED && other_rest != NOT_COMPARED;
        charged == other_charged && (!is_compared || rest == other_rest)
    }
}

/// Parts of a content, told apart: what is left out is not what is empty or zero, and no two
/// lists of parts run together to the same bytes.
struct Content(Sha256);

impl Content {
    fn rest_of(event: &UsageEvent) -> [u8; HALF] {
        let mut rest = Self(Sha256::new());
        rest.number(event.occurred_at.map(|at| at.timestamp_micros()));
        rest.number(event.status);
        rest.number(event.latency_ms);
        rest.id(event.project.map(|id| id.as_uuid()));
        rest.id(event.api_key.map(|id| id.as_uuid()));
        rest.text(event.request_id.as_deref());
        rest.text(event.subject.as_deref());
        rest.text(event.claimed_cost.map(|cost| cost.exact()).as_deref());
        let mut half = rest.half();
        // Once in 2^64 contents it would look like nothing.
        half[0] |= u8::from(half == NOT_COMPARED);
        half
    }

    fn text(&mut self, text: Option<&str>) {
        self.number(text.map(|text| i64::try_from(text.len()).unwrap_or(i64::MAX)));
        self.0.update(text.unwrap_or_default().as_bytes());
    }

    fn number(&mut self, number: Option<i64>) {
        self.0.update([u8::from(number.is_some())]);
        self.0.update(number.unwrap_or_default().to_be_bytes());
    }

    fn id(&mut self, id: Option<uuid::Uuid>) {
        self.0.update([u8::from(id.is_some())]);
        self.0.update(id.unwrap_or_default().as_bytes());
    }

    fn half(self) -> [u8; HALF] {
        let mut half = [0; HALF];
        half.copy_from_slice(&self.0.finalize()[..HALF]);
        half
    }
}

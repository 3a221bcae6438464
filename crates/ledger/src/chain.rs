//! The hash chain: each batch of an organization seals the one before it.
//!
//! ```text
//! chain_hash = SHA-256(previous chain_hash, organization, sequence, id, source, code, balance,
//!                      booked_at, then of each transfer: id, debit, credit, amount)
//! ```
//! Each part is preceded by its length, so that no two batches run together to the same bytes.
//! Amounts are nano-dollars and times microseconds since 1970, in decimal.

use sha2::{Digest, Sha256};

/// What an organization's first batch seals.
pub(crate) const EMPTY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a batch says of itself, as it is stored.
pub(crate) struct Sealed<'a> {
    pub(crate) organization: &'a str,
    pub(crate) sequence: i64,
    pub(crate) id: &'a str,
    pub(crate) source: &'a str,
    pub(crate) code: &'a str,
    pub(crate) balance_nano: i64,
    pub(crate) booked_at: i64,
}

/// A hash in the making: the batch first, then its transfers in order.
pub(crate) struct Link(Sha256);

impl Link {
    pub(crate) fn new(previous: &str, batch: &Sealed<'_>) -> Self {
        let mut link = Self(Sha256::new());
        link.part(previous);
        link.part(batch.organization);
        link.part(&batch.sequence.to_string());
        link.part(batch.id);
        link.part(batch.source);
        link.part(batch.code);
        link.part(&batch.balance_nano.to_string());
        link.part(&batch.booked_at.to_string());
        link
    }

    pub(crate) fn transfer(&mut self, id: &str, debit: &str, credit: &str, amount_nano: i64) {
        self.part(id);
        self.part(debit);
        self.part(credit);
        self.part(&amount_nano.to_string());
    }

    /// 64 hex digits.
    pub(crate) fn seal(self) -> String {
        hex::encode(self.0.finalize())
    }

    fn part(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch<'a>(source: &'a str, code: &'a str) -> Sealed<'a> {
        Sealed {
            organization: "o",
            sequence: 1,
            id: "b",
            source,
            code,
            balance_nano: 25,
            booked_at: 0,
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        let one = Link::new(EMPTY, &batch("ab", "c")).seal();
        let other = Link::new(EMPTY, &batch("a", "bc")).seal();
        assert_ne!(one, other);
        assert_eq!(one.len(), 64);
    }

    #[test]
    fn the_hash_is_the_same_on_every_machine() {
        let mut link = Link::new(EMPTY, &batch("test:1", "test"));
        link.transfer("t", "platform:gateway_clearing", "o:prepaid", 25);
        assert_eq!(
            link.seal(),
            "baf6f9efeef8e33cc2e6a7eea4d6c6f57fd095449a7b8aa48bb46de02625239f"
        );
    }
}

//! The hash chain: each batch of an organization seals the one before it.
//!
//! ```text
//! chain_hash = SHA-256(previous chain_hash, organization, sequence, id, source, code, balance,
//!                      booked_at, then of each transfer: id, debit, credit, amount, lot;
//!                      and of a lot that the batch opens: priority, granted, expires_at)
//! ```
//! Each part is preceded by its length, so that no two batches run together to the same bytes.
//! Amounts are nano-dollars and times microseconds since 1970, in decimal. What there is none of is
//! empty.

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

/// What a transfer says of itself, as it is stored.
pub(crate) struct SealedTransfer<'a> {
    pub(crate) id: &'a str,
    pub(crate) debit: &'a str,
    pub(crate) credit: &'a str,
    pub(crate) amount_nano: i64,
    pub(crate) lot: Option<&'a str>,
    /// Where the lot came with the batch.
    pub(crate) opened: Option<SealedLot>,
}

/// What can never change of a lot.
pub(crate) struct SealedLot {
    pub(crate) priority: i64,
    pub(crate) granted_nano: i64,
    pub(crate) expires_at: Option<i64>,
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

    pub(crate) fn transfer(&mut self, transfer: &SealedTransfer<'_>) {
        self.part(transfer.id);
        self.part(transfer.debit);
        self.part(transfer.credit);
        self.part(&transfer.amount_nano.to_string());
        self.part(transfer.lot.unwrap_or_default());
        if let Some(opened) = &transfer.opened {
            self.part(&opened.priority.to_string());
            self.part(&opened.granted_nano.to_string());
            self.part(
                &opened
                    .expires_at
                    .map(|at| at.to_string())
                    .unwrap_or_default(),
            );
        }
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
        link.transfer(&SealedTransfer {
            id: "t",
            debit: "platform:gateway_clearing",
            credit: "o:prepaid",
            amount_nano: 25,
            lot: Some("l"),
            opened: Some(SealedLot {
                priority: 0,
                granted_nano: 25,
                expires_at: None,
            }),
        });
        assert_eq!(
            link.seal(),
            "6f50d6494880ef12cea1bd66c74699f7029ffb833fff15e1581b12d2d8789977"
        );
    }
}

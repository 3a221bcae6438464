//! A type for every id, so that one can never stand where another is meant.
//!
//! All are UUIDs in their hyphenated text form. New ones are version 7: they sort by the time
//! they were made, which keeps indexes compact.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text was not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id: an id is a UUID such as 01932f6e-7c1a-7000-8000-0123456789ab")]
pub struct ParseIdError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id that sorts after those made earlier.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// Wraps a UUID that the caller made or derived.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                // Only the hyphenated form: one id has one spelling.
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
                    Ok(_) | Err(_) => Err(ParseIdError { text: text.chars().take(64).collect() }),
                }
            }
        }
    )*};
}

ids! {
    /// A person who signs in.
    UserId
    /// A customer: the tenant that every row belongs to.
    OrganizationId
    /// A part of an organization that usage is booked under.
    ProjectId
    /// A key with which a gateway reports usage.
    ApiKeyId
    /// A customer's act of adding credit. Made by the browser, so that a repeat is recognised.
    TopUpId
    /// Our record of money moving.
    PaymentId
    /// The act of giving money back. Made by whoever asks, so that a repeat is recognised.
    RefundId
    /// A complaint of a card's owner at their bank.
    DisputeId
    /// A saved card.
    PaymentMethodId
    /// Transfers that commit together.
    BatchId
    /// One movement in the ledger.
    TransferId
    /// Credit that is set aside for a request, and the usage that settles it.
    HoldId
    /// Credit that came at once: with what is left of it, and until when it counts.
    LotId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let id = TopUpId::generate();
        assert_eq!(id.to_string().parse::<TopUpId>(), Ok(id));
    }

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        for text in [
            "",
            "abc",
            "01932f6e7c1a700080000123456789ab",
            "{01932f6e-7c1a-7000-8000-0123456789ab}",
        ] {
            assert!(text.parse::<TopUpId>().is_err(), "{text}");
        }
    }
}

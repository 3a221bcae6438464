//! How an event's id becomes the 16 bytes that it is looked up by.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Crockford's base 32, in which a ULID is written.
const ULID_DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What an id was before it became a key. A part of the key: ids of different forms never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum KeyForm {
    /// A UUID of version 7, hyphenated and in lower case.
    Uuid,
    /// A [ULID](https://github.com/ulid/spec), in upper case.
    Ulid,
    /// Any other text: the key is the beginning of its SHA-256.
    Hash,
}

impl KeyForm {
    pub(crate) const ALL: [Self; 3] = [Self::Uuid, Self::Ulid, Self::Hash];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Ulid => "ulid",
            Self::Hash => "hash",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == text)
    }
}

/// Ids that rise with time keep their order as keys, so that a new one goes to the end of the
/// index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EventKey {
    pub(crate) form: KeyForm,
    pub(crate) bytes: [u8; 16],
}

impl EventKey {
    pub(crate) fn of(id: &str) -> Self {
        if let Some(bytes) = uuid_v7(id) {
            return Self {
                form: KeyForm::Uuid,
                bytes,
            };
        }
        if let Some(bytes) = ulid(id) {
            return Self {
                form: KeyForm::Ulid,
                bytes,
            };
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Sha256::digest(id.as_bytes())[..16]);
        Self {
            form: KeyForm::Hash,
            bytes,
        }
    }

    /// The key as it is stored.
    pub(crate) fn stored(form: &str, bytes: Vec<u8>) -> Option<Self> {
        Some(Self {
            form: KeyForm::parse(form)?,
            bytes: bytes.try_into().ok()?,
        })
    }

    /// The id again, where the key is not only its hash.
    pub(crate) fn id(&self) -> Option<String> {
        match self.form {
            KeyForm::Uuid => Some(Uuid::from_bytes(self.bytes).to_string()),
            KeyForm::Ulid => {
                let number = u128::from_be_bytes(self.bytes);
                let digits = (0..26)
                    .rev()
                    .map(|place| char::from(ULID_DIGITS[(number >> (5 * place)) as usize & 31]));
                Some(digits.collect())
            }
            KeyForm::Hash => None,
        }
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.form.as_str(), hex::encode(self.bytes))
    }
}

/// Only the one spelling: `018F…` and `018f…` are different ids.
fn uuid_v7(id: &str) -> Option<[u8; 16]> {
    if id.len() != 36 || id.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let uuid = Uuid::try_parse(id).ok()?;
    (uuid.get_version_num() == 7).then(|| uuid.into_bytes())
}

fn ulid(id: &str) -> Option<[u8; 16]> {
    // 26 digits hold 130 bits: the first digit is at most 7.
    if id.len() != 26 || !(b'0'..=b'7').contains(&id.as_bytes()[0]) {
        return None;
    }
    id.bytes()
        .try_fold(0_u128, |number, digit| {
            let value = ULID_DIGITS.iter().position(|known| *known == digit)?;
            Some(number << 5 | value as u128)
        })
        .map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_rise_with_time_are_kept_and_others_are_hashed() {
        let cases = [
            ("01932f6e-7c1a-7000-8000-0123456789ab", KeyForm::Uuid),
            ("01932F6E-7C1A-7000-8000-0123456789AB", KeyForm::Hash),
            ("01932f6e7c1a700080000123456789ab", KeyForm::Hash),
            ("9b2d1c5e-94c4-4b62-8d28-4f2e6f9d6b5a", KeyForm::Hash),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", KeyForm::Ulid),
            ("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", KeyForm::Ulid),
            ("8ZZZZZZZZZZZZZZZZZZZZZZZZZ", KeyForm::Hash),
            ("01arz3ndektsv4rrffq69g5fav", KeyForm::Hash),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAI", KeyForm::Hash),
            ("req-7f3a", KeyForm::Hash),
            ("ü", KeyForm::Hash),
        ];
        for (id, form) in cases {
            let key = EventKey::of(id);
            assert_eq!(key.form, form, "{id}");
            let expected = (form != KeyForm::Hash).then(|| id.to_owned());
            assert_eq!(key.id(), expected, "{id}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_ulid_comes_back_and_keeps_its_order(a: u128, b: u128) {
            let of = |number: u128| EventKey { form: KeyForm::Ulid, bytes: number.to_be_bytes() };
            let (id_a, id_b) = (of(a).id().unwrap(), of(b).id().unwrap());
            proptest::prop_assert_eq!(EventKey::of(&id_a), of(a));
            proptest::prop_assert_eq!(id_a.cmp(&id_b), of(a).cmp(&of(b)));
        }
    }
}

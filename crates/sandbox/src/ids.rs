//! Owns identifiers and secrets: random base-62 text with Stripe's prefixes.
//! Does not own what they identify.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH: usize = 24;
const SECRET_LENGTH: usize = 48;

/// `pi_…` and the like: 24 random characters, about 142 bits, so no collision is looked for.
pub(crate) fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", random_text(ID_LENGTH))
}

/// A secret with the given prefix, for keys that stay valid as long as the store.
pub(crate) fn new_secret(prefix: &str) -> String {
    format!("{prefix}_{}", random_text(SECRET_LENGTH))
}

/// The secret with which a browser may read and confirm one intent.
pub(crate) fn client_secret_of(id: &str) -> String {
    new_secret(&format!("{id}_secret"))
}

pub(crate) fn random_text(length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).expect("the operating system has random bytes");
        for byte in bytes {
            // Six bits; the two values past the alphabet are drawn again, so every character is
            // equally likely.
            if let Some(letter) = ALPHABET.get(usize::from(byte & 0x3f))
                && text.len() < length
            {
                text.push(char::from(*letter));
            }
        }
    }
    text
}

/// Bytes as letters only, so that a stored hash can never read like a card number.
pub(crate) fn letters(bytes: &[u8]) -> String {
    let letter = |nibble: u8| char::from(b'a' + nibble);
    bytes
        .iter()
        .flat_map(|byte| [letter(byte >> 4), letter(byte & 0x0f)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_its_prefix_and_twenty_four_characters() {
        let id = new_id("pi");
        assert_eq!(id.len(), "pi_".len() + ID_LENGTH);
        assert!(
            id["pi_".len()..]
                .bytes()
                .all(|byte| ALPHABET.contains(&byte))
        );
        assert_ne!(id, new_id("pi"));
    }

    #[test]
    fn letters_have_no_digits() {
        assert_eq!(letters(&[0x00, 0x9f, 0xff]), "aajppp");
    }
}

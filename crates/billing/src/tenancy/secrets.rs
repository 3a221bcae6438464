//! Random secrets and their hashes.

use sha2::{Digest, Sha256};

/// `bytes` of the operating system's randomness, in hex.
///
/// # Panics
/// When the operating system has no randomness to give: nothing secret can be made then.
pub(super) fn random_hex<const BYTES: usize>() -> String {
    let mut secret = [0_u8; BYTES];
    getrandom::fill(&mut secret).expect("the operating system gives random bytes");
    hex::encode(secret)
}

/// SHA-256 in hex: enough for secrets that are random themselves, and quick to look up.
pub(super) fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

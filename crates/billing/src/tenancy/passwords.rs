//! Passwords: which are taken, and their hashes.

use std::sync::LazyLock;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::{Semaphore, SemaphorePermit};
use unicode_normalization::UnicodeNormalization;

use super::TenancyError;
use crate::StoreError;

/// NIST SP 800-63B asks for length rather than for kinds of characters.
pub(super) const FEWEST_CHARACTERS: usize = 12;
/// Longer ones would cost the hash's time.
pub(super) const MOST_BYTES: usize = 256;

/// Passwords of at least twelve characters that are tried first, one a line.
static COMMON: &str = include_str!("common_passwords.txt");

/// A hash of no password: verifying against it takes as long as against a real one, so that an
/// unknown address is answered no sooner than a known one.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let secret = super::secrets::random_hex::<32>();
    hash_now(secret.as_bytes()).expect("hashing with default parameters works")
});

/// A password as it is hashed: composed in Unicode's form NFKC, as NIST SP 800-63B asks, so that
/// the same letters typed on another system are the same password. Made here alone, so that none
/// is hashed or compared in another form.
pub(super) struct Password(String);

impl Password {
    /// One that is to be set.
    pub(super) fn try_new(text: &str) -> Result<Self, TenancyError> {
        let password = Self::given(text).ok_or(TenancyError::PasswordTooLong)?;
        if password.0.chars().count() < FEWEST_CHARACTERS {
            return Err(TenancyError::PasswordTooShort);
        }
        let lower = password.0.to_lowercase();
        if COMMON.lines().any(|common| common == lower) {
            return Err(TenancyError::PasswordTooCommon);
        }
        Ok(password)
    }

    /// One that is compared; `None` for what is longer than any that was set.
    pub(super) fn given(text: &str) -> Option<Self> {
        // Before composing: that may lengthen a text, but not without bound.
        (text.len() <= MOST_BYTES).then(|| Self(text.nfkc().collect()))
    }
}

fn hash_now(password: &[u8]) -> Result<String, StoreError> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password)
        .map_err(|error| StoreError::Inconsistent(format!("hashing a password: {error}")))?;
    Ok(hash.to_string())
}

/// Argon2id with the crate's recommended parameters (19 MiB, two passes), off the async threads.
pub(super) async fn hash(password: Password) -> Result<String, StoreError> {
    run(move || hash_now(password.0.as_bytes())).await
}

/// Whether `password` has the hash. `None`: of nobody, which takes as long and is never so.
pub(super) async fn verify(password: Password, hash: Option<String>) -> Result<bool, StoreError> {
    run(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.clone());
        let parsed = PasswordHash::new(&hash)
            .map_err(|error| StoreError::Inconsistent(format!("a password's hash: {error}")))?;
        let matches = Argon2::default()
            .verify_password(password.0.as_bytes(), &parsed)
            .is_ok();
        Ok(matches && known)
    })
    .await
}

/// As many hashes at once as there are processors: each takes 19 MiB and one of them for a while.
static AT_ONCE: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)));
/// Who waits longer for a turn is told to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A turn to hash; `None` when too many others wait.
pub(super) async fn turn() -> Option<SemaphorePermit<'static>> {
    tokio::time::timeout(LONGEST_WAIT, AT_ONCE.acquire())
        .await
        .ok()?
        .ok()
}

async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Inconsistent(format!("a hashing thread ended: {error}")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> TenancyError {
        let Err(refusal) = Password::try_new(text) else {
            panic!("{text:?} was taken");
        };
        refusal
    }

    fn given(text: &str) -> Password {
        Password::given(text).unwrap()
    }

    #[test]
    fn short_long_and_common_passwords_are_refused() {
        assert!(matches!(
            refusal("elevenchars"),
            TenancyError::PasswordTooShort
        ));
        assert!(matches!(
            refusal(&"x".repeat(257)),
            TenancyError::PasswordTooLong
        ));
        assert!(matches!(
            refusal("Password1234"),
            TenancyError::PasswordTooCommon
        ));
        // The same in the wide letters of an East Asian keyboard; and letters that only look many.
        assert!(matches!(
            refusal("Ｐａｓｓｗｏｒｄ１２３４"),
            TenancyError::PasswordTooCommon
        ));
        assert!(matches!(
            refusal(&"e\u{301}".repeat(11)),
            TenancyError::PasswordTooShort
        ));
        assert!(Password::try_new("correct horse battery").is_ok());
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_and_nobodys_matches_none() {
        let made = hash(given("correct horse battery")).await.unwrap();
        assert!(made.starts_with("$argon2id$"));
        let matches = async |text, hash| verify(given(text), hash).await.unwrap();
        assert!(matches("correct horse battery", Some(made.clone())).await);
        assert!(!matches("wrong horse battery", Some(made)).await);
        assert!(!matches("correct horse battery", None).await);
    }

    #[tokio::test]
    async fn a_password_is_the_same_however_its_letters_are_composed() {
        // As one system types it, and as others do: in parts, as a ligature, in wide digits.
        let made = hash(given("café finca 42 soleil")).await.unwrap();
        for text in [
            "cafe\u{301} finca 42 soleil",
            "café ﬁnca 42 soleil",
            "café finca ４２ soleil",
        ] {
            let matches = verify(given(text), Some(made.clone())).await.unwrap();
            assert!(matches, "{text:?}");
        }
        let other = verify(given("cafe finca 42 soleil"), Some(made)).await;
        assert!(!other.unwrap());
    }
}

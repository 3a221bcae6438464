//! Passwords: which are taken, and their hashes.

use std::sync::LazyLock;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use tokio::sync::{Semaphore, SemaphorePermit};

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

pub(super) fn check(password: &str) -> Result<(), TenancyError> {
    if password.chars().count() < FEWEST_CHARACTERS {
        return Err(TenancyError::PasswordTooShort);
    }
    if password.len() > MOST_BYTES {
        return Err(TenancyError::PasswordTooLong);
    }
    let lower = password.to_lowercase();
    if COMMON.lines().any(|common| common == lower) {
        return Err(TenancyError::PasswordTooCommon);
    }
    Ok(())
}

fn hash_now(password: &[u8]) -> Result<String, StoreError> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password)
        .map_err(|error| StoreError::Inconsistent(format!("hashing a password: {error}")))?;
    Ok(hash.to_string())
}

/// Argon2id with the crate's recommended parameters (19 MiB, two passes), off the async threads.
pub(super) async fn hash(password: &str) -> Result<String, StoreError> {
    let password = password.to_owned();
    run(move || hash_now(password.as_bytes())).await
}

/// Whether `password` has the hash. `None`: of nobody, which takes as long and is never so.
pub(super) async fn verify(password: &str, hash: Option<String>) -> Result<bool, StoreError> {
    let password = password.to_owned();
    run(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.clone());
        let parsed = PasswordHash::new(&hash)
            .map_err(|error| StoreError::Inconsistent(format!("a password's hash: {error}")))?;
        let matches = Argon2::default()
            .verify_password(password.as_bytes(), &parsed)
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

    #[test]
    fn short_long_and_common_passwords_are_refused() {
        assert!(matches!(
            check("elevenchars"),
            Err(TenancyError::PasswordTooShort)
        ));
        assert!(matches!(
            check(&"x".repeat(257)),
            Err(TenancyError::PasswordTooLong)
        ));
        assert!(matches!(
            check("Password1234"),
            Err(TenancyError::PasswordTooCommon)
        ));
        assert!(check("correct horse battery").is_ok());
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_and_nobodys_matches_none() {
        let made = hash("correct horse battery").await.unwrap();
        assert!(made.starts_with("$argon2id$"));
        assert!(
            verify("correct horse battery", Some(made.clone()))
                .await
                .unwrap()
        );
        assert!(!verify("wrong horse battery", Some(made)).await.unwrap());
        assert!(!verify("correct horse battery", None).await.unwrap());
    }
}

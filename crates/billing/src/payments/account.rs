//! Whose a gateway's names are.
//!
//! A `cus_…`, a `pm_…`, a `pi_…` means something to one account alone: to another Stripe account,
//! to the same one in live mode, or to a sandbox with another store it is nothing, or worse, a
//! definite "there is no such payment". So everything that carries such a name is stored with its
//! account, and only our own account's is listed, charged and asked about.
//!
//! The account is told by the secret key, without asking anybody:
//!
//! | key | account |
//! | --- | --- |
//! | Stripe's, since 2020: `sk_live_5` + the account's id + a random part | `live:acct_…`; a rolled key keeps it |
//! | any other: the built-in sandbox's, which lasts as long as its store | its mode and a hash of it |
//!
//! The address says nothing: the sandbox's port is another at each start, and a proxy before
//! Stripe is still Stripe.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// An account at a gateway, in one mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayAccount(String);

impl GatewayAccount {
    pub(crate) fn of_key(key: &SecretString) -> Self {
        let mode = if is_live(key) { "live" } else { "test" };
        let key = key.expose_secret();
        Self(match named_account(key) {
            Some(account) => format!("{mode}:acct_{account}"),
            // Enough of it that two never meet, and nothing of the key can be told from it.
            None => format!("{mode}:{}", hex::encode(&Sha256::digest(key)[..8])),
        })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GatewayAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `sk_live_…` and restricted `rk_live_…` keys move real money.
pub(super) fn is_live(key: &SecretString) -> bool {
    key.expose_secret().contains("_live_")
}

/// The id of the account that is written into the keys of today's form.
fn named_account(key: &str) -> Option<&str> {
    /// The version of the form, before the account's id.
    const VERSION: char = '5';
    const ACCOUNT_LENGTH: usize = 16;
    /// Shorter keys have an older form: what stands there is a part of the secret.
    const SHORTEST: usize = 80;
    let body = key.rsplit('_').next()?;
    let is_usable = body.len() >= SHORTEST && body.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let rest = body.strip_prefix(VERSION).filter(|_| is_usable)?;
    rest.get(..ACCOUNT_LENGTH)
        .filter(|account| account.starts_with('1'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the form of a key; the random part is not one.
    fn key(kind: &str, account: &str, random: char) -> SecretString {
        let random = random.to_string().repeat(82);
        SecretString::from(format!("{kind}_5{account}{random}"))
    }

    fn account(key: &SecretString) -> String {
        GatewayAccount::of_key(key).to_string()
    }

    #[test]
    fn a_rolled_or_restricted_key_is_the_same_account_and_another_mode_is_another() {
        let live = account(&key("sk_live", "1AbCdEfGhIjKlMnO", 'x'));
        assert_eq!(live, "live:acct_1AbCdEfGhIjKlMnO");
        assert_eq!(live, account(&key("sk_live", "1AbCdEfGhIjKlMnO", 'y')));
        assert_eq!(live, account(&key("rk_live", "1AbCdEfGhIjKlMnO", 'z')));
        let test = account(&key("sk_test", "1AbCdEfGhIjKlMnO", 'x'));
        assert_eq!(test, "test:acct_1AbCdEfGhIjKlMnO");
        assert_ne!(live, account(&key("sk_live", "1AbCdEfGhIjKlMnP", 'x')));
    }

    #[test]
    fn a_key_that_names_no_account_stands_for_itself_and_cannot_be_told_from_it() {
        let one = SecretString::from("sk_test_4eC39HqLyjWDarjtT1zdp7dc");
        let two = SecretString::from("sk_test_51short");
        for key in [&one, &two] {
            let account = account(key);
            assert_eq!(account.len(), "test:".len() + 16, "{account}");
            let body = key.expose_secret().rsplit('_').next().unwrap();
            assert!(!account.contains(&body[..6]), "{account}");
        }
        assert_ne!(account(&one), account(&two));
        assert_eq!(account(&one), account(&one.clone()));
        assert!(account(&SecretString::from("sk_live_51short")).starts_with("live:"));
    }
}

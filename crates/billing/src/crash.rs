//! Named places between a click and its end at which a test lets the whole process die.
//!
//! Owns the list, and dying. Does not own what must be so afterwards: the server's test `crash`
//! goes through [`CrashPoint::ALL`] and has a story for each.
//!
//! Without the feature `crash-points`, which only the server's tests have, and in every release
//! build, [`reach`] is nothing at all. With it, the process dies at the point that is written in
//! the file which `BILLING_CRASH_FILE` names; the file is removed first, so that it dies once.

macro_rules! crash_points {
    ($($(#[$doc:meta])* $name:ident $word:literal)*) => {
        /// A step after which nothing more happens.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CrashPoint {
            $($(#[$doc])* $name,)*
        }

        impl CrashPoint {
            /// Every one of them: a new one is in here by being written down.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

crash_points! {
    /// The organization is to be made known to the gateway.
    CustomerBeforeCall "customer-before-call"
    /// The gateway knows it, and we have not stored under which name.
    CustomerAfterCall "customer-after-call"
    /// The click has come, and nothing is written.
    TopUpBeforeRow "top-up-before-row"
    /// The attempt is written, and not committed.
    TopUpBeforeCommit "top-up-before-commit"
    /// The attempt is durable, and nobody has asked for money.
    TopUpAfterCommit "top-up-after-commit"
    ChargeBeforeCall "charge-before-call"
    /// The gateway has answered, and nothing of it is stored.
    ChargeAfterCall "charge-after-call"
    /// Under the lock of the books, before anything of the outcome is written.
    SettleBeforePosting "settle-before-posting"
    /// The ledger's batch is written, and the state is not.
    SettleAfterPosting "settle-after-posting"
    /// All of it is written, and not committed.
    SettleBeforeCommit "settle-before-commit"
    /// The credit is durable, and nobody has been told.
    SettleAfterCommit "settle-after-commit"
    /// The page is about to be answered.
    TopUpBeforeAnswer "top-up-before-answer"
    CancelBeforeCall "cancel-before-call"
    CancelAfterCall "cancel-after-call"
    /// It is our turn to ask about a payment, and we have not asked.
    ReconciliationBeforeCall "reconciliation-before-call"
    /// The gateway was asked, and what it said is settled.
    ReconciliationAfterSettling "reconciliation-after-settling"
    /// A notice is the gateway's, and nothing is recorded of it.
    NoticeBeforeCall "notice-before-call"
    /// The gateway was asked what the notice is about.
    NoticeAfterCall "notice-after-call"
    /// Its effect and its record are written, and not committed.
    NoticeBeforeCommit "notice-before-commit"
    /// Both are durable, and the gateway has not been answered.
    NoticeAfterCommit "notice-after-commit"
    /// The card is on the list of those to be forgotten, and not attached.
    CardBeforeCall "card-before-call"
    /// The card is attached, and not saved.
    CardAfterCall "card-after-call"
    /// It is written, and not committed.
    CardBeforeCommit "card-before-commit"
    CardAfterCommit "card-after-commit"
    /// It is not saved any more, and the gateway has it.
    RemovalBeforeCall "removal-before-call"
    /// The gateway has forgotten it, and it is still on the list.
    RemovalAfterCall "removal-after-call"
    /// The credit is taken out and the refund is written, and neither is committed.
    RefundBeforeCommit "refund-before-commit"
    /// Both are durable, and nobody has asked for the money to go back.
    RefundAfterCommit "refund-after-commit"
    RefundBeforeCall "refund-before-call"
    /// The gateway has answered, and nothing of it is stored.
    RefundAfterCall "refund-after-call"
    /// The outcome is written, and not committed.
    RefundSettleBeforeCommit "refund-settle-before-commit"
    RefundSettleAfterCommit "refund-settle-after-commit"
}

/// Dies here if a test wants it.
#[cfg(all(feature = "crash-points", debug_assertions))]
pub(crate) fn reach(point: CrashPoint) {
    fail::fail_point!(point.name());
}

/// Nothing.
#[cfg(not(all(feature = "crash-points", debug_assertions)))]
pub(crate) const fn reach(_: CrashPoint) {}

/// Makes every point look into the file.
#[cfg(all(feature = "crash-points", debug_assertions))]
pub(crate) fn arm() {
    use std::path::PathBuf;

    #[expect(
        clippy::disallowed_methods,
        reason = "no setting of the product's: only a test's binary knows it"
    )]
    let Ok(file) = std::env::var("BILLING_CRASH_FILE").map(PathBuf::from) else {
        return;
    };
    for point in CrashPoint::ALL {
        let (name, file) = (point.name(), file.clone());
        let look = move || {
            let wanted = std::fs::read_to_string(&file);
            if wanted.is_ok_and(|wanted| wanted == name) && std::fs::remove_file(&file).is_ok() {
                std::process::abort();
            }
        };
        fail::cfg_callback(name, look).expect("a callback is an action");
    }
}

#[cfg(not(all(feature = "crash-points", debug_assertions)))]
pub(crate) const fn arm() {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::CrashPoint;

    #[test]
    fn each_point_has_a_name_of_its_own() {
        let names: HashSet<_> = CrashPoint::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), CrashPoint::ALL.len());
    }
}

//! The port to whoever moves the money: what we ask for and what we may be told.
//!
//! Owns the neutral words: requests, outcomes, declines, and the difference between an answer and
//! not knowing. Does not own any provider's words (`stripe`), nor what an outcome means for a
//! top-up or for the ledger.
//!
//! | what comes back | what it means | what the caller may do |
//! | --- | --- | --- |
//! | `Ok(outcome)` | the gateway's definite word, a decline too | act on it |
//! | `Err(_)` | nobody knows whether money moved | keep the payment pending, ask again later |

use std::fmt;
use std::str::FromStr;

use types::dispute::DisputeStage;
use types::ids::{OrganizationId, RefundId, TopUpId};
use types::money::Cents;
use types::payment::{Card, DeclineReason};
use types::time::Timestamp;

pub use super::account::GatewayAccount;
use super::stripe::client::Client;
use crate::GatewaySettings;

/// The text is not an id of the gateway's: 1 to 255 letters, digits, `_` or `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is not an id of the payment gateway's")]
pub struct GatewayIdError;

macro_rules! gateway_ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = GatewayIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if is_gateway_id(text) { Ok(Self(text.to_owned())) } else { Err(GatewayIdError) }
            }
        }
    )*};
}

gateway_ids! {
    /// An organization, as the gateway knows it: `cus_…`.
    GatewayCustomer
    /// A card, as the gateway keeps it: `pm_…`. What a browser sends is parsed into this.
    GatewayMethod
    /// One attempt to be paid, as the gateway records it: `pi_…`.
    GatewayIntent
    /// Money on its way back to a card, as the gateway records it: `re_…`.
    GatewayRefund
    /// A complaint of a card's owner, as the gateway records it: `du_…`.
    GatewayDispute
    /// A warning that a charge may be disputed: `issfr_…`.
    GatewayWarning
    /// One attempt to save a card, which its bank may ask about: `seti_…`.
    GatewaySetup
}

/// Ids become part of a URL, and some come from a browser: nothing in them may mean anything there.
fn is_gateway_id(text: &str) -> bool {
    const LONGEST: usize = 255;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    // Every id has a letter. A card number in a token's place has none, and is not kept.
    let is_number = !text.bytes().any(|byte| byte.is_ascii_alphabetic());
    !is_number && text.len() <= LONGEST && text.bytes().all(allowed)
}

/// Whether the person is at the page and can confirm the payment at their bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    OnSession,
    OffSession,
}

/// One charge. A repeat under the same `key` must be the same in every field: the gateway compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRequest {
    /// The idempotency key: the payment's id, stored before the first try. Whatever was asked
    /// under a key is done at most once. The gateway forgets a key after 24 hours; past that, ask
    /// with [`Gateway::find_by_top_up`] and never repeat.
    pub key: String,
    pub customer: GatewayCustomer,
    pub payment_method: GatewayMethod,
    pub amount: Cents,
    pub top_up: TopUpId,
    pub organization: OrganizationId,
    /// Keep the card for later payments. Only a person who is present can agree to that.
    pub save_card: bool,
    pub presence: Presence,
    /// Where the bank's page sends the person back to. Without it there is no page to show.
    pub return_url: Option<String>,
}

/// The gateway's definite word on a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Succeeded(Settled),
    /// It was taken on and is not decided: neither paid nor refused.
    Processing {
        intent: GatewayIntent,
    },
    /// The bank asks the person to confirm.
    RequiresAction {
        intent: GatewayIntent,
        /// The bank's page. `None` where only the gateway's own script can show it.
        url: Option<String>,
    },
    /// The bank or the gateway said no. Nothing was charged.
    Declined {
        /// `None` when it was refused before an intent was made.
        intent: Option<GatewayIntent>,
        reason: DeclineReason,
    },
    Canceled {
        intent: GatewayIntent,
    },
    /// The request itself was refused, such as for a card that does not exist. Nothing was charged.
    Refused {
        /// The gateway's word for the fault, such as `resource_missing`: for operators.
        code: String,
    },
}

/// A charge that was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub intent: GatewayIntent,
    /// What the card was charged.
    pub amount: Cents,
    /// What the gateway keeps of it. `None` while it is not known, or not in dollars.
    pub fee: Option<Cents>,
    /// `None` when it was not paid with a card.
    pub method: Option<ChargedMethod>,
    /// What paid and is no card, where the gateway keeps it for the customer: nobody sees it here,
    /// so it must not stay chargeable.
    pub kept_besides: Option<GatewayMethod>,
}

/// A card as the gateway describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargedMethod {
    pub method: GatewayMethod,
    pub card: Card,
    /// The same for the same card number, whichever method it came by.
    pub fingerprint: Option<String>,
    /// It belongs to a customer and can be charged again.
    pub attached: bool,
}

/// The gateway's definite word on saving a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachOutcome {
    Attached(ChargedMethod),
    Declined {
        reason: DeclineReason,
    },
    Refused {
        /// The gateway's word for the fault, for operators.
        code: String,
    },
}

/// The gateway's definite word on setting a card up for later charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupOutcome {
    /// It is kept, and its bank knows that it will be charged in its owner's absence.
    SetUp(ChargedMethod),
    /// The bank asks the person to confirm, or has not decided yet.
    RequiresAction {
        setup: GatewaySetup,
        /// The bank's page. `None` where only the gateway's own script can show it.
        url: Option<String>,
        /// What that script needs. Not for a log, nor for a database.
        client_secret: Option<String>,
    },
    Declined {
        reason: DeclineReason,
    },
    Refused {
        /// The gateway's word for the fault, for operators.
        code: String,
    },
}

/// The code of a refusal for want of the customer: somebody has deleted it at the gateway, and no
/// request in its name will ever go through again.
pub const CUSTOMER_MISSING: &str = "customer_missing";

/// One refund. A repeat under the same `key` must be the same in every field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The idempotency key: stored before the first try.
    pub key: String,
    pub intent: GatewayIntent,
    pub amount: Cents,
    pub refund: RefundId,
    pub organization: OrganizationId,
}

/// The gateway's definite word on a refund that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    Made(RefundWord),
    /// Nothing was given back, and the same request never will.
    Refused {
        /// The gateway's word for the fault, such as `charge_disputed`: for operators.
        code: String,
    },
}

/// A refund as the gateway has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundWord {
    pub refund: GatewayRefund,
    /// The charge that it gives back from; none where the gateway does not say.
    pub intent: Option<GatewayIntent>,
    pub amount: Cents,
    /// Ours, where it was asked for here; what was made in the gateway's own pages has none.
    pub ours: Option<RefundId>,
    pub stage: RefundStage,
    /// What the gateway keeps for it; most keep nothing.
    pub fee: Cents,
}

/// How far a refund is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundStage {
    Pending,
    Succeeded,
    /// The money is back with us.
    Failed {
        code: String,
    },
}

/// A dispute as the gateway has it. Amounts are what it comes to by now, not what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeWord {
    pub dispute: GatewayDispute,
    pub intent: Option<GatewayIntent>,
    pub stage: DisputeStage,
    /// What the card's owner wants back.
    pub amount: Cents,
    /// What was taken from us, less what was given back. Not below zero.
    pub withdrawn: Cents,
    /// What the gateway keeps for it, in all.
    pub fee: Cents,
    /// How often money was moved for it: that only ever grows.
    pub movements: u32,
    /// The gateway's word for why, such as `fraudulent`.
    pub reason: String,
    pub opened_at: Timestamp,
}

/// There is no answer that can be acted on. After a charge it means: we do not know what happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    #[error("the payment gateway cannot be reached")]
    Unreachable,
    #[error("the payment gateway did not answer in time")]
    TimedOut,
    #[error("the payment gateway is still busy with the same request")]
    InProgress,
    #[error("the payment gateway asks us to slow down")]
    Throttled,
    #[error("the payment gateway failed with status {status}")]
    Failed { status: u16 },
    #[error("the payment gateway's answer cannot be read")]
    Unreadable,
    /// An operator must act: nothing works until then.
    #[error("the payment gateway does not accept our secret key")]
    Unauthorized,
    /// The answer is real, but about other money than we asked for.
    #[error("the payment gateway answered for another amount or currency")]
    OtherAmount,
    /// Our own fault. What happened under the key is what the other request asked for.
    #[error("the payment gateway knows this key from a different request")]
    KeyReused,
    #[error("the payment gateway refused the request: {code}")]
    Refused { code: String },
    #[error("the payment gateway has more payments of this customer than we read")]
    TooManyIntents,
    #[error("the request to the payment gateway cannot be written")]
    Unsendable,
}

impl GatewayError {
    /// Whether nobody answered at all: then the next question will hardly be answered either.
    #[must_use]
    pub const fn is_silence(&self) -> bool {
        match self {
            Self::Unreachable | Self::TimedOut => true,
            Self::InProgress
            | Self::Throttled
            | Self::Failed { .. }
            | Self::Unreadable
            | Self::Unauthorized
            | Self::OtherAmount
            | Self::KeyReused
            | Self::Refused { .. }
            | Self::TooManyIntents
            | Self::Unsendable => false,
        }
    }
}

/// Why no gateway can be made from the settings.
#[derive(Debug, thiserror::Error)]
pub enum GatewaySettingsError {
    #[error("the payment gateway's address is not an http or https URL")]
    BadUrl,
    /// Such a key charges real cards.
    #[error("a live key must not be sent over plain http; use an https address")]
    LiveKeyInClear,
    #[error("the payment gateway's secret key is empty or has characters that no key has")]
    BadKey,
    #[error("the client for the payment gateway cannot be started")]
    Client(#[source] reqwest::Error),
}

/// The one gateway we use. Cheap to clone; clones share their connections.
///
/// What it can be asked is in `stripe`: charging, cancelling and finding charges, customers, cards.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub(super) client: Client,
    /// What may pay, in the gateway's words.
    pub(super) kinds: &'static [&'static str],
    account: GatewayAccount,
}

impl Gateway {
    /// Reaches out to nobody yet.
    ///
    /// # Errors
    /// When the address or the key cannot be used.
    pub fn new(settings: &GatewaySettings) -> Result<Self, GatewaySettingsError> {
        Ok(Self {
            client: Client::try_new(settings)?,
            kinds: settings.tokenizer.kinds(),
            account: GatewayAccount::of_key(&settings.secret_key),
        })
    }

    /// Whose customers, cards and payments it knows.
    #[must_use]
    pub const fn account(&self) -> &GatewayAccount {
        &self.account
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_from_a_browser_cannot_point_elsewhere() {
        assert_eq!(
            "pm_1Nabc".parse::<GatewayMethod>().map(|id| id.to_string()),
            Ok("pm_1Nabc".into())
        );
        for text in [
            "",
            ".",
            "..",
            "pm_1/detach",
            "pm_1?x",
            "pm_1#",
            "pm 1",
            "pm_\u{e9}",
            "%2e",
            "4242424242424242",
            "4242-4242-4242-4242",
        ] {
            assert_eq!(
                text.parse::<GatewayMethod>(),
                Err(GatewayIdError),
                "{text:?}"
            );
        }
        assert!("x".repeat(255).parse::<GatewayMethod>().is_ok());
        assert!("x".repeat(256).parse::<GatewayMethod>().is_err());
    }
}

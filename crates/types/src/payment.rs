//! Saved cards and what a gateway says about a charge.

use serde::{Deserialize, Serialize};

use crate::ids::PaymentMethodId;

/// A card's brand, as far as we draw a mark for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardBrand {
    Visa,
    Mastercard,
    Amex,
    Discover,
    Diners,
    Jcb,
    Unionpay,
    Other,
}

impl CardBrand {
    /// Reads the gateway's word; one we do not know is [`CardBrand::Other`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "visa" => Self::Visa,
            "mastercard" => Self::Mastercard,
            "amex" => Self::Amex,
            "discover" => Self::Discover,
            "diners" => Self::Diners,
            "jcb" => Self::Jcb,
            "unionpay" => Self::Unionpay,
            _ => Self::Other,
        }
    }

    /// The gateway's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
            Self::Discover => "discover",
            Self::Diners => "diners",
            Self::Jcb => "jcb",
            Self::Unionpay => "unionpay",
            Self::Other => "other",
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Visa => "Visa",
            Self::Mastercard => "Mastercard",
            Self::Amex => "American Express",
            Self::Discover => "Discover",
            Self::Diners => "Diners Club",
            Self::Jcb => "JCB",
            Self::Unionpay => "UnionPay",
            Self::Other => "Card",
        }
    }
}

/// What we know of a card: never its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub brand: CardBrand,
    pub last4: String,
    pub expiry_month: u8,
    pub expiry_year: u16,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

impl Card {
    /// `Visa ···· 4242`
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} ···· {}", self.brand.label(), self.last4)
    }

    /// `04 / 31`
    #[must_use]
    pub fn expiry(&self) -> String {
        format!("{:02} / {:02}", self.expiry_month, self.expiry_year % 100)
    }
}

/// A saved payment method as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethodView {
    pub id: PaymentMethodId,
    pub card: Card,
    pub is_default: bool,
    /// Its last day is behind us.
    pub is_expired: bool,
    /// It expires this month or next.
    pub expires_soon: bool,
}

/// What became of a card that a person wants to save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AddedCard {
    Saved(PaymentMethodView),
    /// The same number was saved before: it is one card, and has the expiry that was entered now.
    SavedBefore(PaymentMethodView),
    /// The bank asks the person to confirm on its own page. Nothing is saved before.
    RequiresAction(CardQuestion),
}

/// What a bank asks before it lets a card be saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardQuestion {
    /// The gateway's id of the question, under which its answer is looked up.
    pub setup: String,
    /// The bank's page, to be shown in a frame.
    pub url: Option<String>,
    /// Where there is no such page: what the gateway's own script needs to ask the question.
    pub client_secret: Option<String>,
}

/// Why a bank or gateway said no, as far as a person can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineReason {
    Generic,
    InsufficientFunds,
    LostOrStolen,
    ExpiredCard,
    IncorrectCvc,
    IncorrectNumber,
    ProcessingError,
    VelocityExceeded,
    Fraudulent,
    AuthenticationFailed,
    AuthenticationRequired,
}

/// The field of the form that a message belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentField {
    Amount,
    PaymentMethod,
    CardNumber,
    Expiry,
    SecurityCode,
    Country,
}

impl PaymentField {
    pub const ALL: [Self; 6] = [
        Self::Amount,
        Self::PaymentMethod,
        Self::CardNumber,
        Self::Expiry,
        Self::SecurityCode,
        Self::Country,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::PaymentMethod => "payment_method",
            Self::CardNumber => "card_number",
            Self::Expiry => "expiry",
            Self::SecurityCode => "security_code",
            Self::Country => "country",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == text)
    }
}

impl DeclineReason {
    pub const ALL: [Self; 11] = [
        Self::Generic,
        Self::InsufficientFunds,
        Self::LostOrStolen,
        Self::ExpiredCard,
        Self::IncorrectCvc,
        Self::IncorrectNumber,
        Self::ProcessingError,
        Self::VelocityExceeded,
        Self::Fraudulent,
        Self::AuthenticationFailed,
        Self::AuthenticationRequired,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::InsufficientFunds => "insufficient_funds",
            Self::LostOrStolen => "lost_or_stolen",
            Self::ExpiredCard => "expired_card",
            Self::IncorrectCvc => "incorrect_cvc",
            Self::IncorrectNumber => "incorrect_number",
            Self::ProcessingError => "processing_error",
            Self::VelocityExceeded => "velocity_exceeded",
            Self::Fraudulent => "fraudulent",
            Self::AuthenticationFailed => "authentication_failed",
            Self::AuthenticationRequired => "authentication_required",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// What happened, what it means for their money, what to do. Lost, stolen and fraudulent
    /// read like any decline: the person at the page may not be the card's owner.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Generic | Self::LostOrStolen | Self::Fraudulent => {
                "Your bank declined the card. Nothing was charged. Try another card or ask your bank."
            }
            Self::InsufficientFunds => {
                "The card has insufficient funds. Nothing was charged. Try a smaller amount or another card."
            }
            Self::ExpiredCard => "The card has expired. Nothing was charged. Use another card.",
            Self::IncorrectCvc => {
                "The security code is incorrect. Nothing was charged. Check the code and try again."
            }
            Self::IncorrectNumber => {
                "The card number is incorrect. Nothing was charged. Check the number and try again."
            }
            Self::ProcessingError => {
                "The bank could not process the card. Nothing was charged. Try again in a moment."
            }
            Self::VelocityExceeded => {
                "The card is over its limit of payments. Nothing was charged. Try later or use another card."
            }
            Self::AuthenticationFailed => {
                "Your bank could not confirm that it was you. Nothing was charged. Try again or use another card."
            }
            Self::AuthenticationRequired => {
                "Your bank wants you to confirm this payment. Nothing was charged. Try again and confirm it."
            }
        }
    }

    /// Where the message belongs; `None`: above the button.
    #[must_use]
    pub const fn field(self) -> Option<PaymentField> {
        match self {
            Self::ExpiredCard => Some(PaymentField::Expiry),
            Self::IncorrectCvc => Some(PaymentField::SecurityCode),
            Self::IncorrectNumber => Some(PaymentField::CardNumber),
            Self::Generic
            | Self::InsufficientFunds
            | Self::LostOrStolen
            | Self::ProcessingError
            | Self::VelocityExceeded
            | Self::Fraudulent
            | Self::AuthenticationFailed
            | Self::AuthenticationRequired => None,
        }
    }
}

/// How the browser hands a card to the gateway. It holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenizerView {
    /// Where our card fields are posted, such as `/sandbox/v1/payment_methods`; or the gateway's
    /// script, which brings fields of its own.
    pub url: String,
    pub publishable_key: String,
    /// Whether Stripe's Link may pay, beside cards. Nothing else may: what the account has switched
    /// on at Stripe is not asked for.
    pub takes_link: bool,
}

impl TokenizerView {
    /// Stripe's script, of the release that belongs to the API version that we pin. Stripe has it
    /// loaded from its own origin alone.
    pub const STRIPE_SCRIPT: &str = "https://js.stripe.com/endive/stripe.js";

    /// Whether the gateway's script draws the card fields, in frames of the gateway's.
    #[must_use]
    pub fn is_script(&self) -> bool {
        self.url == Self::STRIPE_SCRIPT
    }

    /// What may pay, in Stripe's words. The fields in the browser and the charge that our server
    /// makes must name the same.
    #[must_use]
    pub const fn kinds(&self) -> &'static [&'static str] {
        if self.takes_link {
            &["card", "link"]
        } else {
            &["card"]
        }
    }
}

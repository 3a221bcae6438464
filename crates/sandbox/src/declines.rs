//! Owns the reasons for which a payment is refused, with Stripe's codes and texts. Does not own
//! when each applies (`behaviour`).

use serde::{Deserialize, Serialize};

use crate::errors::ApiError;

/// Why an issuer (or the processor) says no. Codes and texts are Stripe's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decline {
    Generic,
    InsufficientFunds,
    LostCard,
    StolenCard,
    ExpiredCard,
    IncorrectCvc,
    ProcessingError,
    VelocityExceeded,
    Fraudulent,
    AuthenticationRequired,
    AuthenticationFailed,
    AuthenticationNotHandled,
}

impl Decline {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Generic
            | Self::InsufficientFunds
            | Self::LostCard
            | Self::StolenCard
            | Self::VelocityExceeded
            | Self::Fraudulent => "card_declined",
            Self::ExpiredCard => "expired_card",
            Self::IncorrectCvc => "incorrect_cvc",
            Self::ProcessingError => "processing_error",
            Self::AuthenticationRequired | Self::AuthenticationNotHandled => {
                "authentication_required"
            }
            Self::AuthenticationFailed => "payment_intent_authentication_failure",
        }
    }

    pub(crate) fn decline_code(self) -> Option<&'static str> {
        match self {
            Self::Generic => Some("generic_decline"),
            Self::InsufficientFunds => Some("insufficient_funds"),
            Self::LostCard => Some("lost_card"),
            Self::StolenCard => Some("stolen_card"),
            Self::ExpiredCard => Some("expired_card"),
            Self::IncorrectCvc => Some("incorrect_cvc"),
            Self::ProcessingError => Some("processing_error"),
            Self::VelocityExceeded => Some("card_velocity_exceeded"),
            Self::Fraudulent => Some("fraudulent"),
            Self::AuthenticationRequired => Some("authentication_required"),
            Self::AuthenticationNotHandled => Some("authentication_not_handled"),
            Self::AuthenticationFailed => None,
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Generic | Self::LostCard | Self::StolenCard | Self::Fraudulent => {
                "Your card was declined."
            }
            Self::InsufficientFunds => "Your card has insufficient funds.",
            Self::ExpiredCard => "Your card has expired.",
            Self::IncorrectCvc => "Your card's security code is incorrect.",
            Self::ProcessingError => {
                "An error occurred while processing your card. Try again in a little bit."
            }
            Self::VelocityExceeded => {
                "Your card was declined for making repeated attempts too frequently or exceeding \
                 its amount limit."
            }
            Self::AuthenticationRequired => {
                "Your card was declined. This transaction requires authentication."
            }
            Self::AuthenticationNotHandled => {
                "This payment required an authentication action to complete, but \
                 `error_on_requires_action` was set."
            }
            Self::AuthenticationFailed => {
                "We are unable to authenticate your payment method. Please choose a different \
                 payment method and try again."
            }
        }
    }

    /// The field of the card form that it concerns, if it concerns one.
    fn param(self) -> Option<&'static str> {
        match self {
            Self::ExpiredCard => Some("exp_month"),
            Self::IncorrectCvc => Some("cvc"),
            Self::Generic
            | Self::InsufficientFunds
            | Self::LostCard
            | Self::StolenCard
            | Self::ProcessingError
            | Self::VelocityExceeded
            | Self::Fraudulent
            | Self::AuthenticationRequired
            | Self::AuthenticationFailed
            | Self::AuthenticationNotHandled => None,
        }
    }

    pub(crate) fn error(self) -> ApiError {
        let error = ApiError::card(self.code(), self.decline_code(), self.message());
        match self.param() {
            Some(param) => error.with_param(param),
            None => error,
        }
    }

    /// Whether a charge was tried at all: an authentication that failed never reaches the issuer.
    pub(crate) fn leaves_a_charge(self) -> bool {
        !matches!(
            self,
            Self::AuthenticationFailed | Self::AuthenticationNotHandled
        )
    }
}

//! Owns what each kind of test card does: a pure function from a card's behaviour and the way it
//! is used to a verdict. Does not own which number has which behaviour (`cards`), nor writing the
//! consequences down (`payment_intents`, `setup_intents`, `outcomes`).

use serde::{Deserialize, Serialize};

use crate::declines::Decline;

/// What a test card does, kept with the payment method in place of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Behaviour {
    Succeeds,
    /// The issuer says no, at set-up as well.
    Declines(Decline),
    /// Attaches, then every charge declines.
    DeclinesCharges,
    /// 3-D Secure.
    Asks(Question),
    /// Succeeds, and then something happens.
    SucceedsThen(Aftermath),
    /// Our own: the answer never arrives.
    AnswerLost(Moment),
    /// Our own: `processing` for a while, then what fate has for it.
    DecidesLater(Fate),
}

/// When the owner is asked on the bank's page, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question {
    UnlessSetUp,
    Always,
    /// Counts as set up from the start: never asks off-session.
    OnSession,
    ThenInsufficientFunds,
    ThenDeclines,
    LookupFails,
    IfRequested,
    FailsIfRequested,
    Frictionless,
}

/// What follows a successful charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aftermath {
    DisputedAsFraudulent,
    DisputedAsNotReceived,
    DisputedRepeatedly,
    Inquiry,
    EarlyFraudWarning,
    RefundSettlesLater,
    RefundFailsLater,
    AvailableAtOnce,
}

/// Whether the charge has happened when its first answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Moment {
    Before,
    After,
}

/// Whether the card's owner is there to answer questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Session {
    On,
    Off,
}

/// Where the attempt stands with 3-D Secure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// Only if the card demands it.
    Automatic,
    /// The merchant wants it wherever the card can.
    Requested,
    /// The owner approved on the bank's page.
    Completed,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) session: Session,
    pub(crate) authentication: Authentication,
    pub(crate) set_up: SetUp,
    pub(crate) security_code: SecurityCode,
}

/// Whether the owner has once agreed to later charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SetUp {
    Done,
    NotDone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SecurityCode {
    Given,
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Approved,
    ApprovedWithoutFriction,
    Declined(Decline),
    /// Show the bank's page.
    Asks,
    /// Accepted, the money's fate is known later.
    Accepted(Fate),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    Succeeds,
    Fails,
}

impl Behaviour {
    /// What becomes of a charge.
    pub(crate) fn charge(self, attempt: Attempt) -> Verdict {
        match self {
            Self::Declines(Decline::IncorrectCvc)
                if attempt.security_code == SecurityCode::Absent =>
            {
                Verdict::Approved
            }
            Self::Declines(decline) => Verdict::Declined(decline),
            Self::DeclinesCharges => Verdict::Declined(Decline::Generic),
            Self::Asks(question) => question.charge(attempt),
            Self::DecidesLater(fate) => Verdict::Accepted(fate),
            Self::Succeeds | Self::SucceedsThen(_) | Self::AnswerLost(_) => Verdict::Approved,
        }
    }

    /// What becomes of saving the card without charging it.
    pub(crate) fn set_up(self, authentication: Authentication) -> Verdict {
        match self {
            Self::Declines(decline) => Verdict::Declined(decline),
            Self::Asks(question) => question.set_up(authentication),
            Self::Succeeds
            | Self::DeclinesCharges
            | Self::SucceedsThen(_)
            | Self::AnswerLost(_)
            | Self::DecidesLater(_) => Verdict::Approved,
        }
    }

    pub(crate) fn aftermath(self) -> Option<Aftermath> {
        match self {
            Self::SucceedsThen(aftermath) => Some(aftermath),
            Self::Succeeds
            | Self::Declines(_)
            | Self::DeclinesCharges
            | Self::Asks(_)
            | Self::AnswerLost(_)
            | Self::DecidesLater(_) => None,
        }
    }
}

impl Question {
    fn charge(self, attempt: Attempt) -> Verdict {
        let requested = attempt.authentication == Authentication::Requested;
        let completed = attempt.authentication == Authentication::Completed;
        let away = attempt.session == Session::Off;
        let agreed_before = away && attempt.set_up == SetUp::Done;
        let asks = match self {
            Self::Frictionless => return Verdict::ApprovedWithoutFriction,
            Self::LookupFails => return Verdict::Declined(Decline::Generic),
            Self::FailsIfRequested if requested => {
                return Verdict::Declined(Decline::ProcessingError);
            }
            Self::FailsIfRequested => false,
            Self::IfRequested => requested,
            Self::Always | Self::ThenDeclines => true,
            Self::UnlessSetUp | Self::ThenInsufficientFunds => !agreed_before,
            Self::OnSession => !away,
        };
        match (asks && !completed, attempt.session) {
            (false, _) => self.final_word(),
            (true, Session::On) => Verdict::Asks,
            // Nobody can be asked when the owner is away: that is a decline of its own.
            (true, Session::Off) => Verdict::Declined(Decline::AuthenticationRequired),
        }
    }

    fn set_up(self, authentication: Authentication) -> Verdict {
        let completed = authentication == Authentication::Completed;
        match self {
            Self::LookupFails => Verdict::Declined(Decline::Generic),
            Self::UnlessSetUp | Self::Always | Self::ThenInsufficientFunds | Self::ThenDeclines
                if !completed =>
            {
                Verdict::Asks
            }
            Self::ThenDeclines => Verdict::Declined(Decline::Generic),
            Self::UnlessSetUp
            | Self::Always
            | Self::ThenInsufficientFunds
            | Self::OnSession
            | Self::IfRequested
            | Self::FailsIfRequested
            | Self::Frictionless => Verdict::Approved,
        }
    }

    /// The issuer's word once authentication is out of the way.
    fn final_word(self) -> Verdict {
        match self {
            Self::ThenInsufficientFunds => Verdict::Declined(Decline::InsufficientFunds),
            Self::ThenDeclines | Self::LookupFails => Verdict::Declined(Decline::Generic),
            Self::UnlessSetUp
            | Self::Always
            | Self::OnSession
            | Self::IfRequested
            | Self::FailsIfRequested
            | Self::Frictionless => Verdict::Approved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(behaviour: Behaviour, session: Session, set_up: SetUp) -> Verdict {
        let authentication = Authentication::Automatic;
        let security_code = SecurityCode::Given;
        behaviour.charge(Attempt {
            session,
            authentication,
            set_up,
            security_code,
        })
    }

    #[test]
    fn a_card_that_asks_unless_set_up_asks_on_session_even_when_set_up() {
        let card = Behaviour::Asks(Question::UnlessSetUp);
        assert_eq!(charge(card, Session::On, SetUp::NotDone), Verdict::Asks);
        assert_eq!(charge(card, Session::On, SetUp::Done), Verdict::Asks);
        assert_eq!(charge(card, Session::Off, SetUp::Done), Verdict::Approved);
        let refused = Verdict::Declined(Decline::AuthenticationRequired);
        assert_eq!(charge(card, Session::Off, SetUp::NotDone), refused);
    }

    #[test]
    fn a_card_that_always_asks_cannot_be_charged_off_session() {
        let refused = Verdict::Declined(Decline::AuthenticationRequired);
        for set_up in [SetUp::Done, SetUp::NotDone] {
            assert_eq!(
                charge(Behaviour::Asks(Question::Always), Session::Off, set_up),
                refused
            );
        }
    }

    #[test]
    fn a_wrong_security_code_matters_only_when_one_is_given() {
        let card = Behaviour::Declines(Decline::IncorrectCvc);
        let attempt = |security_code| Attempt {
            session: Session::On,
            authentication: Authentication::Automatic,
            set_up: SetUp::NotDone,
            security_code,
        };
        let declined = Verdict::Declined(Decline::IncorrectCvc);
        assert_eq!(card.charge(attempt(SecurityCode::Given)), declined);
        assert_eq!(
            card.charge(attempt(SecurityCode::Absent)),
            Verdict::Approved
        );
    }

    #[test]
    fn authentication_does_not_help_a_card_without_funds() {
        let attempt = Attempt {
            session: Session::On,
            authentication: Authentication::Completed,
            set_up: SetUp::NotDone,
            security_code: SecurityCode::Given,
        };
        let verdict = Behaviour::Asks(Question::ThenInsufficientFunds).charge(attempt);
        assert_eq!(verdict, Verdict::Declined(Decline::InsufficientFunds));
    }
}

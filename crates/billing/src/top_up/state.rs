//! The states of a top-up and what a gateway's word makes of them. Pure.
//!
//! ```text
//! processing ──► requires_action ──► succeeded
//!     │  ▲────────────┘  │
//!     └──► failed | canceled ──► succeeded   (money that arrived after all is never lost)
//! ```
//!
//! What is taken back of one that succeeded is no state of its own but amounts beside it, of which
//! [`aftermath`] makes the word: partially refunded, refunded, disputed, reversed.

use types::money::Cents;
use types::payment::DeclineReason;
use types::refund::Aftermath;

use crate::payments::gateway::{Outcome, Settled};

/// How a top-up stands, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Processing,
    RequiresAction { url: Option<String> },
    Succeeded,
    Failed { reason: DeclineReason },
    Canceled,
}

impl State {
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::RequiresAction { .. } => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// What the payment behind it is called.
    pub(crate) const fn payment_state(&self) -> &'static str {
        match self {
            Self::Processing | Self::RequiresAction { .. } => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// What a gateway's word does to a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// Nothing that is not known already.
    Stay,
    /// Another state; no money moved.
    Become(State),
    /// The money arrived: it becomes credit.
    Credit(&'a Settled),
}

/// Total: every state takes every word. Money that arrived counts from any state but the one in
/// which it was counted.
pub(crate) fn step<'a>(state: &State, outcome: &'a Outcome) -> Step<'a> {
    match (state, outcome) {
        (State::Succeeded, _) => Step::Stay,
        (_, Outcome::Succeeded(settled)) => Step::Credit(settled),
        (State::Failed { .. } | State::Canceled, _) => Step::Stay,
        (State::Processing | State::RequiresAction { .. }, outcome) => {
            let next = match outcome {
                Outcome::Processing { .. } => State::Processing,
                Outcome::RequiresAction { url, .. } => State::RequiresAction { url: url.clone() },
                Outcome::Declined { reason, .. } => State::Failed { reason: *reason },
                // Our request was wrong, not the person's card: to them it is a payment that
                // could not be processed.
                Outcome::Refused { .. } => State::Failed {
                    reason: DeclineReason::ProcessingError,
                },
                Outcome::Canceled { .. } => State::Canceled,
                Outcome::Succeeded(settled) => return Step::Credit(settled),
            };
            if next == *state {
                Step::Stay
            } else {
                Step::Become(next)
            }
        }
    }
}

/// What became of a top-up of `paid` after it had succeeded. A dispute outweighs a refund: while
/// the bank has not decided, nothing else may be done about it.
pub(crate) fn aftermath(
    paid: Cents,
    refunded: Cents,
    disputed: Cents,
    reversed: Cents,
) -> Aftermath {
    let is_some = |cents: Cents| cents > Cents::new(0);
    if is_some(disputed) {
        Aftermath::Disputed
    } else if is_some(reversed) {
        Aftermath::Reversed
    } else if refunded >= paid {
        Aftermath::Refunded
    } else if is_some(refunded) {
        Aftermath::PartiallyRefunded { refunded }
    } else {
        Aftermath::Kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_says_what_became_of_it() {
        let of = |refunded, disputed, reversed| {
            aftermath(
                Cents::new(25),
                Cents::new(refunded),
                Cents::new(disputed),
                Cents::new(reversed),
            )
        };
        let refunded = Cents::new(10);
        let table = [
            (of(0, 0, 0), Aftermath::Kept),
            (of(10, 0, 0), Aftermath::PartiallyRefunded { refunded }),
            (of(25, 0, 0), Aftermath::Refunded),
            (of(10, 15, 0), Aftermath::Disputed),
            (of(10, 0, 15), Aftermath::Reversed),
            (of(0, 12, 13), Aftermath::Disputed),
        ];
        for (found, expected) in table {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn every_state_takes_every_word() {
        let intent: crate::payments::gateway::GatewayIntent = "pi_1".parse().unwrap();
        let settled = Settled {
            intent: intent.clone(),
            amount: Cents::new(1),
            fee: None,
            method: None,
            kept_besides: None,
        };
        let reason = DeclineReason::Generic;
        let url = Some("https://bank.example/".to_owned());
        let words = [
            Outcome::Succeeded(settled.clone()),
            Outcome::Processing {
                intent: intent.clone(),
            },
            Outcome::RequiresAction {
                intent: intent.clone(),
                url: url.clone(),
            },
            Outcome::Declined {
                intent: Some(intent.clone()),
                reason,
            },
            Outcome::Canceled { intent },
        ];
        let [processing, asking, failed, canceled] = [
            State::Processing,
            State::RequiresAction { url },
            State::Failed { reason },
            State::Canceled,
        ];
        let become_ = |state: &State| Step::Become(state.clone());
        let table = [
            (
                &State::Succeeded,
                [Step::Stay, Step::Stay, Step::Stay, Step::Stay, Step::Stay],
            ),
            (
                &failed,
                [
                    Step::Credit(&settled),
                    Step::Stay,
                    Step::Stay,
                    Step::Stay,
                    Step::Stay,
                ],
            ),
            (
                &canceled,
                [
                    Step::Credit(&settled),
                    Step::Stay,
                    Step::Stay,
                    Step::Stay,
                    Step::Stay,
                ],
            ),
            (
                &processing,
                [
                    Step::Credit(&settled),
                    Step::Stay,
                    become_(&asking),
                    become_(&failed),
                    become_(&canceled),
                ],
            ),
            (
                &asking,
                [
                    Step::Credit(&settled),
                    become_(&processing),
                    Step::Stay,
                    become_(&failed),
                    become_(&canceled),
                ],
            ),
        ];
        for (state, expected) in table {
            for (word, expected) in words.iter().zip(expected) {
                assert_eq!(step(state, word), expected, "{state:?} hears {word:?}");
            }
        }
    }
}
